"""Bits per byte on held-out documents, and what `xz -9e` makes of the same bytes.

Bits per byte is the loss that does not depend on a tokenizer. xz is the yardstick: it, too, has seen nothing but these
documents, and it may use all earlier ones of the stream, where the model starts anew with each document.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Progress
from ontogeny.evaluate.scores import ItemRow, Metric, Scores
from ontogeny.evaluate.subject import Reader
from ontogeny.evaluate.suites import BitsPerByteSuite
from ontogeny.records.parts import read_parts

BATCH_BYTES = 1 << 16  # documents of about this size together go to the model between two ticks of the bar
BITS = 8


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A held-out document."""

    doc_id: str
    group: str
    text: str


@dataclass(frozen=True)
class Material:
    """The documents to measure on, in the order of their ids, and what xz needs for them."""

    documents: tuple[HeldOut, ...]
    xz_bits_per_byte: float


def prepare(suite: BitsPerByteSuite, folder: Path, *, name: str, limit: int | None) -> Material:
    """Read the held-out documents of a corpus, at most `limit` of them and at most `suite.max_bytes` long together.

    Raises:
        DataError: there is none.
    """
    rows = (
        row for row in read_parts(folder, ["doc_id", "group", "split", "text"]) if row["split"] == "held_out"
    )
    found = (HeldOut(str(row["doc_id"]), str(row["group"]), str(row["text"])) for row in rows if row["text"])
    documents = sorted(found, key=lambda document: document.doc_id)[:limit]
    if suite.max_bytes is not None:
        documents = _up_to(documents, suite.max_bytes)
    if not documents:
        raise DataError(
            "the corpus has no held-out document, so there is nothing to measure on",
            where=name, hint="raise held_out_fraction in the step that curated it, or give it more documents",
        )  # fmt: skip
    return Material(tuple(documents), xz_bits_per_byte([document.text for document in documents]))


def xz_bits_per_byte(texts: Sequence[str]) -> float:
    """Bits per byte of `xz -9e` over the texts as one stream, nothing between them, the container included."""
    stream = "".join(texts).encode()
    packed = lzma.compress(stream, format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)
    return BITS * len(packed) / len(stream)


def score(
    suite: BitsPerByteSuite, material: Material, reader: Reader, *, model: str, progress: Progress
) -> Scores:
    """Measure the model on every document."""
    documents = material.documents
    bits: list[float] = []
    total = sum(len(document.text.encode()) for document in documents)
    with progress.bar(f"{suite.name}: {model}", total=total, unit="bytes") as bar:
        for batch in _batches(documents):
            bits += reader.bits(
                [document.text for document in batch], window=suite.window, stride=suite.stride
            )
            bar.advance(sum(len(document.text.encode()) for document in batch))
    sizes = [len(document.text.encode()) for document in documents]
    metric = Metric(
        name="bits_per_byte",
        form=None,
        items=tuple(document.doc_id for document in documents),
        groups=tuple(document.group for document in documents),
        tops=tuple(bits),
        bottoms=tuple(float(size) for size in sizes),
    )
    rows = [
        ItemRow(
            suite=suite.name, type=suite.type, model=model, form=None, item=document.doc_id, group=document.group,
            bits=cost, bytes=size,
        )
        for document, cost, size in zip(documents, bits, sizes, strict=True)
    ]  # fmt: skip
    figures: Mapping[str, float] = {"xz_bits_per_byte": material.xz_bits_per_byte}
    return Scores(
        suite=suite.name, metrics=(metric,), rows=tuple(rows), counts={"bytes": total}, figures=dict(figures)
    )


def _up_to(documents: Sequence[HeldOut], most_bytes: int) -> list[HeldOut]:
    """The first documents that fit, at least one."""
    kept: list[HeldOut] = []
    size = 0
    for document in documents:
        size += len(document.text.encode())
        if kept and size > most_bytes:
            break
        kept.append(document)
    return kept


def _batches(documents: Sequence[HeldOut]) -> list[list[HeldOut]]:
    batches: list[list[HeldOut]] = [[]]
    size = 0
    for document in documents:
        if size >= BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(document)
        size += len(document.text.encode())
    return batches
