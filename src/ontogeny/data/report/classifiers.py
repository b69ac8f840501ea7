"""Classifiers on pages: how good they are on examples that they never saw, and what they go by.

A corpus shows the figures of the classifiers that its rules decide with; the page of a classifier shows more of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ontogeny.data.rules import Rule
from ontogeny.data.rules.classifier import ClassifierRule
from ontogeny.report import numbers
from ontogeny.report.page import Page, Section, Turn
from ontogeny.report.reliability import Limit, ReliabilityBin, reliability_chart
from ontogeny.statistics.calibration import BINS

LABELS = ("like these", "like those")
CAPTION = (
    "Left: examples by the probability they were given, and the share of them that was like these, with 95%"
    " intervals; on the dashed line a probability is a frequency, and dots grow with their examples. Right: the"
    " examples of each set by the probability they got; heights go by square roots, so that few are seen beside many."
)


def classifier_figures(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """The figures of every classifier that `rules` decide with, as its own folder has them.

    Raises:
        DataError: a folder holds no classifier.
    """
    if not any(isinstance(rule, ClassifierRule) for rule in rules):
        return []
    from ontogeny.data.classifier import load_classifier  # compiled code, which takes a second to load

    return [
        {
            "rule": rule.name,
            "min_score": rule.min_score,
            "max_score": rule.max_score,
            **asdict(load_classifier(rule.path).figures),
        }
        for rule in rules
        if isinstance(rule, ClassifierRule) and rule.path is not None
    ]


def add_classifiers(page: Page, figures: Mapping[str, Any]) -> None:
    """Accuracy, order and calibration of the classifiers that decided, where there are any."""
    found = figures.get("classifiers")
    if not found:
        return
    lead = (
        "How far the classifiers among the rules can be trusted: measured on examples that were neither learnt from nor"
        " used to scale probabilities. What they say of this corpus is under Quality."
    )
    section = page.section("Classifiers", lead=lead)
    _add_measures(section, {each["rule"]: each for each in found})
    for each in found:
        limits = [
            Limit(f"{name} {numbers.compact(each[name])}", each[name])
            for name in ("min_score", "max_score")
            if each[name] is not None
        ]
        _add_reliability(section, each, f"{each['rule']}. {CAPTION}", limits)


def write_classifier_page(path: Path, figures: Mapping[str, Any]) -> None:
    """Write the page of a classifier that was just trained, from its `figures.json`, to `path`."""
    page = Page("Classifier", subtitle="how well it tells two sets of examples apart, and by what")
    measured, drawn = figures["figures"], figures["examples"]
    low, high = measured["accuracy_interval"]
    page.key_figure(
        "accuracy",
        numbers.percent(measured["accuracy"]),
        note=f"95% interval {numbers.percent(low)} to {numbers.percent(high)}",
    )
    page.key_figure("AUC", numbers.measure(measured["auc"]), note="a pair of examples in the right order")
    error = numbers.percent(measured["calibration_error"])
    page.key_figure("calibration error", error, note="probability against frequency")
    total = sum(each["drawn"] for each in drawn.values()) - figures["in_both"]
    page.key_figure(
        "examples", numbers.count(total), note=f"measured on {numbers.count(measured['examples'])}"
    )
    section = page.section("How good it is", lead="On examples that it did not learn from.")
    _add_reliability(section, measured, CAPTION)
    _add_measures(section, {"this classifier": measured})
    _add_telling(page, figures["telling"])
    _add_mistakes(page, figures["mistakes"])
    section = page.section("Examples", lead=_about_examples(figures))
    section.table(
        ["set", "documents there", "examples drawn"],
        [
            [label, drawn[side]["documents"], drawn[side]["drawn"]]
            for side, label in zip(("like", "unlike"), LABELS, strict=True)
        ],
    )
    page.write(path)


def _add_measures(section: Section, measured: Mapping[str, Mapping[str, Any]]) -> None:
    section.table(
        [
            "classifier",
            "examples",
            "accuracy",
            "95% interval",
            "AUC",
            "log loss",
            "calibration error",
            "unscaled",
        ],
        [
            [
                name,
                each["examples"],
                numbers.percent(each["accuracy"]),
                " to ".join(numbers.percent(end) for end in each["accuracy_interval"]),
                numbers.measure(each["auc"]),
                numbers.measure(each["log_loss"]),
                numbers.percent(each["calibration_error"]),
                numbers.percent(each["raw_calibration_error"]),
            ]
            for name, each in measured.items()
        ],
        caption=(
            "Accuracy at a probability of 0.5. AUC: how often an example like these scores above one like those."
            " Calibration error: how far probabilities are from frequencies on average, and before they were scaled."
        ),
    )


def _add_reliability(
    section: Section, measured: Mapping[str, Any], caption: str, limits: Sequence[Limit] = ()
) -> None:
    bins = [
        ReliabilityBin(each["count"], each["probability"], each["wanted"]) for each in measured["reliability"]
    ]
    section.figure(reliability_chart(bins, of=BINS, labels=LABELS, limits=limits), caption=caption)


def _add_telling(page: Page, telling: Sequence[Mapping[str, Any]]) -> None:
    if not telling:
        return
    lead = (
        "The words, pairs and parts of words that set the two sets apart the most. If they name a source and not a"
        " quality, it has learnt to tell sources."
    )
    section = page.section("What it goes by", lead=lead)
    for label, sign in zip(LABELS, (1, -1), strict=True):
        section.table(
            ["n-gram", "in like these", "in like those", "log-odds"],
            [
                [each["text"], each["like"], each["unlike"], numbers.signed(each["log_odds"], 2)]
                for each in telling
                if each["log_odds"] * sign > 0
            ],
            caption=(
                f"For {label}: in how many of the examples measured it stands, and what it adds there on average."
                " N-grams are hashed; of those that share a place the most frequent one is named."
            ),
        )


def _add_mistakes(page: Page, mistakes: Sequence[Mapping[str, Any]]) -> None:
    if not mistakes:
        return
    lead = (
        "The examples measured on that it was surest of and wrong. Some may have been put into the wrong set."
    )
    section = page.section("Most surely wrong", lead=lead)
    for each in mistakes:
        given = LABELS[0] if each["like"] else LABELS[1]
        chance = numbers.percent(each["probability"])
        turn = Turn("example", each["text"])
        section.sample([turn], title=f"given as {given}, probability of being so {chance}", tone="bad")


def _about_examples(figures: Mapping[str, Any]) -> str:
    training, both = figures["training"], figures["in_both"]
    grams = (
        f"words, pairs of them and parts of {training['chars'][0]} to {training['chars'][1]} bytes"
        if training["chars"]
        else "words and pairs of them"
    )
    said = (
        f"{numbers.percent(training['held_out'], 0)} were not learnt from: half of those scaled the probabilities, half"
        f" measured them. Features are {grams}, hashed into 2^{training['bits']} places."
    )
    return said + (f" {numbers.count(both)} texts in both sets count as like these." if both else "")
