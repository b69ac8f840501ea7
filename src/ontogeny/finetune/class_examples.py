"""The examples of a classification step: texts of three parts with classes, token ids, and what there is to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import UsageError, nearest
from ontogeny.core.progress import Progress
from ontogeny.finetune.classify import balanced_weights
from ontogeny.finetune.config_classify import ClassifySettings
from ontogeny.finetune.labelled import LabelledTexts, TextReader, gold_of, label_names, read_labelled
from ontogeny.finetune.scores import label_counts
from ontogeny.model.head_kinds import HeadKind

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

UNEVEN = 10  # from so many times as many texts of the most frequent label as of the rarest on, a note says so
SHOWN_LABELS = 20


@dataclass(frozen=True)
class ClassExamples:
    """The texts of each part with their classes, and token ids as `reader` reads them.

    Attributes:
        cut: how many of them, over all parts, were too long.
        weights: (K,) what a text counts by its label. None: all the same.
    """

    kind: HeadKind
    parts: dict[str, LabelledTexts]
    names: tuple[str, ...]
    gold: dict[str, Ints]
    reader: TextReader
    rows: dict[str, list[list[int]]]
    cut: int
    weights: Floats | None

    def part(self, name: str) -> tuple[tuple[str, ...], list[list[int]], Ints]:
        """Identities, token ids and classes."""
        return self.parts[name].doc_ids, self.rows[name], self.gold[name]


def read_class_examples(folder: Path, settings: ClassifySettings, reader: TextReader) -> ClassExamples:
    """The examples in `folder`. For the errors see `finetune.labelled`, and `class_weights` may name wrong labels."""
    parts = read_labelled(folder, settings.kind)
    names = label_names(folder, parts)
    gold = {name: gold_of(part.labels, names, settings.kind) for name, part in parts.items()}
    read = {name: reader.read(part.texts) for name, part in parts.items()}
    return ClassExamples(
        settings.kind,
        parts,
        names,
        gold,
        reader,
        rows={name: rows for name, (rows, _) in read.items()},
        cut=sum(cut for _, cut in read.values()),
        weights=_weights(settings, gold["train"], names),
    )


def _weights(settings: ClassifySettings, gold: Ints, names: tuple[str, ...]) -> Floats | None:
    """(K,) what a text counts by its label, one on average over the texts to learn from.

    Raises:
        UsageError: weights for a label that there is not, or without one that there is.
    """
    given = settings.class_weights
    if given is None:
        return None
    if given == "balanced":
        return balanced_weights(gold, len(names))
    for name in (*given, *names):
        if name not in names or name not in given:
            known = names if name not in names else given
            what = "which no example has" if name not in names else "is missing"
            raise UsageError(
                f"label {name!r}, {what}.{nearest(name, known)}",
                where="classify.class_weights",
                hint=f"give one for each of {', '.join(names)}, or `balanced`",
            )
    weights = np.array([given[name] for name in names])
    return weights if gold.ndim == 2 else weights / weights[gold].mean()


def described(examples: ClassExamples) -> dict[str, Any]:
    """What there is to learn from and to measure on, for the manifest."""
    weights = examples.weights
    return {
        "labels": label_counts(examples.parts, examples.names),
        "class_weights": None
        if weights is None
        else dict(zip(examples.names, weights.tolist(), strict=True)),
        "examples": len(examples.parts["train"]),
        "held_out_examples": len(examples.parts["held_out"]),
        "test_examples": len(examples.parts["test"]),
        "truncated": examples.cut,
        "truncated_to": examples.reader.long_texts if examples.cut else None,
    }


def tell(figures: Mapping[str, Any], progress: Progress) -> None:
    """What to know before the run: its labels in their order, uneven or unknown ones, texts that are too long."""
    taught = {name: by_part["train"] for name, by_part in figures["labels"].items()}
    shown = ", ".join(f"{name} {count:,}" for name, count in list(taught.items())[:SHOWN_LABELS])
    progress.note(
        f"classify: {len(taught)} labels, in this order: {shown}{' ...' if len(taught) > SHOWN_LABELS else ''}"
    )
    unseen = [name for name, count in taught.items() if not count]
    if unseen:
        progress.note(
            f"classify: no example to learn from has {', '.join(map(repr, unseen))}, so texts of it are got wrong"
        )
    few, many = min(filter(None, taught.values())), max(taught.values())
    if many >= UNEVEN * few and figures["class_weights"] is None:
        progress.note(
            f"classify: the most frequent label has {many / few:,.0f} times the texts of the rarest; "
            "`classify: {class_weights: balanced}` has both count the same"
        )
    if cut := figures["truncated"]:
        texts = "1 text is too long" if cut == 1 else f"{cut:,} texts are too long"
        progress.note(f"classify: {texts}, of which the {figures['truncated_to']} is read")
