"""The section of each suite on the page of an evaluation: what was measured, its parts, and single items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ontogeny.evaluate import report_figures as charts
from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.remarks import DOUBLED, doubled_choices, lost_items, never_tuned
from ontogeny.evaluate.report_comparisons import COMPARED, DETECTABLE, HOLM, compared_cells
from ontogeny.evaluate.report_items import add_choices, add_documents, add_samples, add_written
from ontogeny.evaluate.report_trust import add_trust
from ontogeny.evaluate.scores import Comparison, ItemRow, Result
from ontogeny.evaluate.wording import interval, listed, short_names, value
from ontogeny.report import numbers
from ontogeny.report.page import Page, Section
from ontogeny.statistics.calibration import calibration_error

TITLES = {
    "bits-per-byte": "Held-out text",
    "multiple-choice": "Multiple choice",
    "samples": "Samples",
    "task": "Task",
    "lm-eval": "lm-evaluation-harness",
}
TEST_NAMES = {
    "mcnemar-mid-p": "McNemar's test (mid-p)",
    "sign-flip": "a sign-flip test of whole groups of items",
    "swap": "a test that swaps whole groups of items",
    "seeds-t": "Student's t over trainings",
}
MOST_PARTS = 30  # rows of a chart; of more parts there is the table


@dataclass(frozen=True)
class _Items:
    """The items of a suite as the model met them, and as the baseline did, with short names for both."""

    own: Sequence[ItemRow]
    others: Sequence[ItemRow]
    names: tuple[str, str]

    @property
    def pairs(self) -> list[tuple[ItemRow, ItemRow]]:
        """Those that both met."""
        by_item = {row.item: row for row in self.others}
        return [(row, by_item[row.item]) for row in self.own if row.item in by_item]


def add_suite(
    page: Page, record: EvaluationRecord, suite: SuiteRecord, rows: Sequence[ItemRow], *, seed: int
) -> None:
    """The section of one suite; `rows` are its items. `seed` draws those that are shown, without looking at scores."""
    title = TITLES[suite.type] if suite.name == suite.type else f"{TITLES[suite.type]}: {suite.name}"
    section = page.section(title, lead=_lead(suite))
    for model in suite.untuned:
        section.note(f"{never_tuned(model)}.")
    if suite.type == "samples":
        add_samples(section, record, rows)
        return
    if suite.type == "lm-eval":
        _add_reported(section, record, suite)
        return
    _add_results(section, record, suite)
    _add_comparisons(section, record, suite)
    if any(point.task == suite.name for point in record.curves):
        _add_curve(section, record, suite)
    _add_parts(section, record, suite)
    items = _items(record, suite, rows)
    add_trust(section, record, suite, items.own)
    if items.own and items.own[0].choices:
        if items.pairs:
            section.heading("Question by question")
            section.figure(
                charts.choices_scatter(items.pairs, items.names, seed=seed),
                caption="Each question at the probability that either model gives its right choice, of what it gives "
                "all choices: above the line the model is surer of it than the baseline. Beside it, who was right.",
            )
        _add_calibration(section, items)
        add_choices(section, suite, items.own, items.others, names=items.names, seed=seed)
    elif suite.type == "bits-per-byte":
        if items.pairs:
            section.heading("Document by document")
            section.figure(
                charts.bits_scatter(items.pairs, items.names, seed=seed),
                caption="Each document at the bits per byte of either model: below the line the model needs fewer.",
            )
        add_documents(section, items.own, record.model)
    else:
        add_written(section, suite, items.own, items.others, names=items.names, seed=seed)


def _items(record: EvaluationRecord, suite: SuiteRecord, rows: Sequence[ItemRow]) -> _Items:
    """In the forms that count."""

    def met_by(model: str) -> list[ItemRow]:
        return [row for row in rows if row.model == model and row.form == suite.forms.get(model)]

    models = [record.shown(name) for name in (record.model, record.baseline) if name is not None]
    names = short_names(models)
    own, *others = [met_by(model) for model in models]
    return _Items(own, others[0] if others else (), (names[models[0]], names[models[-1]]))


def _lead(suite: SuiteRecord) -> str:
    if suite.type == "bits-per-byte":
        return (
            f"How many bits the model needs for a byte of the held-out documents of {suite.data}: less is better. "
            "xz -9e compresses the same documents as one stream, in the order of their ids."
        )
    if suite.type == "multiple-choice":
        return (
            f"Held-out questions of {suite.data}. The model picks the choice it finds likeliest; "
            f"{suite.primary} is the rule that counts."
        )
    if suite.type == "task":
        shots = suite.settings.get("num_fewshot")
        said = f", after {numbers.counted(shots, 'solved example')}" if shots else ""
        asked = "in chat" if suite.settings.get("form") == "chat" else "as plain text"
        return (
            f"Items of the task {suite.data}, asked {asked}{said}. {suite.primary} is the metric that counts."
        )
    if suite.type == "lm-eval":
        return (
            f"{suite.data}: asked and judged by lm-evaluation-harness itself. Values and errors are its own."
        )
    return "What the models write, unedited. Questions were drawn at random before anything was written."


def _add_reported(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    prefix = f"{suite.name}/"
    section.table(
        ["model", "task", "metric", "value", "standard error", "95% interval", "n"],
        [
            [
                row.model, row.task.removeprefix(prefix), row.metric, value(row.metric, row.value),
                value(row.metric, row.stderr), interval(row.metric, row.ci95), row.n,
            ]
            for row in record.results
            if row.task.startswith(prefix)
        ],
        caption="Items count as independent of each other; nothing here is compared or decides a gate.",
    )  # fmt: skip


def _add_results(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    results = [row for row in record.results if row.task == suite.name]
    groups = max((row.groups for row in results), default=0)
    formed = len({row.form for row in results if row.form}) > 1
    seeded = any(row.seeds > 1 for row in results)
    section.table(
        [
            "model", "metric", *(["form"] if formed else []), "value", "standard error", "95% interval", "n",
            *(["trainings"] if seeded else []),
        ],
        [
            [
                row.model, row.metric, *([row.form] if formed else []), value(row.metric, row.value),
                value(row.metric, row.stderr), interval(row.metric, row.ci95), row.n,
                *([row.seeds] if seeded else []),
            ]
            for row in results
        ],
        caption=""
        if all(row.groups == row.n for row in results)
        else f"Errors and intervals take into account that items come in {numbers.count(groups)} groups.",
    )  # fmt: skip
    if suite.type == "task":
        drawn = charts.metrics_chart(results, suite, _models(results))
        if drawn is not None:
            section.figure(drawn, caption="Lines are 95% intervals.")
    else:
        others = (
            " Faint bars are forms that do not count." if any("[" in row.metric for row in results) else ""
        )
        section.figure(charts.bars(results, suite), caption=f"Lines are 95% intervals.{others}")
    for lost in lost_items(suite.counts):
        section.note(f"{lost}.")
    if doubled := max((counts.get(DOUBLED, 0) for counts in suite.counts.values()), default=0):
        section.note(f"{doubled_choices(doubled)}.")
    for model, nats in suite.company.items():
        section.note(
            f"{model}: computed by themselves, some requests scored up to {nats:.1e} nats otherwise than among others."
        )


def _models(results: Sequence[Result]) -> dict[str, str]:
    return short_names(row.model for row in results)


def _add_comparisons(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    rows = [row for row in record.comparisons if row.task == suite.name]
    for model in dict.fromkeys(row.model_b for row in rows):
        _add_comparison(section, [row for row in rows if row.model_b == model])


def _add_comparison(section: Section, rows: Sequence[Comparison]) -> None:
    first = rows[0]
    names = short_names([first.model_a, first.model_b])
    forms = ""
    if first.form_a and first.form_b and (first.form_a, first.form_b) != ("plain", "plain"):
        forms = f" ({first.form_a} and {first.form_b}, its better form)"
    tests = listed([TEST_NAMES[test] for test in dict.fromkeys(row.test for row in rows)])
    section.table(
        ["metric", *names.values(), *COMPARED, "n"],
        [
            [
                row.metric, value(row.metric, row.a), value(row.metric, row.b), *compared_cells(row), row.n,
            ]
            for row in rows
        ],
        caption=(
            f"{first.model_a} against {first.model_b}{forms}, on the same items, by {tests}. "
            f"{HOLM} {DETECTABLE}"
        ),
    )  # fmt: skip


def _add_parts(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    """The primary metric of each part of the items: tasks of a group, languages, lengths."""
    whole = {row.task for row in record.robustness}  # all items, asked otherwise
    parts = [
        row
        for row in record.results
        if row.task.startswith(f"{suite.name}/") and row.metric == suite.primary
        if row.task not in whole and not record.repeats(row)
    ]
    many = len({row.task for row in parts})
    if not parts:
        return
    section.heading("By part")
    drawn = charts.parts_chart(parts, suite, _models(parts)) if many <= MOST_PARTS else None
    if drawn is not None:
        section.figure(drawn, caption="The same metric on parts of the items, with 95% intervals.")
    section.table(
        ["part", "model", str(suite.primary), "standard error", "95% interval", "n"],
        [
            [
                row.task.removeprefix(f"{suite.name}/"), row.model, value(row.metric, row.value),
                value(row.metric, row.stderr), interval(row.metric, row.ci95), row.n,
            ]
            for row in parts
        ],
        caption=f"{numbers.counted(many, 'part')} as figures",
        folded=drawn is not None,
    )  # fmt: skip


def _add_curve(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    """The primary metric over the snapshots of the model's training."""
    points = [point for point in record.curves if point.task == suite.name]
    metric = points[0].metric
    section.figure(
        charts.curve(record, suite),
        caption="The suite on the snapshots that the training of the model kept, and on the model itself.",
    )
    section.table(
        ["step", metric, "standard error", "95% interval", "n"],
        [
            [
                point.step, value(metric, point.value), value(metric, point.stderr),
                interval(metric, point.ci95), point.n,
            ]
            for point in points
        ],
    )  # fmt: skip


def _add_calibration(section: Section, items: _Items) -> None:
    """Whether the probability of the choice is how often it is right, where there are items enough to tell."""
    found = [
        (name, bins)
        for name, rows in zip(items.names, (items.own, items.others), strict=True)
        if (bins := charts.calibration_bins(rows))
    ]
    if found:
        section.heading("Calibration")
        for name, bins in found:
            error = numbers.percent(calibration_error(bins))
            section.figure(
                charts.calibration_chart(bins),
                caption=f"{name}: how sure it was of its choice, among the choices, and how often it was right; "
                f"expected calibration error {error} (which so many bins make larger where items are few).",
            )
