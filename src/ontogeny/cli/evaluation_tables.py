"""What `evaluate` and `compare` print: tables that fit 80 columns, and what they come to in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from ontogeny.evaluate.record import EvaluationRecord
    from ontogeny.evaluate.scores import Comparison, Result

    Row = TypeVar("Row", Result, Comparison)

MOST_ROWS = 40  # a screen; of more, what stands for each suite


def print_results(record: EvaluationRecord) -> None:
    """Every result of the evaluated model, what it has to beat, and the headline."""
    from rich.markup import escape

    from ontogeny.cli.show import print_table, print_words
    from ontogeny.evaluate import wording
    from ontogeny.evaluate.headline import headline
    from ontogeny.report import numbers

    stands = [(suite.name, suite.primary) for suite in record.suites]
    own = [row for row in record.results if row.model == record.model and not record.repeats(row)]
    rows = [
        [
            escape(row.task), escape(row.metric), wording.value(row.metric, row.value),
            wording.interval(row.metric, row.ci95), record.to_beat(row) or "", numbers.count(row.n),
        ]
        for row in _shown(own, stands)
    ]  # fmt: skip
    columns = ["task", "metric", "value", "95% interval", "to beat", "n"]
    if not any(row[4] for row in rows):
        columns, rows = [*columns[:4], "n"], [[*row[:4], row[5]] for row in rows]
    print_table(columns, rows, right=columns[2:], spare=["n", "to beat"])
    print_words(headline(record).text)


def print_comparisons(record: EvaluationRecord) -> None:
    """Every comparison with its verdict; then in words what stands for each suite."""
    from rich.markup import escape

    from ontogeny.cli.show import print_table, print_words
    from ontogeny.evaluate import wording
    from ontogeny.evaluate.told import told
    from ontogeny.report import numbers

    stands = [(suite.name, suite.primary) for suite in record.suites]
    model, other = wording.short_names([record.model, str(record.baseline)]).values()
    columns = ["task", "metric", model, other, "difference", "95% interval", "verdict"]
    rows = [
        [
            escape(row.task), escape(row.metric), wording.value(row.metric, row.a), wording.value(row.metric, row.b),
            wording.change(row.metric, row.difference), wording.interval(row.metric, row.ci95),
            row.verdict or numbers.ABSENT,
        ]
        for row in _shown(record.comparisons, stands)
    ]  # fmt: skip
    print_table(columns, rows, right=columns[2:-1], spare=[other, model])
    for row in record.comparisons:
        if (row.task, row.metric) in stands:
            print_words(f"{row.task}, {row.metric}: {told(row)}")


def _shown(rows: Sequence[Row], stands: Sequence[tuple[str, str | None]]) -> Sequence[Row]:
    """All rows; of more than a screen, those that stand for a suite."""
    if len(rows) <= MOST_ROWS:
        return rows
    typer.echo("What stands for each suite; the report has all metrics and parts.", err=True)
    return [row for row in rows if (row.task, row.metric) in stands]
