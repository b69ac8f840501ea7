"""How far the figures can be trusted, on the page: contamination, the order of choices, wordings, flawed questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ontogeny.evaluate import order, templates
from ontogeny.evaluate.contamination import CLEAN, told
from ontogeny.evaluate.judge import said_of
from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.report_comparisons import COMPARED, HOLM, compared_cells
from ontogeny.evaluate.report_items import last_line
from ontogeny.evaluate.scores import ItemRow
from ontogeny.evaluate.trust import Contamination, Judged
from ontogeny.evaluate.wording import interval, short_names, value
from ontogeny.report import numbers
from ontogeny.report.page import Section, Turn, Verbatim

SHOWN_CONTAMINATED = 5
CONTAMINATED = "contaminated"


def add_contamination(section: Section, record: EvaluationRecord) -> None:
    """What is left of results without the items that the models have learnt from, of all suites."""
    models = [record.shown(name) for name in (record.model, record.baseline) if name is not None]
    known = [
        (suite, model, suite.contamination[model])
        for suite in record.suites
        for model in models
        if model in suite.contamination
    ]
    if not known:
        return
    section.heading("Items that stand in the training data")
    for model in models:
        reasons = {why for _, name, found in known if name == model for why in found.unsearched}
        if reasons and not any(found.searched for _, name, found in known if name == model):
            section.prose(
                f"Whether {model} has learnt from these items is not known: {'; '.join(sorted(reasons))}."
            )
    rows = [_with_and_without(record, *one) for one in known if one[2].searched]
    if rows:
        section.table(
            ["task", "model", "contaminated", "all items", "without them", "95% interval", "on them alone"],
            rows,
            caption="The primary metric of each task, with and without the items that a model has learnt from."
            + (
                " Those too short to be told are in neither part."
                if any(one[2].untold for one in known)
                else ""
            ),
        )


def _with_and_without(
    record: EvaluationRecord, suite: SuiteRecord, model: str, found: Contamination
) -> list[str | None]:
    whole, clean, met = (
        next((row for row in record.results if (row.task, row.metric, row.model) == wanted), None)
        for task in (suite.name, f"{suite.name}/{CLEAN}", f"{suite.name}/{CONTAMINATED}")
        for wanted in [(task, suite.primary, model)]
    )
    share = f"{numbers.count(found.contaminated)} of {numbers.count(found.tellable)}"
    if found.untold:
        share += f"; {numbers.count(found.untold)} too short to be told"
    values = [None if row is None else value(row.metric, row.value) for row in (whole, clean, met)]
    bounds = None if clean is None else interval(clean.metric, clean.ci95)
    return [suite.name, model, share, values[0], values[1], bounds, values[2]]


def add_trust(
    section: Section, record: EvaluationRecord, suite: SuiteRecord, rows: Sequence[ItemRow]
) -> None:
    """The same for one suite; `rows` are its items as the model under evaluation met them."""
    for found in suite.contamination.values():
        if found.searched:
            section.note(told(found), tone="bad" if found.contaminated else "plain")
    _add_spotted(section, [row for row in rows if row.contaminated])
    _add_order(section, suite)
    _add_phrasings(section, suite)
    _add_robustness(section, record, suite)
    _add_judged(section, suite)


def _add_spotted(section: Section, rows: Sequence[ItemRow]) -> None:
    if not rows:
        return
    section.heading("Items that stand in the training data")
    for row in rows[:SHOWN_CONTAMINATED]:
        turns = [Turn("item", row.prompt or row.item)]
        turns += [
            Turn(f"{one.artifact}, {one.source}, {numbers.percent(one.share, 0)} of it", one.words)
            for one in row.spotted or ()
        ]
        section.sample(turns, title=last_line(row), tone="bad", folded=True)


def _add_order(section: Section, suite: SuiteRecord) -> None:
    if not suite.order:
        return
    section.heading("The order of the choices")
    names = short_names(suite.order)
    section.table(
        ["model", "as the task has it", "least", "most", "right in all", "same choice in all", "letters taken"],
        [
            [
                names[model], numbers.percent(found.accuracy[0]), numbers.percent(min(found.accuracy)),
                numbers.percent(max(found.accuracy)), numbers.percent(found.all_right),
                numbers.percent(found.same_answer), _letters(found.letters),
            ]
            for model, found in suite.order.items()
        ],
        caption="Every question once with each rotation of its choices. Each letter is right equally often: one that "
        "is taken more often is liked for itself.",
    )  # fmt: skip


def _letters(letters: Mapping[str, float]) -> str:
    return ", ".join(f"{letter} {numbers.percent(share, 0)}" for letter, share in letters.items())


def _add_phrasings(section: Section, suite: SuiteRecord) -> None:
    if not suite.phrasings:
        return
    section.heading("The wording of the question")
    names = short_names(suite.phrasings)
    first = next(iter(suite.phrasings.values()))
    section.table(
        ["model", "the task's own", "least", "most", "standard deviation"],
        [
            [
                names[model],
                *(value(found.metric, one) for one in (found.phrasings[0].value, found.least, found.most)),
                value(found.metric, found.deviation),
            ]
            for model, found in suite.phrasings.items()
        ],
        caption=f"{first.metric} over {numbers.counted(len(first.phrasings), 'wording')}; the task's own is the one "
        "that counts. The standard deviation is that between wordings.",
    )  # fmt: skip
    section.table(
        ["prompt", *(column for name in names.values() for column in (name, "standard error"))],
        [
            [
                Verbatim(one.prompt),
                *(
                    value(found.metric, figure)
                    for found in suite.phrasings.values()
                    for figure in (found.phrasings[place].value, found.phrasings[place].stderr)
                ),
            ]
            for place, one in enumerate(first.phrasings)
        ],
        caption=f"{first.metric} with each wording, on the same items; the first is the task's own.",
    )  # fmt: skip


def _add_judged(section: Section, suite: SuiteRecord) -> None:
    """Who judged, and how far the verdicts go by what answers say."""
    found = suite.judged
    if found is None:
        return
    section.heading("The judge")
    if found.pairs:
        _add_verdicts(section, found)
    if found.is_unsure or not found.pairs:
        section.note(f"{said_of(found)}.", tone="bad" if found.goes_by_place else "plain")
    for count, what in (
        (found.equal, "the same answer by both models: a tie"),
        (found.unread, "too long for the judge: in no verdict"),
    ):
        if count:
            section.note(f"{numbers.counted(count, 'item')}: {what}.")


def _add_verdicts(section: Section, found: Judged) -> None:
    section.table(
        ["judge", "pairs", "one verdict in both orders", "preferred what stood first", "preferred the longer answer"],
        [
            [
                found.judge, found.pairs, f"{numbers.count(found.agreed)} of {numbers.count(found.pairs)}",
                None if found.first is None else numbers.percent(found.first),
                None if found.longer is None else numbers.percent(found.longer),
            ]
        ],
        caption=f"Every pair of answers was read in both orders; a verdict that turns with the order is a tie. Told to "
        f"the judge of the better answer: {found.criterion}",
    )  # fmt: skip


def _add_robustness(section: Section, record: EvaluationRecord, suite: SuiteRecord) -> None:
    """What flawed questions cost each model, by the primary metric."""
    flawed = [
        (kind, row)
        for row in record.robustness
        if row.task.startswith(f"{suite.name}/")
        for kind in [row.task.removeprefix(f"{suite.name}/")]
        if not kind.startswith((order.KIND, templates.KIND))
    ]
    if not flawed:
        return
    measured = [row.metric for _, row in flawed]
    primary = (
        suite.primary if suite.primary in measured else measured[0]
    )  # what a judge says is of plain ones alone
    rows = [(kind, row) for kind, row in flawed if row.metric == primary]
    section.heading("With flawed questions")
    names = short_names(row.model_a for _, row in rows)
    section.table(
        ["flaw", "model", "flawed", "plain", *COMPARED],
        [
            [
                kind, names[row.model_a], value(row.metric, row.a), value(row.metric, row.b), *compared_cells(row),
            ]
            for kind, row in rows
        ],
        caption=f"The same items with flaws in the question, less the plain ones: {primary}. {HOLM}",
    )  # fmt: skip
