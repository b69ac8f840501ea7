"""What was said about examples that may have several labels, or none: as `finetune.judged`, by whole sets and by label.

An example is right where its whole set of labels is. F1 is over labels: micro counts every label of every example
alike, macro every label of the data (Tsoumakas, Katakis and Vlahavas 2010, "Mining multi-label data", section 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ontogeny.finetune.calibration import LIKELY
from ontogeny.finetune.judged import Judged, Scores
from ontogeny.statistics.calibration import Bin, calibration_error, reliability
from ontogeny.statistics.classification import LEAST_PROBABILITY, ClassScores
from ontogeny.statistics.intervals import wilson

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class JudgedSets(Judged):
    """N examples with any number of K labels each.

    Attributes:
        gold: (N, K) int64, 1 for a label that an example has, else 0.
        probabilities: (N, K) float64, of each label on its own.
        said: (N, K) int64, the labels it is said to have; None: those with a probability of one half or more.

    Raises:
        ValueError: no examples, shapes that do not fit, or numbers that are no probabilities.
    """

    said: Ints | None = None

    def __post_init__(self) -> None:
        shape = (len(self.doc_ids), len(self.names))
        found = {self.gold.shape, self.probabilities.shape, self.predicted.shape}
        if not all(shape) or len(self.texts) != shape[0] or found != {shape}:
            raise ValueError(f"examples and labels are {shape}, but gold, probabilities and said are {found}")
        if self.probabilities.min() < 0 or self.probabilities.max() > 1:
            raise ValueError("`probabilities` are not between 0 and 1")

    @cached_property
    def predicted(self) -> Ints:
        """The labels that each example is said to have, (N, K)."""
        return np.asarray(self.probabilities >= LIKELY, dtype=np.int64) if self.said is None else self.said

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the whole set is the true one, (N,)."""
        return np.asarray((self.predicted == self.gold).all(1))

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the whole set that was said, were labels independent, (N,)."""
        return np.asarray(np.where(self.predicted == 1, self.probabilities, 1 - self.probabilities).prod(1))

    @cached_property
    def reliability(self) -> tuple[Bin, ...]:
        """The probability of every label of every example against whether it has it, bin by bin."""
        return reliability(self.probabilities.ravel(), self.gold.ravel() == 1)

    @cached_property
    def scores(self) -> Scores:
        """All metrics; Brier's score and the log loss are summed over labels."""
        hits, said, wanted = (self.predicted & self.gold).sum(0), self.predicted.sum(0), self.gold.sum(0)
        by_label = tuple(
            _scores(*counts) for counts in zip(hits.tolist(), said.tolist(), wanted.tolist(), strict=True)
        )
        occurs = [each.f1 for each, count in zip(by_label, said + wanted, strict=True) if count]
        right = int(self.right.sum())
        chance = np.where(self.gold == 1, self.probabilities, 1 - self.probabilities)
        return Scores(
            examples=len(self.gold),
            accuracy=right / len(self.gold),
            accuracy_interval=wilson(right, len(self.gold)),
            macro_f1=math.fsum(occurs) / len(occurs) if occurs else 0.0,
            weighted_f1=math.fsum(each.f1 * each.support for each in by_label) / max(int(wanted.sum()), 1),
            micro_f1=_scores(int(hits.sum()), int(said.sum()), int(wanted.sum())).f1,
            expected_calibration_error=calibration_error(self.reliability),
            brier=float(((self.probabilities - self.gold) ** 2).sum(1).mean()),
            log_loss=float(-np.log(np.maximum(chance, LEAST_PROBABILITY)).sum(1).mean()),
            per_class=by_label,
        )

    def named(self, row: int) -> tuple[str, str]:
        """The labels that an example has, and those it is said to have."""
        true, said = (
            " and ".join(name for name, has in zip(self.names, labels, strict=True) if has) or "no label"
            for labels in (self.gold[row], self.predicted[row])
        )
        return true, said

    def take(self, doc_ids: tuple[str, ...]) -> JudgedSets:
        """These of the examples, in this order; see `Judged.take`."""
        rows = self.rows_of(doc_ids)
        return replace(
            self,
            doc_ids=doc_ids,
            texts=tuple(self.texts[row] for row in rows),
            gold=self.gold[rows],
            probabilities=self.probabilities[rows],
            said=None if self.said is None else self.said[rows],
        )


def frequent_set(gold: Ints, part: JudgedSets) -> JudgedSets:
    """`part` as one would judge it who has not read it: the most frequent of `gold` (M, K); and frequencies."""
    sets, count = np.unique(gold, axis=0, return_counts=True)
    return replace(
        part,
        probabilities=np.tile(gold.mean(0), (len(part.gold), 1)),
        said=np.tile(sets[count.argmax()], (len(part.gold), 1)),
    )


def _scores(hits: int, said: int, wanted: int) -> ClassScores:
    f1 = 2 * hits / (said + wanted) if said + wanted else 0.0
    return ClassScores(hits / said if said else 0.0, hits / wanted if wanted else 0.0, f1, wanted)
