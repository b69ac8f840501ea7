"""Labelled texts as a model reads them: names to numbers, texts to token ids, too long ones cut at a chosen place.

A row of training is a text's tokens and, as the one target, its class: the class is predicted from the state of the
last token, wherever that stands, and `train.batches` pads and cuts such rows like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.files import read_json
from ontogeny.finetune.config_classify import PLACE, LongTexts
from ontogeny.model.head_kinds import HeadKind
from ontogeny.records.parts import part_paths, read_parts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.packing import DocumentSpans

LEAST_CLASSES = 2
COLUMNS = ["doc_id", "split", "text", "label"]
SEVERAL = "labels"
PARTS = {
    "train": ("to learn from", "bring more examples"),
    "held_out": ("for early stopping and calibration", "raise `held_out_fraction` in the `examples` step"),
    "test": ("to measure on", "set `test_fraction` in the `examples` step, or give it a file `test`"),
}
FIGURES_FILE = "figures.json"
HEAD_SHARE = 4  # of the tokens kept, one in so many is from the beginning: 128 of 510 in arXiv 1905.05583

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelledTexts:
    """The N texts of a part, in their order, each with its labels: one, or where texts may have several any number."""

    doc_ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.doc_ids)


def read_labelled(folder: Path, kind: HeadKind) -> dict[str, LabelledTexts]:
    """The parts `train`, `held_out` and `test` of the examples in `folder`.

    Raises:
        DataError: examples of another task, texts with several labels where `kind` takes one, or a part that is empty.
    """
    import pyarrow.parquet as pq

    there = [set(pq.read_schema(path).names) for path in part_paths(folder)]
    if not all(names >= {"text", "label"} for names in there):
        raise DataError(
            "the examples have no `text` and `label`",
            where=str(folder),
            hint="`task: classify` learns from both: set `task: classify` in the `examples` step too",
        )
    several = [SEVERAL] if all(SEVERAL in names for names in there) else []
    found: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {name: [] for name in PARTS}
    for row in read_parts(folder, [*COLUMNS, *several]):
        labels = tuple(map(str, cast(list[str], row[SEVERAL]))) if several else (str(row["label"]),)
        if len(labels) != 1 and kind != "multi-label":
            raise DataError(
                f"a text has {len(labels)} labels",
                where=f"document {row['doc_id']}",
                hint="where texts may have several, or none, set `classify: {kind: multi-label}`",
            )
        found[str(row["split"])].append((str(row["doc_id"]), str(row["text"]), labels))
    for name, (use, remedy) in PARTS.items():
        if not found[name]:
            raise DataError(f"no example is left {use} (split {name!r})", where=str(folder), hint=remedy)
    return {
        name: LabelledTexts(
            tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows)
        )
        for name, rows in found.items()
    }


def label_names(folder: Path, parts: Mapping[str, LabelledTexts]) -> tuple[str, ...]:
    """The labels in the order in which the examples in `folder` list them, else in that of the alphabet.

    Raises:
        DataError: training sees fewer than two of them.
    """
    taught = {name for labels in parts["train"].labels for name in labels}
    if len(taught) < LEAST_CLASSES:
        raise DataError(
            f"all {len(parts['train']):,} examples to learn from have one label, {', '.join(taught) or 'none'!r}",
            where=str(folder),
            hint="a classifier needs examples of at least two",
        )
    occurring = {name for part in parts.values() for labels in part.labels for name in labels}
    path = folder / FIGURES_FILE
    listed = read_json(path).get("labels", []) if path.is_file() else []
    return tuple(listed) if set(listed) >= occurring else tuple(sorted(occurring))


def gold_of(labels: Sequence[Sequence[str]], names: Sequence[str], kind: HeadKind) -> Ints:
    """The classes of N texts by their labels: (N,), for `multi-label` (N, K) zeros and ones."""
    number = {name: place for place, name in enumerate(names)}
    if kind != "multi-label":
        return np.array([number[own] for (own,) in labels], dtype=np.int64)
    gold = np.zeros((len(labels), len(names)), dtype=np.int64)
    for row, own in enumerate(labels):
        gold[row, [number[name] for name in own]] = 1
    return gold


@dataclass(frozen=True)
class TextReader:
    """Texts to token ids, at most `seq_len` of them each: the same in training and ever after."""

    tokenizer: Tokenizer
    seq_len: int
    template: str = PLACE
    long_texts: LongTexts = "head-tail"

    def read(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """The token ids of each text, at least one, and how many texts had to be cut."""
        before, after = self.template.split(PLACE)
        begin = [self.tokenizer.start_id] if self.tokenizer.adds_begin else []
        rows = [
            begin + ids for ids in self.tokenizer.encode_batch([f"{before}{text}{after}" for text in texts])
        ]
        cut = 0
        for place, ids in enumerate(rows):
            if len(ids) > self.seq_len:
                rows[place] = self._cut(begin, texts[place])
                cut += 1
            elif not ids:  # an empty text is the start of a document
                rows[place] = [self.tokenizer.start_id]
        return rows, cut

    def _cut(self, begin: list[int], text: str) -> list[int]:
        """`text` cut so that it fits with all of the template."""
        before, after, ids = self.tokenizer.encode_batch([*self.template.split(PLACE), text])
        before = begin + before
        room = self.seq_len - len(before) - len(after)
        if room < 1:
            raise UsageError(
                f"the template alone has {len(before) + len(after)} tokens, a row holds {self.seq_len}",
                where="classify.template",
                hint="shorten it, or raise `train.seq_len`",
            )
        first = {"head": room, "tail": 0, "head-tail": room // HEAD_SHARE}[self.long_texts]
        return [*before, *ids[:first], *ids[len(ids) - (room - first) :], *after]


@dataclass(frozen=True)
class ClassRows:
    """Rows of token ids and a target each, as `train.batches` reads them."""

    tokens: Ints
    spans: DocumentSpans

    @classmethod
    def of(cls, doc_ids: Sequence[str], rows: Sequence[Sequence[int]], targets: Ints) -> ClassRows:
        """Rows of at least one token, with `targets` (N,)."""
        lengths = np.array([len(ids) + 1 for ids in rows], dtype=np.int64)
        ends = np.cumsum(lengths)
        tokens = np.empty(int(lengths.sum()), dtype=np.int64)
        for ids, target, start, end in zip(rows, targets, ends - lengths, ends, strict=True):
            tokens[start : end - 1], tokens[end - 1] = ids, target
        return cls(tokens, DocumentSpans(doc_ids, np.zeros_like(lengths), ends - lengths, lengths))

    def read(self, shard: int, start: int, length: int) -> Ints:
        """Token ids (length,), the target after them."""
        return self.tokens[start : start + length]

    def read_mask(self, shard: int, start: int, length: int) -> npt.NDArray[np.bool_]:
        """(length,) True for the target alone."""
        learnt = np.zeros(length, dtype=np.bool_)
        learnt[-1] = True
        return learnt
