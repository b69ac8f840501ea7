"""What a classifier said about examples that it was not trained on, how good that is, and who is better.

Every contestant (the tuned model, a linear one, the majority class, the prompted base) is held against the same rows,
so that two of them are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.statistics.calibration import Bin, calibration_error, reliability
from ontogeny.statistics.classification import (
    ClassScores,
    brier,
    confusion_matrix,
    log_loss,
    macro_f1,
    matthews,
    per_class,
    weighted_f1,
)
from ontogeny.statistics.intervals import Interval, wilson
from ontogeny.statistics.paired import SIGNIFICANCE, bootstrap_ratio, mcnemar

Verdict: TypeAlias = Literal["better", "worse", "undecided"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROUNDING = 1e-3  # by which probabilities may miss a sum of one: what float32 and float16 softmaxes leave


@dataclass(frozen=True)
class Judged:
    """N examples of one part (held out, or test) of single-label data, and the probabilities of their K labels.

    Attributes:
        doc_ids: N identities, each once.
        texts: N texts.
        gold: the true labels, (N,) int64, each below K.
        probabilities: (N, K) float64; rows sum to one.
        names: K label names, in the order of the columns.

    Raises:
        ValueError: no examples, shapes that do not fit, a label out of range, or rows that are no probabilities.
    """

    doc_ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: Ints
    probabilities: Floats
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        count, classes = len(self.doc_ids), len(self.names)
        if not count or not classes:
            raise ValueError("nothing to judge: no examples or no labels")
        shapes = (len(self.texts), self.gold.shape, self.probabilities.shape)
        if shapes != (count, (count,), (count, classes)):
            raise ValueError(
                f"{count} examples of {classes} labels, but texts, gold and probabilities: {shapes}"
            )
        if self.gold.min() < 0 or self.gold.max() >= classes:
            raise ValueError(f"a gold label is none of the {classes}: {self.gold.min()} to {self.gold.max()}")
        sums = self.probabilities.sum(axis=1)
        if not (self.probabilities.min() >= 0 and np.abs(sums - 1).max() <= ROUNDING):
            raise ValueError("the rows of `probabilities` are no probabilities: they do not sum to one")

    @cached_property
    def predicted(self) -> Ints:
        """The most probable label of each example, (N,); the first of equals."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the most probable label is the true one, (N,)."""
        return np.asarray(self.predicted == self.gold)

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the most probable label, (N,)."""
        return np.asarray(np.minimum(self.probabilities.max(axis=1), 1.0))

    @cached_property
    def confusion(self) -> Ints:
        """Counts (K, K) by gold label (rows) and predicted label (columns)."""
        return confusion_matrix(self.gold, self.predicted, len(self.names))

    @cached_property
    def reliability(self) -> tuple[Bin, ...]:
        """Confidence against accuracy, bin by bin."""
        return reliability(self.confidence, self.right)

    @cached_property
    def scores(self) -> Scores:
        """All metrics of these probabilities."""
        right = int(self.right.sum())
        return Scores(
            examples=len(self.gold),
            accuracy=right / len(self.gold),
            accuracy_interval=wilson(right, len(self.gold)),
            macro_f1=macro_f1(self.confusion),
            weighted_f1=weighted_f1(self.confusion),
            micro_f1=right / len(self.gold),
            matthews=matthews(self.confusion),
            expected_calibration_error=calibration_error(self.reliability),
            brier=brier(self.probabilities, self.gold),
            log_loss=log_loss(self.probabilities, self.gold),
            per_class=per_class(self.confusion),
        )

    def take(self, doc_ids: tuple[str, ...]) -> Judged:
        """These of the examples, in this order.

        Raises:
            ValueError: one of them is not here.
        """
        rows = self.rows_of(doc_ids)
        texts = tuple(self.texts[row] for row in rows)
        return replace(
            self, doc_ids=doc_ids, texts=texts, gold=self.gold[rows], probabilities=self.probabilities[rows]
        )

    def rows_of(self, doc_ids: Sequence[str]) -> list[int]:
        """Where these examples stand. For the error see `take`."""
        place = {doc_id: row for row, doc_id in enumerate(self.doc_ids)}
        missing = [doc_id for doc_id in doc_ids if doc_id not in place]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(doc_ids)} examples were not judged, first {missing[0]!r}"
            )
        return [place[doc_id] for doc_id in doc_ids]

    def named(self, row: int) -> tuple[str, str]:
        """The label of an example, and the one it is said to have."""
        return self.names[self.gold[row]], self.names[self.predicted[row]]


@dataclass(frozen=True)
class Scores:
    """Metrics on one part. Accuracy has Wilson's 95% interval; the log loss is in nats; Brier's is between 0 and 2.

    Micro F1 is the accuracy where texts have one label; Matthews' correlation is not defined where they have several.
    """

    examples: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    weighted_f1: float
    micro_f1: float
    expected_calibration_error: float
    brier: float
    log_loss: float
    per_class: tuple[ClassScores, ...]
    matthews: float | None = None


def mean_places_off(judged: Judged) -> float:
    """By how many places the label that was said is off the true one, on average; of labels in an order."""
    return float(np.abs(judged.predicted - judged.gold).mean())


@dataclass(frozen=True)
class Comparison:
    """Accuracy of one contestant minus that of another on the same `examples`.

    Attributes:
        difference: of the accuracies, with its 95% interval by a paired bootstrap.
        p_value: McNemar's mid-p, two-sided.
        only_first, only_second: the examples that only one of the two got right.
    """

    examples: int
    difference: float
    interval: Interval
    p_value: float
    only_first: int
    only_second: int

    @property
    def verdict(self) -> Verdict:
        """What the first is, at the 5% level."""
        if self.p_value >= SIGNIFICANCE:
            return "undecided"
        return "better" if self.difference > 0 else "worse"


def compare(first: Judged, second: Judged, *, seed: int) -> Comparison:
    """Both on the examples of `second`, which may be a selection of those of `first` (a prompted model sees few).

    Raises:
        ValueError: `first` lacks an example of `second`, or their true labels differ.
    """
    first = first.take(second.doc_ids)
    if not np.array_equal(first.gold, second.gold):
        raise ValueError("the two were judged by different true labels")
    difference = first.right.astype(float) - second.right
    only_first, only_second = int((difference > 0).sum()), int((difference < 0).sum())
    mean = float(difference.mean())
    if len(difference) > 1:
        interval = bootstrap_ratio(difference.tolist(), [1.0] * len(difference), seed=seed)
    else:
        interval = Interval(-1.0, 1.0)
    return Comparison(
        examples=len(difference),
        difference=mean,
        interval=interval,
        p_value=mcnemar(only_first, only_second).mid_p,
        only_first=only_first,
        only_second=only_second,
    )
