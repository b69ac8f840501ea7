"""What a tuned classifier is held against: the majority class, and a linear model over words.

    linear = fit_linear(texts, gold, held_out_texts, held_out_gold, classes=K)
    contestants = {"tuned": test, **baselines(gold, linear, test)}           # name -> Judged, on the same texts

Where texts may have several labels, gold is (N, K) zeros and ones: the majority is the most frequent set, and the
linear model one against the rest for each label.

The linear model is TF-IDF (words and pairs of them, 1 + ln tf) with logistic regression, by scikit-learn: seconds of
work, or minutes for many classes, hard to beat on short texts, and the least that a tuned model has to be better than.
It learns from the training part only; the held-out part chooses how strongly it is regularised.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.seeds import numpy_generator
from ontogeny.finetune.judged import Judged
from ontogeny.finetune.judged_sets import JudgedSets, frequent_set

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INVERSE_STRENGTHS = (1.0, 10.0, 100.0)
"""Values of C that are tried: scikit-learn's default, and the larger ones that short texts want."""

PARAMETERS = 1 << 20
"""Most weights of the linear model: of many classes and n-grams the most frequent n-grams, which bounds its time. On
BANKING77 (77 classes) these are the n-grams that more than one or two texts hold."""

WORDS = (1, 2)  # how many words an n-gram has
MAX_ITERATIONS = 1_000  # of L-BFGS; it ends when its gradient is small, after a hundred or so
FOLDS = 5  # Kohavi 1995 found little to gain from more than five to ten


MAJORITY, FREQUENT_SET, LINEAR = "majority class", "most frequent set", "TF-IDF, logistic regression"


def baselines(train_gold: Ints, linear: Linear | None, part: Judged) -> dict[str, Judged]:
    """The majority and the linear model on the texts of `part`, whose own probabilities are not looked at."""
    if isinstance(part, JudgedSets):
        found: dict[str, Judged] = {FREQUENT_SET: frequent_set(train_gold, part)}
    else:
        even = majority(train_gold, len(part.texts), classes=len(part.names))
        found = {MAJORITY: replace(part, probabilities=even)}
    if linear is not None:
        found[LINEAR] = replace(part, probabilities=linear.probabilities(part.texts))
    return found


def majority(gold: Ints, examples: int, *, classes: int) -> Floats:
    """Probabilities (examples, K) of one who has not read them: how frequent each class is in `gold` (N,)."""
    share = np.bincount(gold, minlength=classes) / len(gold)
    return np.tile(share, (examples, 1))


@dataclass(frozen=True)
class Linear:
    """A fitted TF-IDF with logistic regression over K classes; those without an example to learn from get zero.

    Attributes:
        inverse_strength: the C that it was fitted with.
    """

    pipeline: Pipeline
    inverse_strength: float
    classes: int

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Probabilities (N, K) of N texts."""
        found = np.zeros((len(texts), self.classes))
        if texts:  # several labels: `classes_` are all of them
            found[:, self.pipeline.classes_] = self.pipeline.predict_proba(list(texts))
        return found


def fit_linear(
    texts: Sequence[str],
    gold: Ints,
    held_out_texts: Sequence[str],
    held_out_gold: Ints,
    *,
    classes: int,
) -> Linear:
    """Learn from `texts` with the C of `INVERSE_STRENGTHS` that gets most of the held-out texts right.

    Ties go to the smaller log loss.

    Args:
        gold: the classes of `texts`, (N,) below K; at least two of them. Or (N, K) zeros and ones.

    Raises:
        DataError: no text holds a word of two letters.
        UsageError: scikit-learn is not installed.
    """
    tried = [fit_at(texts, gold, each, classes=classes) for each in INVERSE_STRENGTHS]
    judge, ids_of_classes = JudgedSets if gold.ndim == 2 else Judged, tuple(map(str, range(classes)))

    def quality(linear: Linear) -> tuple[float, float]:
        ids = tuple(map(str, range(len(held_out_texts))))
        probabilities = linear.probabilities(held_out_texts)
        scores = judge(ids, tuple(held_out_texts), held_out_gold, probabilities, ids_of_classes).scores
        return scores.accuracy, -scores.log_loss

    return max(tried, key=quality) if len(held_out_texts) else tried[1]


def fit_at(texts: Sequence[str], gold: Ints, inverse_strength: float, *, classes: int) -> Linear:
    """Learn from `texts` with a given C. For the errors see `fit_linear`."""
    pipeline = _pipeline(inverse_strength, classes, several=gold.ndim == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an optimizer that was stopped a little early
        try:
            pipeline.fit(list(texts), gold)
        except ValueError as error:
            if "empty vocabulary" not in str(error):
                raise
            raise DataError(
                f"none of the {len(texts):,} texts to learn from holds a word of two letters or more",
                where="baselines",
                hint="see that `columns: {text: ...}` names the column with the texts",
            ) from error
    return Linear(pipeline, inverse_strength, classes)


def cross_validated(
    texts: Sequence[str], gold: Ints, inverse_strength: float, *, classes: int, seed: int
) -> Floats:
    """Probabilities (N, K) of each text by a linear model that learnt from the other folds.

    Folds hold the classes in equal shares, as far as they go; a class of one text has probability zero there.
    """
    order = numpy_generator(seed, "folds").permutation(len(gold))
    order = order[np.argsort(gold[order], kind="stable")]
    fold = np.empty(len(gold), dtype=np.int64)
    fold[order] = np.arange(len(gold)) % FOLDS
    found = np.zeros((len(gold), classes))
    for number in np.unique(fold):
        learnt, asked = (np.flatnonzero(which).tolist() for which in (fold != number, fold == number))
        if len(np.unique(gold[learnt])) < 2:
            found[asked] = majority(gold, len(asked), classes=classes)
            continue
        linear = fit_at([texts[row] for row in learnt], gold[learnt], inverse_strength, classes=classes)
        found[asked] = linear.probabilities([texts[row] for row in asked])
    return found


def _pipeline(inverse_strength: float, classes: int, *, several: bool) -> Any:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
    except ImportError as error:
        raise UsageError(
            "the linear baseline needs scikit-learn, which is not installed",
            where="baselines",
            hint="pip install scikit-learn",
        ) from error
    model = LogisticRegression(C=inverse_strength, max_iter=MAX_ITERATIONS)
    return make_pipeline(
        TfidfVectorizer(ngram_range=WORDS, sublinear_tf=True, max_features=PARAMETERS // classes),
        OneVsRestClassifier(model) if several else model,
    )
