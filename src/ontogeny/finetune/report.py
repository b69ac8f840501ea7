"""The page about a classifier: whether it was worth it, where it errs, how far its probabilities hold, on what data.

    write_classification_report(folder, findings)      # report.html, figures.json, label_errors.csv

Nothing on it depends on when or how fast the model was trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ontogeny.core.files import write_atomic
from ontogeny.finetune.baselines import FREQUENT_SET, MAJORITY
from ontogeny.finetune.judged import Judged, Scores, mean_places_off
from ontogeny.finetune.labels import LABEL_ERRORS_FILE, write_label_errors
from ontogeny.finetune.report_figures import (
    TONES,
    Findings,
    Headline,
    classification_figures,
    equals,
    found_before_training,
    headline,
    points,
)
from ontogeny.finetune.report_guards import show_growth
from ontogeny.report import numbers
from ontogeny.report.figures import Bar, Series, bar_chart, histogram, line_chart
from ontogeny.report.heat_map import heat_map
from ontogeny.report.page import Page, Toned, Turn
from ontogeny.report.reliability import ReliabilityBin, reliability_chart
from ontogeny.report.shapes import shortened
from ontogeny.statistics.calibration import BINS
from ontogeny.train.report import lowest_of, where_it_turned

REPORT_FILE, FIGURES_FILE = "report.html", "figures.json"
SMOOTHING_POINTS = 9
MOST_DRAWN = 30  # classes in the heat map; of more, those with the most mistakes
SHOWN_CONFUSIONS = 15
SHOWN_ERRORS = 20
TEXT_CHARS = 700  # of a text, on the page
CELL_CHARS = 160
FOUND = {
    "copies": "copies within a part, of which one was kept",
    "near_copies": "near copies within a part, a word or two apart",
    "leaks_of_test": "texts of the test part that were there to learn from too",
    "leaks_of_held_out": "texts of the held-out part that were there to learn from too",
    "near_leaks": "near copies of texts of the test or held-out part",
    "groups_in_two_parts": "groups in two parts",
    "texts_of_two_labels": "texts under different labels",
}
UNEVEN = 10.0  # a class with so many times the examples of another is worth a word
_SIDES = {True: ("right", "wrong"), False: ("has the label", "has it not")}
WHERE_CALIBRATED = (
    "Left: examples by the probability of the label that was chosen (where there may be several, of each label), and"
    " the share of them that was right, with 95%"
    " intervals; on the dashed line a probability is a frequency, and dots grow with their examples. Right: how many"
    " were right and wrong at which probability; heights go by square roots, so that few are seen beside many."
)


def write_classification_report(folder: Path, findings: Findings) -> None:
    """Write the page, its figures as JSON, and the probable label errors (if any), into `folder`."""
    if findings.label_errors:
        write_label_errors(folder / LABEL_ERRORS_FILE, findings.label_errors)
    figures = json.dumps(classification_figures(findings), indent=2, ensure_ascii=False)
    write_atomic(folder / FIGURES_FILE, figures + "\n")
    classification_page(findings).write(folder / REPORT_FILE)


def classification_page(findings: Findings) -> Page:
    """The report of one classifier."""
    page = Page(
        findings.title,
        subtitle="how good it is on examples that it never saw, beside what is simpler and cheaper",
    )
    said = headline(findings)
    _add_key_figures(page, findings, said)
    _add_contestants(page, findings, said)
    if findings.single:
        _add_confusion(page, findings)
    _add_classes(page, findings)
    _add_calibration(page, findings)
    _add_training(page, findings)
    if findings.more is not None:
        findings.more(page)
    _add_mistakes(page, findings)
    _add_label_errors(page, findings)
    _add_data(page, findings)
    if findings.settings:
        section = page.section("Settings", lead="As they were used, defaults included.")
        text = json.dumps(findings.settings, indent=2, ensure_ascii=False, default=str)
        section.code(text, caption="settings", folded=True)
    return page


def _add_key_figures(page: Page, findings: Findings, said: Headline) -> None:
    scores = findings.tuned.scores
    low, high = scores.accuracy_interval
    page.key_figure(
        "accuracy",
        numbers.percent(scores.accuracy),
        note=f"95% interval {numbers.percent(low)} to {numbers.percent(high)}",
        tone=said.tone,
    )
    for name, found in findings.comparisons.items():
        if name not in (MAJORITY, FREQUENT_SET):
            note = f"over {name}, p {equals(found.p_value)}"
            page.key_figure("points gained", numbers.signed(100 * found.difference, 1), note=note)
            break
    page.key_figure("macro F1", numbers.measure(scores.macro_f1), note="the mean over classes")
    page.key_figure(
        "calibration error",
        numbers.percent(scores.expected_calibration_error),
        note="probability against frequency",
    )
    page.key_figure("test examples", numbers.count(scores.examples), note="looked at once")


def _add_contestants(page: Page, findings: Findings, said: Headline) -> None:
    lead = "All of them on the same test examples, which neither trained nor chose anything."
    section = page.section("Was it worth it?", lead=lead)
    section.note(said.text, tone=said.tone)
    bars = [
        Bar(name, judged.scores.accuracy, *judged.scores.accuracy_interval, faint=name != findings.name)
        for name, judged in findings.test.items()
    ]
    section.figure(
        bar_chart(bars, x_label="test examples right", percent=True),
        caption="With 95% intervals (Wilson), which are wider than those of differences on the same examples.",
    )
    section.table(
        ["", "examples", "accuracy, %", "95% interval", "macro F1", "weighted F1", *_own_measures(findings)],
        [_decisions(name, judged, findings) for name, judged in findings.test.items()],
        caption=_WHAT_DECISIONS_ARE[findings.single],
    )
    section.table(
        ["", "calibration error, %", "Brier", "log loss"],
        [_probabilities(name, judged.scores) for name, judged in findings.test.items()],
        caption="How sure they are. Brier: between 0 and 2. Log loss: nats an example.",
    )
    rows: list[list[str | int | Toned]] = [
        [
            name,
            found.examples,
            points(found.difference),
            numbers.interval([100 * end for end in found.interval], 1),
            numbers.p_value(found.p_value),
            found.only_first,
            found.only_second,
            Toned(found.verdict, TONES[found.verdict]),
        ]
        for name, found in findings.comparisons.items()
    ]
    if rows:
        section.table(
            ["against", "examples", "difference", "95% interval", "p", "only it right", "only they", "it is"],
            rows,
            caption="In pairs, on the same examples: a bootstrap's interval, and McNemar's test (mid-p).",
        )
    if findings.growth is not None:
        show_growth(section, findings.growth)


_WHAT_DECISIONS_ARE = {
    True: "What they decide. MCC: Matthews' correlation, 0 for guessing.",
    False: "What they decide. A text is right where all its labels are and no other. Macro F1 is the mean over labels,"
    " micro F1 counts each label of each text alike.",
}


def _own_measures(findings: Findings) -> list[str]:
    if not findings.single:
        return ["micro F1"]
    return ["MCC", "places off"] if findings.ordinal else ["MCC"]


def _decisions(name: str, judged: Judged, findings: Findings) -> list[str | int | float]:
    scores = judged.scores
    interval = numbers.interval([100 * end for end in scores.accuracy_interval], 1)
    accuracy = numbers.measure(100 * scores.accuracy, 1)
    return [
        name,
        scores.examples,
        accuracy,
        interval,
        scores.macro_f1,
        scores.weighted_f1,
        scores.micro_f1 if scores.matthews is None else scores.matthews,
        *([numbers.measure(mean_places_off(judged), 3)] if findings.ordinal else []),
    ]


def _probabilities(name: str, scores: Scores) -> list[str | float]:
    error = numbers.measure(100 * scores.expected_calibration_error, 1)
    return [name, error, scores.brier, scores.log_loss]


def _add_confusion(page: Page, findings: Findings) -> None:
    judged = findings.tuned
    section = page.section("What is taken for what", lead=f"By {findings.name}, on the test examples.")
    drawn = np.arange(len(judged.names))
    caption = "Shades are shares of a row, of what is drawn of it."
    if len(drawn) > MOST_DRAWN:
        wrong = judged.confusion.sum(0) + judged.confusion.sum(1) - 2 * judged.confusion.diagonal()
        drawn = np.sort(np.argsort(-wrong, kind="stable")[:MOST_DRAWN])
        caption += f" The {MOST_DRAWN} of {len(judged.names)} labels with the most mistakes."
    counts = judged.confusion[np.ix_(drawn, drawn)].tolist()
    names = [judged.names[place] for place in drawn]
    section.figure(heat_map(counts, names, row_title="true label", column_title="said"), caption=caption)
    confusions = findings.confusions[:SHOWN_CONFUSIONS]
    if confusions:
        support = judged.confusion.sum(1)
        section.table(
            ["true label", "taken for", "how often", "of that label"],
            [
                [judged.names[gold], judged.names[said], count, numbers.percent(count / int(support[gold]))]
                for gold, said, count in confusions
            ],
            caption=f"The most frequent of {numbers.count(len(findings.confusions))} kinds of mistake.",
        )


def _add_classes(page: Page, findings: Findings) -> None:
    section = page.section(
        "Label by label", lead="On the test examples; to the right, how many there are of each."
    )
    parts = list(findings.lengths)
    rows: list[list[str | int | float | None]] = []
    for name, scores in zip(findings.tuned.names, findings.tuned.scores.per_class, strict=True):
        counts = findings.label_counts.get(name, {})
        own: list[str | int | float | None] = [name]
        own += [scores.precision, scores.recall, scores.f1] if scores.support else [None, None, None]
        rows.append([*own, scores.support, *(counts.get(part, 0) for part in parts if part != "test")])
    others = [part.replace("_", " ") for part in parts if part != "test"]
    section.table(["label", "precision", "recall", "F1", "tested", *others], rows)
    learnt = [counts.get("train", 0) for counts in findings.label_counts.values()]
    if learnt and max(learnt) >= UNEVEN * max(1, min(learnt)):
        section.note(
            f"Labels are uneven: {numbers.count(max(learnt))} examples to learn from of the most frequent one,"
            f" {numbers.count(min(learnt))} of the rarest. Macro F1 and the recall of the rare ones say more than"
            " accuracy does; `class_weights: balanced` makes them count as much."
        )


def _add_calibration(page: Page, findings: Findings) -> None:
    before, after = findings.uncalibrated.scores, findings.tuned.scores
    lead = (
        f"Logits were divided by a temperature of {numbers.measure(findings.temperature, 2)}, which was fitted on the"
        " held-out part. It changes no decision, only how sure it sounds."
    )
    section = page.section("Do its probabilities hold?", lead=lead)
    section.table(
        ["", "calibration error, %", "Brier", "log loss"],
        [_probabilities("as trained", before), _probabilities("with the temperature", after)],
    )
    for name, judged in (
        ("As trained.", findings.uncalibrated),
        (f"With the temperature. {WHERE_CALIBRATED}", findings.tuned),
    ):
        bins = [ReliabilityBin(each.count, each.probability, each.wanted) for each in judged.reliability]
        section.figure(reliability_chart(bins, of=BINS, labels=_SIDES[findings.single]), caption=name)


def _add_training(page: Page, findings: Findings) -> None:
    lines = findings.lines
    if not lines:
        return
    lead = "The loss on what was learnt from, and on held-out examples: where the second turns up, it learns by heart."
    section = page.section("Training", lead=lead)
    series = [_series("training", lines, "loss", smooth=SMOOTHING_POINTS)]
    held_out = [line for line in lines if line.get("held_out_loss") is not None]
    if held_out:
        series.append(_series("held out", held_out, "held_out_loss"))
        series.append(lowest_of(lines, "step"))
    section.figure(line_chart(series, x_label="step", y_label="loss (nats a text)"))
    if held_out:
        section.prose(where_it_turned(lines, published=findings.steps))
    section.figure(
        line_chart([_series("learning rate", lines, "lr")], x_label="step", y_label="learning rate"),
        caption="The learning rate that the schedule gave.",
    )


def _series(
    label: str, lines: Sequence[Mapping[str, float]], key: str, *, smooth: int | None = None
) -> Series:
    found = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
    return Series(label, [x for x, _ in found], [y for _, y in found], smooth=smooth)


def _add_mistakes(page: Page, findings: Findings) -> None:
    judged = findings.tuned
    if not findings.mistakes:
        page.section("Most surely wrong", lead="There is no mistake among the test examples.")
        return
    lead = (
        f"The {len(findings.mistakes)} test examples that it was surest of and wrong, of"
        f" {numbers.count(int((~judged.right).sum()))} mistakes. Some labels may be what is wrong."
    )
    section = page.section("Most surely wrong", lead=lead)
    for row in findings.mistakes:
        gold, said = judged.named(row)
        chance = numbers.percent(float(judged.confidence[row]))
        turn = Turn("text", shortened(judged.texts[row], TEXT_CHARS))
        section.sample([turn], title=f"{gold}, taken for {said} with {chance}", tone="bad")


def _add_label_errors(page: Page, findings: Findings) -> None:
    errors = findings.label_errors
    if not errors:
        return
    lead = (
        f"{numbers.counted(len(errors), 'example')} whose label is less likely than another one, by confident learning"
        " (arXiv 1911.00068), the clearest first. Correct the column `label` of the file and read it back as a new"
        " version of the examples."
    )
    section = page.section("Labels that are probably wrong", lead=lead)
    section.link(f"all of them: {LABEL_ERRORS_FILE}", LABEL_ERRORS_FILE)
    section.table(
        ["text", "label", "rather", "probability"],
        [
            [shortened(each.text, CELL_CHARS), each.label, each.suggested, numbers.percent(each.probability)]
            for each in errors[:SHOWN_ERRORS]
        ],
    )


def _add_data(page: Page, findings: Findings) -> None:
    section = page.section(
        "The examples", lead="How many there are, how long, and what was found before training."
    )
    rows: list[list[str | int | None]] = []
    for part, lengths in findings.lengths.items():
        spread = np.quantile(lengths, [0.5, 0.95, 1.0]).astype(int).tolist() if len(lengths) else [None] * 3
        rows.append([part.replace("_", " "), len(lengths), *spread])
    section.table(["part", "examples", "tokens, median", "95% have at most", "longest"], rows)
    every = [length for lengths in findings.lengths.values() for length in lengths]
    section.figure(histogram(every, x_label="tokens of a text, as it was read"))
    if findings.cut:
        section.note(
            f"{numbers.counted(findings.cut, 'text')} of {numbers.count(len(every))} had more than"
            f" {numbers.count(findings.seq_len)} tokens and were cut."
        )
    else:
        section.prose(f"No text was longer than the {numbers.count(findings.seq_len)} tokens that are read.")
    found = found_before_training(findings.examples)
    section.table(
        ["found before training", "number"], [[FOUND[name], count] for name, count in found.items()]
    )
