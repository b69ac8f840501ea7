"""The page of an evaluation: its answer first, then all tasks at a glance, gates, each task, and how it was made.

Its parts are also the sections that the report of a whole run shows. Nothing on the page depends on when or how fast
the models were scored: `results.json` has the times.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from ontogeny.evaluate.guessing import against_guessing
from ontogeny.evaluate.headline import headline
from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.report_comparisons import COMPARED, DETECTABLE, HOLM, compared_cells
from ontogeny.evaluate.report_figures import differences_chart, tasks_chart
from ontogeny.evaluate.report_items import last_line
from ontogeny.evaluate.report_tasks import add_suite
from ontogeny.evaluate.report_trust import add_contamination
from ontogeny.evaluate.scores import Comparison, ItemRow, Result
from ontogeny.evaluate.wording import (
    TONES,
    difference,
    interval,
    is_share,
    p_equals,
    short_names,
    tone_of,
    value,
)
from ontogeny.report import numbers
from ontogeny.report.page import Page, Section, Tone

MOST_CARDS = 3  # suites with cards of their own; of more, cards count them
LEAST_DRAWN = 2  # tasks from which on a chart shows more than a line of text
DIGEST_CHARS = 19  # shown of a digest: `blake3:` and twelve digits


def evaluation_page(record: EvaluationRecord, rows: Sequence[ItemRow], *, seed: int) -> Page:
    """The report of one evaluation."""
    against = f" against {record.baseline}" if record.baseline else ""
    capped = f" At most {numbers.count(record.limit)} items a suite." if record.limit is not None else ""
    page = Page(
        f"Evaluation of {record.model}",
        subtitle=f"{record.model}{against}.{capped}",
    )
    add_key_figures(page, record)
    add_sections(page, record, rows, seed=seed)
    _add_provenance(page, record)
    return page


def add_key_figures(page: Page, record: EvaluationRecord) -> None:
    """The numbers to take home: each suite's primary metric and its change; of many suites, how many were gained."""
    measured = [suite for suite in record.suites if record.primary_result(suite, record.model) is not None]
    if len(measured) > MOST_CARDS:
        _add_counts(page, record, measured)
        return
    for suite in measured:
        _add_card(page, record, suite)


def _add_counts(page: Page, record: EvaluationRecord, measured: Sequence[SuiteRecord]) -> None:
    compared = [row for suite in measured if (row := record.primary_comparison(suite)) is not None]
    for verdict, tone in TONES.items():
        count = sum(row.verdict == verdict for row in compared)
        if compared:
            of = f"of {numbers.counted(len(compared), 'task')}, against {compared[0].model_b}"
            page.key_figure(verdict, numbers.count(count), note=of, tone=tone if count else "plain")
    guessed = against_guessing(record)
    if guessed and not compared:
        above = sum(verdict == "better" for verdict in guessed.values())
        note = f"of {numbers.counted(len(guessed), 'task')} with choices (Holm)"
        page.key_figure("better than guessing", numbers.count(above), note=note)
    items = 0
    for suite in measured:
        found = record.primary_result(suite, record.model)
        items += found.n if found is not None else 0
    page.key_figure("items", numbers.count(items), note=f"of {numbers.counted(len(measured), 'task')}")
    if record.verdicts:
        passed = sum(verdict.passed for verdict in record.verdicts)
        note = f"of {numbers.counted(len(record.verdicts), 'gate')}"
        tone = _tone(passed == len(record.verdicts))
        page.key_figure("gates passed", numbers.count(passed), note=note, tone=tone)


def _add_card(page: Page, record: EvaluationRecord, suite: SuiteRecord) -> None:
    """A suite's primary metric, and by how much it is better than the baseline's; coloured where that is sure."""
    result = record.primary_result(suite, record.model)
    assert result is not None
    notes = [interval(result.metric, result.ci95)] if result.ci95 else []
    tone: Tone = "plain"
    if (xz := suite.figures.get("xz_bits_per_byte")) is not None:
        notes.append(f"xz -9e needs {numbers.measure(xz)}")
        tone = _against_xz(result, xz)
    elif suite.chance is not None:
        notes += [f"chance {numbers.percent(suite.chance)}", f"n = {numbers.count(result.n)}"]
        tone = TONES[against_guessing(record)[suite.name]]
    else:
        notes.append(f"n = {numbers.count(result.n)}")
    page.key_figure(_label(suite), value(result.metric, result.value), note=", ".join(notes), tone=tone)
    if (row := record.primary_comparison(suite)) is not None:
        bounds = f"{interval(row.metric, row.ci95)} " if row.ci95 else ""
        page.key_figure(
            f"{_label(suite)}, change",
            difference(row.metric, row.difference),
            note=f"{bounds}over {row.model_b}: {row.verdict}, paired {p_equals(row.p_value)}",
            tone=tone_of(row),
        )


def _against_xz(result: Result, xz: float) -> Tone:
    low, high = result.ci95 or (-math.inf, math.inf)
    return "good" if high < xz else "bad" if low > xz else "plain"


def _label(suite: SuiteRecord) -> str:
    names = {"bits-per-byte": "bits per byte", "multiple-choice": f"{suite.name} right"}
    return names.get(suite.type, f"{suite.name}, {suite.primary}")


def add_sections(page: Page, record: EvaluationRecord, rows: Sequence[ItemRow], *, seed: int) -> None:
    """What was found, gates, then a section for each suite. `seed` draws the items that are shown."""
    _add_findings(page, record)
    _add_gates(page, record, rows)
    for suite in record.suites:
        add_suite(page, record, suite, [row for row in rows if row.suite == suite.name], seed=seed)


def _add_findings(page: Page, record: EvaluationRecord) -> None:
    found = headline(record)
    section = page.section("What was found")
    section.note(found.text, tone=found.tone)
    models = short_names(name for name in (record.model, record.baseline) if name is not None)
    measured = [suite for suite in record.suites if record.primary_result(suite, record.model) is not None]
    shares = [suite for suite in measured if is_share(str(suite.primary))]
    if len(shares) >= LEAST_DRAWN:
        section.figure(
            tasks_chart(record, models),
            caption="The metric that stands for each task, with 95% intervals. Intervals of two models that overlap do "
            "not say that they are equal: the difference on the same items is a test of its own."
            if record.baseline
            else "The metric that stands for each task, with 95% intervals.",
        )
    if measured:
        _add_all_tasks(section, record, measured, models)
    rows = [row for suite in measured for row in record.primary_comparisons(suite)]
    for model in dict.fromkeys(row.model_b for row in rows):
        _add_against(section, record, [row for row in rows if row.model_b == model])
    add_contamination(section, record)


def _add_all_tasks(
    section: Section, record: EvaluationRecord, measured: Sequence[SuiteRecord], models: Mapping[str, str]
) -> None:
    found = {
        (suite.name, model): record.primary_result(suite, model) for suite in measured for model in models
    }
    grouped = any(row is not None and row.groups != row.n for row in found.values())
    seeded = any(row is not None and row.seeds > 1 for row in found.values())
    columns = ["task", "metric"]
    columns += [f"{short}, 95% interval" for short in models.values()]
    between = "\n" if len(models) > 1 else " "  # two models side by side have no room for long lines
    rows: list[list[str | int | None]] = []
    for suite in measured:
        cells: list[str | int | None] = [suite.name, suite.primary]
        for model in models:
            row = found[suite.name, model]
            cells.append(
                f"{value(row.metric, row.value)}{between}{interval(row.metric, row.ci95)}" if row else None
            )
        own = found[suite.name, record.model]
        assert own is not None
        cells += [record.to_beat(own), own.n, *([own.groups] if grouped else [])]
        rows.append([*cells, *([own.seeds] if seeded else [])])
    section.table(
        [*columns, "to beat", "n", *(["groups"] if grouped else []), *(["trainings"] if seeded else [])],
        rows,
        caption="“To beat”: what guessing gets right, or what xz -9e needs for a byte."
        + (" Items of one group share a source: errors are clustered." if grouped else ""),
    )


def _add_against(section: Section, record: EvaluationRecord, rows: Sequence[Comparison]) -> None:
    first = rows[0]
    section.heading(f"Against {first.model_b}")
    drawn = [row for row in rows if is_share(row.metric)]
    if len(drawn) >= LEAST_DRAWN:
        section.figure(
            differences_chart(drawn),
            caption=f"How much better {first.model_a} is on the same items, with 95% intervals; in colour where the "
            "verdict is better or worse.",
        )
    section.table(
        ["task", *COMPARED, "n"],
        [[row.task, *compared_cells(row), row.n] for row in rows],
        caption=f"{first.model_a} less {first.model_b}, the primary metric of each task. {HOLM} {DETECTABLE}",
    )


def _add_gates(page: Page, record: EvaluationRecord, rows: Sequence[ItemRow]) -> None:
    if not record.verdicts:
        return
    section = page.section("Gates", lead="Conditions that were set before the evaluation ran.")
    own = {row.item: row for row in rows if row.model == record.shown(record.model)}
    for verdict in record.verdicts:
        held = f" Held back: {', '.join(verdict.blocks)}." if verdict.blocks and not verdict.passed else ""
        decided = "passed" if verdict.passed else "refused"
        section.note(f"{verdict.gate} {decided}: {verdict.reason}.{held}", tone=_tone(verdict.passed))
        moved = [own[item] for item in verdict.items if item in own]
        if moved:
            section.table(
                ["item", "what was asked"],
                [[row.item, last_line(row)] for row in moved],
                caption=f"{numbers.counted(len(moved), 'item')} that moved {verdict.gate} most",
                folded=True,
            )


def _add_provenance(page: Page, record: EvaluationRecord) -> None:
    """By what, of what, with which settings: what it takes to measure the same once more."""
    section = page.section("How it was made", lead="What it takes to measure the same once more.")
    facts = [[name, digest] for name, digest in record.digests.items()]
    if (made := record.made) is not None:
        packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
        facts += [
            ["code", f"{made.code}, {made.code_digest[:DIGEST_CHARS]}"],
            ["packages", packages],
            ["machine", ", ".join(f"{name} {each}" for name, each in made.hardware.items())],
            ["device", f"{made.device}, {numbers.counted(made.threads, 'thread')}"],
            ["seed", str(made.seed)],
        ]
    facts.append(["items a task", "all" if record.limit is None else f"at most {record.limit}"])
    section.table(["", ""], facts, caption="Models, code and machine.")
    section.table(
        ["suite", "data", "task digest", "data digest"],
        [[suite.name, suite.data, _short(suite.task_digest), _short(suite.data_digest)] for suite in record.suites],
        caption="What was asked, and about what; results.json has the whole digests.",
    )  # fmt: skip
    settings = [suite.settings for suite in record.suites]
    section.code(
        json.dumps(settings, indent=2, ensure_ascii=False),
        caption="The suites as a recipe has them, defaults included",
        folded=True,
    )


def _short(digest: str | None) -> str | None:
    return None if digest is None else digest[:DIGEST_CHARS]


def _tone(good: bool) -> Tone:
    return "good" if good else "bad"
