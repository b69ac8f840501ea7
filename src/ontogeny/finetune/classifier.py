"""A trained classifier: texts to labels with calibrated probabilities, and the folder that it is kept in.

config.json  model.safetensors  tokenizer.json ...    a complete Hugging Face folder
head.safetensors                                      see `model.heads`
classifier.json                                       labels in order, temperature, how texts are read
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from pydantic import ConfigDict, ValidationError

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.files import canonical_json, read_json, write_atomic
from ontogeny.finetune.calibration import LIKELY, probabilities_of
from ontogeny.finetune.classify import logits_of
from ontogeny.finetune.config_classify import LongTexts
from ontogeny.finetune.labelled import TextReader
from ontogeny.inference.loading import LoadedModel, load_model
from ontogeny.lineage.step import Settings
from ontogeny.model.formats import stored
from ontogeny.model.formats.companions import CLASSIFIER_FILE
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.heads import add_head, fill_head, head_of, save_head, without_head
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.snapshots import Form

Floats = npt.NDArray[np.float64]


class Description(Settings):
    """What `classifier.json` holds."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    kind: HeadKind
    labels: tuple[str, ...]
    """Their names in the order of the head's classes."""
    temperature: float
    """What logits are divided by; see `finetune.calibration`."""
    template: str
    """What the model reads, with the text at `{text}`."""
    long_texts: LongTexts
    """What is kept of a text that is longer than `seq_len`."""
    seq_len: int
    """Tokens that a text may have, the template among them."""


@dataclass(frozen=True)
class Classified:
    """What a classifier says of a text: its label, or labels where it may have several, and the probability of each.

    `probability` is that of the label, and where there may be several that of the likeliest.
    """

    text: str
    label: str | list[str]
    probability: float
    probabilities: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The form that `ontogeny classify --json` and the HTTP interface give."""
        return vars(self).copy()


@dataclass(frozen=True)
class Classifier:
    """A model with a head, and what `classifier.json` says."""

    model: Transformer
    tokenizer: Tokenizer
    description: Description

    def logits(self, texts: Sequence[str], *, advance: Callable[[int], None] | None = None) -> Floats:
        """Logits (N, K), before any temperature."""
        what = self.description
        reader = TextReader(self.tokenizer, what.seq_len, what.template, what.long_texts)
        return logits_of(self.model, reader.read(texts)[0], advance=advance)

    def probabilities(self, texts: Sequence[str], *, advance: Callable[[int], None] | None = None) -> Floats:
        """Probabilities (N, K) of the labels in their order; `advance` is told of texts as they are done."""
        logits = self.logits(texts, advance=advance)
        return probabilities_of(logits, self.description.kind, self.description.temperature)

    @property
    def identity(self) -> str:
        """A digest, in hexadecimal, of what tells it from other classifiers: its description and its head."""
        digest = blake3(canonical_json(self.description.model_dump(mode="json")))
        for weight in head_of(self.model).parameters():
            digest.update(weight.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    def classify(self, texts: Sequence[str]) -> list[Classified]:
        """What each of `texts` is; which others are asked about does not matter."""
        if not texts:
            return []
        return [
            self.said(text, row) for text, row in zip(texts, self.probabilities(texts).tolist(), strict=True)
        ]

    def said(self, text: str, row: Sequence[float]) -> Classified:
        """What the probabilities (K,) of `text` come to."""
        by_name = dict(zip(self.description.labels, row, strict=True))
        likeliest = max(by_name, key=by_name.__getitem__)
        label: str | list[str] = likeliest
        if self.description.kind == "multi-label":
            label = [name for name, probability in by_name.items() if probability >= LIKELY]
        return Classified(text, label, by_name[likeliest], by_name)


@dataclass(frozen=True)
class ClassifierFolder:
    """How a classifier in training lies in a folder that `load_classifier` reads: its model in the form `body`."""

    body: Form
    description: Description

    def write(self, model: Transformer, folder: Path) -> None:
        """Write the model, its head and the description."""
        with without_head(model) as head:
            self.body.write(model, folder)
        save_head(head, folder)
        values = self.description.model_dump(mode="json")
        write_atomic(folder / CLASSIFIER_FILE, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    def read_back(self, model: Transformer, folder: Path) -> None:
        """Give `model` and its head the weights that were written."""
        with without_head(model) as head:
            self.body.read_back(model, folder)
        fill_head(head, folder)


def load_classifier(folder: Path, device: str = "cpu") -> Classifier:
    """Read what `save_classifier` wrote.

    Raises:
        UsageError: the folder is that of a model that classifies nothing.
        ArtifactError: `classifier.json` is damaged.
        ModelFormatError: the model or its head cannot be read.
    """
    path = folder / CLASSIFIER_FILE
    if not path.is_file():
        raise UsageError(
            f"{folder} is a model that tells no labels: there is no {CLASSIFIER_FILE}",
            hint="name what a `finetune` step with `task: classify` made: `ontogeny ls --kind classifier`",
        )
    try:
        description = Description.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(
            f"not the description of a classifier ({error.errors()[0]['msg']})",
            where=str(path),
            hint="restore the file from a copy, or train again",
        ) from error
    model = stored.load(folder, device)
    fill_head(add_head(model, classes=len(description.labels), kind=description.kind), folder)
    return Classifier(model, Tokenizer.load(folder), description)


def load_with_labels(
    folder: Path, device: str = "cpu"
) -> tuple[LoadedModel, Callable[[Sequence[str]], list[dict[str, Any]]] | None]:
    """The model in `folder`, and where it is a classifier, what gives texts their labels in their JSON form.

    Raises:
        ArtifactError: `classifier.json` is damaged.
        ModelFormatError: the model or its head cannot be read.
    """
    if not (folder / CLASSIFIER_FILE).is_file():
        return load_model(folder, device), None
    classifier = load_classifier(folder, device)
    loaded = LoadedModel(classifier.model, classifier.tokenizer, folder)
    return loaded, lambda texts: [said.to_json() for said in classifier.classify(texts)]
