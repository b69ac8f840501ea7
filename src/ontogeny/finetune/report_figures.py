"""What a classification run found, its answer to "was it worth it?", and all of it as figures for machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ontogeny.finetune.baselines import LINEAR
from ontogeny.finetune.judged import Comparison, Judged, Verdict, compare, mean_places_off
from ontogeny.finetune.judged_sets import JudgedSets
from ontogeny.finetune.labels import LabelError
from ontogeny.report import numbers
from ontogeny.report.page import Page, Tone
from ontogeny.statistics.learning_curve import Growth

SHOWN_MISTAKES = 20  # as the issue asks: a quarter of an hour of reading


@dataclass(frozen=True)
class Findings:
    """What a classification run comes to.

    Attributes:
        title: of the page.
        test: name to what was said about the test part; the tuned model first, calibrated. A contestant may have
            judged a selection of the texts.
        temperature: by which the tuned model's logits were divided.
        uncalibrated: the tuned model on the test part at a temperature of 1.
        label_errors: probable ones, the clearest first; `label_errors.csv` lies beside the page.
        label_counts: label to part to number of texts.
        lengths: part to the tokens of each text as it was read, and `seq_len` the most there may be.
        cut: texts of all parts that were longer and had to be cut.
        lines: of metrics.jsonl.
        steps: after how many the weights were taken.
        examples: figures of the examples, see `found_before_training`.
        ordinal: whether labels have an order, so that one mistake is larger than another.
        growth: what more data would give, where that was measured.
        settings: the configuration, defaults included.
        seed: of the bootstrap.
        more: adds sections to the page, below that of the training.
    """

    title: str
    test: Mapping[str, Judged]
    temperature: float
    uncalibrated: Judged
    label_counts: Mapping[str, Mapping[str, int]]
    lengths: Mapping[str, Sequence[int]]
    seq_len: int
    cut: int
    seed: int
    ordinal: bool = False
    label_errors: Sequence[LabelError] = ()
    lines: Sequence[Mapping[str, float]] = ()
    steps: int = 0
    examples: Mapping[str, Any] = field(default_factory=dict)
    growth: Growth | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Callable[[Page], None] | None = None

    @property
    def name(self) -> str:
        """Of the tuned model."""
        return next(iter(self.test))

    @property
    def tuned(self) -> Judged:
        """The tuned model on the test part."""
        return self.test[self.name]

    @property
    def single(self) -> bool:
        """Whether texts have one label each."""
        return not isinstance(self.tuned, JudgedSets)

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """The tuned model against each other contestant, on the texts that both judged."""
        return {
            name: compare(self.tuned, judged, seed=self.seed)
            for name, judged in self.test.items()
            if name != self.name
        }

    @cached_property
    def mistakes(self) -> list[int]:
        """The rows of the test part that the tuned model was surest of and wrong, the surest first."""
        wrong = np.flatnonzero(~self.tuned.right)
        order = np.argsort(-self.tuned.confidence[wrong], kind="stable")
        return [int(row) for row in wrong[order][:SHOWN_MISTAKES]]

    @cached_property
    def confusions(self) -> list[tuple[int, int, int]]:
        """What is taken for something else: (true class, said class, how often), the most frequent first."""
        counts = self.tuned.confusion - np.diag(np.diag(self.tuned.confusion))
        pairs = np.argwhere(counts > 0)
        pairs = pairs[np.argsort(-counts[counts > 0], kind="stable")]
        return [(int(gold), int(said), int(counts[gold, said])) for gold, said in pairs]


@dataclass(frozen=True)
class Headline:
    """The answer to "was fine-tuning worth it?", in words."""

    text: str
    tone: Tone


def headline(findings: Findings) -> Headline:
    """The tuned model against TF-IDF with logistic regression, or where that is missing, against the best other."""
    others = findings.comparisons
    if not others:
        return Headline("There is nothing to compare with.", "plain")
    best = max(others, key=lambda name: findings.test[name].scores.accuracy)
    rival = LINEAR if LINEAR in others else best
    found = others[rival]
    own = numbers.percent(findings.tuned.take(findings.test[rival].doc_ids).scores.accuracy)
    theirs = numbers.percent(findings.test[rival].scores.accuracy)
    right = "right" if findings.single else "wholly right"
    numbers_of = (
        f"it gets {own} of {numbers.counted(found.examples, 'test example')} {right}, {rival} {theirs}"
        f" ({points(found.difference)}, 95% interval {numbers.interval([100 * end for end in found.interval], 1)},"
        f" McNemar's mid-p {equals(found.p_value)})"
    )
    text = f"{_SAID[found.verdict]}: {numbers_of}."
    if found.verdict == "undecided":
        told = numbers.measure(50 * (found.interval.high - found.interval.low), 1)
        text += f" So many examples cannot tell differences of less than about {told} points."
    if found.verdict == "worse":
        text += f" Use {rival}, or bring more examples, train longer, or start from a larger model."
    return Headline(text, TONES[found.verdict])


TONES: Mapping[Verdict, Tone] = {"better": "good", "worse": "bad", "undecided": "plain"}
_SAID: Mapping[Verdict, str] = {
    "better": "Fine-tuning was worth it",
    "worse": "Fine-tuning was not worth it",
    "undecided": "Undecided whether fine-tuning was worth it",
}


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{numbers.signed(100 * difference, 1)} points"


def equals(p_value: float) -> str:
    """`= 0.031`, or `< 0.0001`."""
    said = numbers.p_value(p_value)
    return said if said.startswith("<") else f"= {said}"


def classification_figures(findings: Findings) -> dict[str, Any]:
    """All that the page shows, but for the texts, as JSON can hold it."""
    names = findings.tuned.names
    return {
        "labels": list(names),
        "headline": headline(findings).text,
        "temperature": findings.temperature,
        "contestants": {
            name: _scores(judged)
            | ({"mean_absolute_error": mean_places_off(judged)} if findings.ordinal else {})
            for name, judged in findings.test.items()
        },
        "comparisons": {
            name: {**asdict(found), "interval": list(found.interval), "verdict": found.verdict}
            for name, found in findings.comparisons.items()
        },
        "uncalibrated": _scores(findings.uncalibrated),
        "confusion": findings.tuned.confusion.tolist() if findings.single else None,
        "per_class": {
            name: asdict(scores) for name, scores in zip(names, findings.tuned.scores.per_class, strict=True)
        },
        "mistakes": [findings.tuned.doc_ids[row] for row in findings.mistakes],
        "label_errors": len(findings.label_errors),
        "label_counts": {name: dict(counts) for name, counts in findings.label_counts.items()},
        "tokens": {part: _spread(lengths) for part, lengths in findings.lengths.items()},
        "seq_len": findings.seq_len,
        "cut_texts": findings.cut,
        "found_before_training": found_before_training(findings.examples),
        "more_data": None
        if findings.growth is None
        else {**asdict(findings.growth), "words": findings.growth.words},
    }


def found_before_training(examples: Mapping[str, Any]) -> dict[str, int]:
    """What the figures of the examples say of copies, leaks and contradictions; what they do not say counts as 0."""
    leaks = examples.get("leaks", {})
    return {
        "copies": sum(examples.get("copies", {}).values()),
        "near_copies": sum(examples.get("near_copies", {}).values()),
        "leaks_of_test": leaks.get("test", 0),
        "leaks_of_held_out": leaks.get("held_out", 0),
        "near_leaks": sum(examples.get("near_leaks", {}).values()),
        "groups_in_two_parts": examples.get("groups_in_two_parts", 0),
        "texts_of_two_labels": examples.get("conflicts", {}).get("texts", 0),
    }


def _scores(judged: Judged) -> dict[str, Any]:
    scores = asdict(judged.scores)
    del scores["per_class"]
    return {
        **scores,
        "accuracy_interval": list(judged.scores.accuracy_interval),
        "reliability": [asdict(each) for each in judged.reliability],
    }


def _spread(lengths: Sequence[int]) -> dict[str, float]:
    if not len(lengths):
        return {}
    least, median, most = (float(each) for each in np.quantile(lengths, [0.0, 0.5, 1.0]))
    return {"least": least, "median": median, "mean": float(np.mean(lengths)), "most": most}
