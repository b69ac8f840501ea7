"""Labelled examples as a division sees them: of each where it stands, what makes it the same as another, its labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from ontogeny.data.decide import Decisions
from ontogeny.data.document import SPLITS
from ontogeny.data.fetch import by_portion, fetch, with_ids
from ontogeny.data.texts import Texts

KEY_BYTES = 16


@dataclass(eq=False)
class Rows:
    """n examples in the order of a corpus: where they stand there, (n,), and what the division asks of each.

    `labels` are those that count, `said` those that the file says: copies and shares follow the latter, so that a
    correction moves no example to another part.
    """

    place: npt.NDArray[np.int64]
    part: npt.NDArray[np.int8]
    doc_id: list[str]
    key: list[str]
    group: list[str]
    side: npt.NDArray[np.float64]
    said: list[tuple[str, ...]]
    labels: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, which: npt.NDArray[np.bool_]) -> Rows:
        rows = np.flatnonzero(which).tolist()

        def some(values: Sequence[Any]) -> list[Any]:
            return [values[row] for row in rows]

        return Rows(
            self.place[rows],
            self.part[rows],
            some(self.doc_id),
            some(self.key),
            some(self.group),
            self.side[rows],
            some(self.said),
            some(self.labels),
        )

    def at(self, part: int) -> npt.NDArray[np.int64]:
        """The examples of a part, by their positions."""
        return np.flatnonzero(self.part == part)

    def in_part(self, part: int) -> list[tuple[str, ...]]:
        """The labels of the examples of a part."""
        return [self.labels[row] for row in self.at(part)]

    def count(self) -> dict[str, int]:
        """How many are in each part."""
        return {name: len(self.at(part)) for part, name in enumerate(SPLITS)}


def text_key(text: str) -> str:
    """The same for texts that differ in nothing but case, white space and Unicode's compatible forms."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return blake3(folded.encode()).digest(KEY_BYTES).hex()


def read_rows(found: Decisions, *, labelled: bool) -> Rows:
    """The examples of `found` that are kept, all in the part `train` so far."""
    place = np.flatnonzero(found.kept)
    doc_id, key, group = [""] * len(place), [""] * len(place), [""] * len(place)
    labels: list[tuple[str, ...]] = [()] * len(place)
    side = np.empty(len(place))
    names = ["doc_id", "digest", "group", "side", *(["text", "labels"] if labelled else [])]
    for number, here in by_portion(found.portion[place]):
        table = found.portions[number].documents(names).take(found.row[place[here]])
        table = with_ids(table, found.renamed[place[here]])
        for position, row in zip(here.tolist(), table.to_pylist(), strict=True):
            key[position] = text_key(row["text"]) if labelled else row["digest"]
            doc_id[position], group[position], side[position] = row["doc_id"], row["group"], row["side"]
            if labelled:
                labels[position] = tuple(row["labels"])
    return Rows(place, np.zeros(len(place), dtype=np.int8), doc_id, key, group, side, labels, list(labels))


def texts_of(rows: Rows, found: Decisions) -> Texts:
    """What they say, in their order."""
    table = fetch(found, rows.place, lambda portion: portion.documents(["text"]))
    return Texts.of_arrow(table.column("text"))
