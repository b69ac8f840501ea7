"""What a classifier goes by, and where it fails: shown on examples that it did not learn from.

Features are hashed and their n-grams forgotten, so what a weight stands for is read off texts again: of those that fall
into a bucket, the most frequent one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.data.classifier import Classifier, Examples
from ontogeny.data.classifier_features import find_spans
from ontogeny.data.texts import Texts

READ_EXAMPLES = 2000
"""Examples that n-grams are read off: some 20 MB for their places."""
LEAST_EXAMPLES = 3
"""An n-gram in fewer examples tells of them, not of the classifier."""
SHOWN_N_GRAMS = 12
SHOWN_MISTAKES = 3
SHOWN_CHARS = 400


@dataclass(frozen=True)
class Telling:
    """An n-gram, how many wanted and how many other examples have it, and what it adds to their log-odds on average."""

    text: str
    like: int
    unlike: int
    log_odds: float


@dataclass(frozen=True)
class Mistake:
    """An example on the wrong side: which side it was given as, its probability, and how it begins."""

    like: bool
    probability: float
    text: str


def most_telling(classifier: Classifier, examples: Examples) -> list[Telling]:
    """The n-grams that set the examples measured on apart the most, those for wanted texts first.

    An n-gram counts by its weight times the difference of what it is worth on average in the two sets: a word that both
    have as often says nothing of an example, whatever its weight.
    """
    places = np.flatnonzero(examples.measured(classifier.training))[:READ_EXAMPLES]
    texts, wanted = _some(examples.texts, places), examples.wanted[places]
    bits = classifier.training.bits
    buckets, offsets, spans = find_spans(texts, bits, classifier.training.chars or (0, 0))
    lengths = np.diff(offsets)
    owner = np.repeat(np.arange(len(texts)), lengths)
    share = 1 / np.sqrt(np.maximum(lengths, 1))
    count, worth = [], []  # of unwanted examples, then of wanted ones
    for side in (~wanted, wanted):
        of_side = side[owner]
        count.append(np.bincount(buckets[of_side], minlength=1 << bits))
        worth.append(np.bincount(buckets[of_side], share[owner[of_side]], minlength=1 << bits))
    both = count[0] + count[1]
    weights = classifier.scale * classifier.weights.astype(np.float64)
    apart = weights * (worth[1] / max(int(wanted.sum()), 1) - worth[0] / max(int((~wanted).sum()), 1))
    apart[both < LEAST_EXAMPLES] = 0
    strongest = []
    for sign in (1, -1):
        order = np.argsort(np.where(sign * weights > 0, -apart, np.inf), kind="stable")[:SHOWN_N_GRAMS]
        strongest += [bucket for bucket in order.tolist() if apart[bucket] > 0]
    names = _names(texts, buckets, spans, strongest)
    mean = (worth[0] + worth[1]) / np.maximum(both, 1)
    return [
        Telling(names[each], int(count[1][each]), int(count[0][each]), float(weights[each] * mean[each]))
        for each in strongest
    ]


def worst_mistakes(classifier: Classifier, examples: Examples) -> list[Mistake]:
    """The examples measured on that are most surely wrong, of each side so many."""
    places = np.flatnonzero(examples.measured(classifier.training))
    chance = classifier.score(_some(examples.texts, places))
    found = []
    for like in (True, False):
        wrong = np.flatnonzero((examples.wanted[places] == like) & ((chance >= 0.5) != like))
        order = np.argsort(chance[wrong] if like else -chance[wrong], kind="stable")[:SHOWN_MISTAKES]
        for place in wrong[order].tolist():
            (text,) = _some(examples.texts, places[place : place + 1]).strings()
            found.append(Mistake(like, float(chance[place]), text[:SHOWN_CHARS]))
    return found


def _some(texts: Texts, places: npt.NDArray[np.int64]) -> Texts:
    """The texts at `places`, in their order."""
    return Texts.of_arrow(texts.to_arrow().take(places))


def _legible(text: str) -> str:
    """Small letters and single spaces; what shows nothing by its code points."""
    return " ".join(text.lower().split()) or " ".join(f"U+{ord(character):04X}" for character in text)


def _names(
    texts: Texts, buckets: npt.NDArray[np.int32], spans: npt.NDArray[np.int64], wanted: list[int]
) -> dict[int, str]:
    """The most frequent n-gram of each bucket; of equals the first by spelling."""
    found: dict[int, Counter[str]] = {bucket: Counter() for bucket in wanted}
    for place in np.flatnonzero(np.isin(buckets, wanted)).tolist():
        start, end = spans[place].tolist()
        text = texts.data[start:end].tobytes().decode("utf-8", "replace")
        found[int(buckets[place])][_legible(text)] += 1
    return {
        bucket: min(counts.items(), key=lambda one: (-one[1], one[0]))[0]
        for bucket, counts in found.items()
        if counts
    }
