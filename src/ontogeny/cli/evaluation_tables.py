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
    from ontogeny.cli.show import print_table
    from ontogeny.evaluate import wording
    from ontogeny.evaluate.headline import headline
    from ontogeny.report import numbers

    stands = {(suite.name, suite.primary): suite for suite in record.suites}
    shown = _shown([row for row in record.results if row.model == record.model], list(stands))
    rows = []
    for row in shown:
        suite = stands.get((row.task, row.metric))
        beaten = "" if suite is None else suite.to_beat or ""
        rows.append(
            [
                row.task, row.metric, wording.value(row.metric, row.value), wording.interval(row.metric, row.ci95),
                beaten, numbers.count(row.n),
            ]
        )  # fmt: skip
    print_table(
        ["task", "metric", "value", "95% interval", "to beat", "n"],
        rows,
        right=["value", "95% interval", "to beat", "n"],
    )
    typer.echo(headline(record).text)


def print_comparisons(record: EvaluationRecord) -> None:
    """Every comparison with its verdict; then in words what stands for each suite."""
    from ontogeny.cli.show import print_table
    from ontogeny.evaluate import wording
    from ontogeny.evaluate.told import told
    from ontogeny.report import numbers

    stands = [(suite.name, suite.primary) for suite in record.suites]
    names = wording.short_names([record.model, str(record.baseline)])
    columns = ["task", "metric", *names.values(), "difference, 95%", "verdict"]
    rows = [
        [
            row.task, row.metric, wording.value(row.metric, row.a), wording.value(row.metric, row.b),
            wording.interval(row.metric, row.ci95), row.verdict or numbers.ABSENT,
        ]
        for row in _shown(record.comparisons, stands)
    ]  # fmt: skip
    print_table(columns, rows, right=columns[2:-1])
    for row in record.comparisons:
        if (row.task, row.metric) in stands:
            typer.echo(f"{row.task}, {row.metric}: {told(row)}")


def _shown(rows: Sequence[Row], stands: Sequence[tuple[str, str | None]]) -> Sequence[Row]:
    """All rows; of more than a screen, those that stand for a suite."""
    if len(rows) <= MOST_ROWS:
        return rows
    typer.echo("What stands for each suite; the report has all metrics and parts.", err=True)
    return [row for row in rows if (row.task, row.metric) in stands]
