"""A classifier to train from two sets of texts, "like these" and "like those", and to apply to any text, on CPU.

It is a linear model over hashed n-grams (`classifier_features.py`), the kind that DCLM and FineWeb-Edu's followers use
for quality (arXiv:2406.11794, section 4.4), scaled to calibrated probabilities on examples it did not learn from and
measured on others. Which examples are held out follows from their content, so copies stand on the same side and neither
order nor number of other examples moves them. No pickle: weights in safetensors, all else in JSON.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_file, write_atomic
from ontogeny.core.seeds import numpy_generator
from ontogeny.data.classifier_features import find_features, fit, linear_scores
from ontogeny.data.classifier_figures import Figures, fit_scaling, measure, probability
from ontogeny.data.classifier_settings import Training
from ontogeny.data.texts import Texts

WEIGHTS_FILE, SETTINGS_FILE = "classifier.safetensors", "classifier.json"
FORMAT = "ontogeny-classifier-1"
FEWEST = 20
"""Examples of a class that must be there to learn from, to scale by and to measure on."""
ENOUGH = 40
"""Of a class in the smallest part on average, so that chance leaves FEWEST of them there but once in 10,000 draws."""
SIDES = (("like", True), ("unlike", False))
"""What a recipe calls the examples that are wanted, and the others."""


@dataclass(frozen=True, eq=False)
class Examples:
    """n examples in the order of their digests: whether each is wanted, and where its digest falls in 0..1, (n,) each.

    Which part of training an example has follows from `side`: it is learnt from, scaled by, or measured on.
    """

    texts: Texts
    wanted: npt.NDArray[np.bool_]
    side: npt.NDArray[np.float64]

    @classmethod
    def of(cls, like: Texts, unlike: Texts) -> Examples:
        """The examples of both sets."""
        strings = [(text, True) for text in like.strings()] + [(text, False) for text in unlike.strings()]
        digested = sorted((blake3(text.encode()).digest(16), wanted, text) for text, wanted in strings)
        side = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest, _, _ in digested])
        wanted = np.array([each for _, each, _ in digested], dtype=np.bool_)
        return cls(Texts.of([text for _, _, text in digested]), wanted, side)

    def learnt(self, training: Training) -> npt.NDArray[np.bool_]:
        """(n,) those that weights are learnt from."""
        return self.side >= training.held_out

    def scaled(self, training: Training) -> npt.NDArray[np.bool_]:
        """(n,) those that probabilities are scaled by."""
        return self.side < training.held_out / 2

    def measured(self, training: Training) -> npt.NDArray[np.bool_]:
        """(n,) those that figures are measured on."""
        return ~self.learnt(training) & ~self.scaled(training)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier.

    Attributes:
        weights: (2^bits,) float32.
        bias: of the linear model.
        scale, offset: make its log-odds calibrated ones.
        training: the settings it was trained with.
        figures: what was measured on examples it never saw.
    """

    weights: npt.NDArray[np.float32]
    bias: float
    scale: float
    offset: float
    training: Training
    figures: Figures

    def score(self, texts: Texts) -> npt.NDArray[np.float32]:
        """The probability, (n,), that each text is like the first set."""
        raw = linear_scores(texts, self.weights, self.bias, self.training.chars or (0, 0))
        return probability(self.scale * raw + self.offset).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write it into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "format": FORMAT,
            "bias": self.bias,
            "scale": self.scale,
            "offset": self.offset,
            "training": self.training.model_dump(mode="json"),
            "figures": asdict(self.figures),
        }
        write_atomic(folder / WEIGHTS_FILE, save({"weights": self.weights}))
        write_atomic(folder / SETTINGS_FILE, json.dumps(about, indent=2) + "\n")


def train_classifier(like: Texts, unlike: Texts, training: Training | None = None) -> Classifier:
    """A classifier that scores texts like `like` high and texts like `unlike` low.

    Raises:
        DataError: too few examples of a class to learn from, to scale by or to measure on.
    """
    return train_on(Examples.of(like, unlike), training or Training())


def train_on(examples: Examples, training: Training) -> Classifier:
    """A classifier that scores wanted examples high and the others low.

    Raises:
        DataError: too few examples of a class to learn from, to scale by or to measure on.
    """
    texts, wanted = examples.texts, examples.wanted
    learnt, scaled, measured = (
        part(training) for part in (examples.learnt, examples.scaled, examples.measured)
    )
    parts = {"learn from": learnt, "scale by": scaled, "measure on": measured}
    _refuse_too_few(wanted, parts, training.held_out)
    buckets, offsets = find_features(texts, training.bits, training.chars or (0, 0))
    weights = np.zeros(1 << training.bits, dtype=np.float32)
    squares, bias = np.zeros(1 << training.bits, dtype=np.float32), np.zeros(2)
    rows = np.flatnonzero(learnt)
    for epoch in range(training.epochs):
        order = numpy_generator(training.seed, "classifier", epoch).permutation(rows)
        fit(
            buckets,
            offsets,
            wanted.astype(np.float64),
            order,
            weights,
            squares,
            training.learning_rate,
            training.l2,
            bias,
        )
    raw = linear_scores(texts, weights, float(bias[0]), training.chars or (0, 0))
    scale, offset = fit_scaling(raw[scaled], wanted[scaled])
    figures = measure(raw[measured], scale * raw[measured] + offset, wanted[measured])
    return Classifier(weights, float(bias[0]), scale, offset, training, figures)


def load_classifier(folder: Path) -> Classifier:
    """The classifier in `folder`, as `Classifier.save` wrote it.

    Raises:
        DataError: a file is missing, of another kind or damaged.
    """
    try:
        about = json.loads((folder / SETTINGS_FILE).read_bytes())
        weights = load((folder / WEIGHTS_FILE).read_bytes())["weights"]
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, not {FORMAT!r}")
        training = Training.model_validate(about["training"])
        if weights.dtype != np.float32 or weights.shape != (1 << training.bits,):
            raise ValueError("the weights do not fit the settings")
        numbers = [float(about[name]) for name in ("bias", "scale", "offset")]
        figures = TypeAdapter(Figures).validate_python(about["figures"])
        if not np.isfinite(weights).all() or not np.isfinite(numbers).all():
            raise ValueError("it holds numbers that are none")
    except OSError as error:
        raise _not_there(folder, error) from None
    except (ValueError, KeyError, TypeError, SafetensorError, ValidationError) as error:
        raise DataError(
            f"not a classifier of ours, or damaged: {error}", where=str(folder), hint="train it again"
        ) from None
    return Classifier(weights, numbers[0], numbers[1], numbers[2], training, figures)


def classifier_files(folder: Path) -> list[Path]:
    """The files that a classifier consists of."""
    return [folder / SETTINGS_FILE, folder / WEIGHTS_FILE]


def classifier_version(folder: Path) -> int:
    """31 bits that follow from what its files hold, so that one trained anew is told from the old.

    Raises:
        DataError: a file is missing.
    """
    try:
        digests = "".join(digest_file(path) for path in classifier_files(folder))
    except OSError as error:
        raise _not_there(folder, error) from None
    return int.from_bytes(blake3(digests.encode()).digest(4), "big") >> 1


def _not_there(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"no classifier is there: {error.strerror}",
        where=str(folder),
        hint="give a folder that training wrote",
    )


def _refuse_too_few(
    wanted: npt.NDArray[np.bool_], parts: dict[str, npt.NDArray[np.bool_]], held_out: float
) -> None:
    """The smaller set is named, and how many examples it takes in all."""
    lacking = [
        (int((wanted == like).sum()), purpose, side, int((part & (wanted == like)).sum()))
        for purpose, part in parts.items()
        for side, like in SIDES
        if int((part & (wanted == like)).sum()) < FEWEST
    ]
    if not lacking:
        return
    there, purpose, side, count = min(lacking)
    enough = math.ceil(ENOUGH / min(held_out / 2, 1 - held_out))
    raise DataError(
        f"`{side}` has too few examples: of {there:,} texts, {count} are there to {purpose}, and {FEWEST} are"
        " needed",
        hint=f"give `{side}` {enough:,} texts or more; or set another `held_out`",
    )
