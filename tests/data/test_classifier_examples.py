"""Examples are drawn by their content: the same ones however documents lie on disk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ontogeny.core.files import digest_bytes
from ontogeny.data.classifier_examples import EXAMPLE_BYTES, beginning, draw_examples, shelves_of
from ontogeny.data.document import Document, Text, make_doc_id, to_row
from ontogeny.data.portions import Portion, stored_schema, write_portion

TEXTS = [f"text {number}" for number in range(300)]


def portions_of(folder: Path, texts: Sequence[str], count: int) -> list[Portion]:
    made = []
    for number in range(count):
        here = texts[number::count]
        rows = [
            to_row(
                Document(
                    doc_id=make_doc_id("t", text), group=text, source="t", locator="", content=Text(text)
                )
            )
            for text in here
        ]
        table = pa.Table.from_pylist(rows, schema=stored_schema("text"))
        counts = {"records": len(rows), "documents": len(rows), "position": 0}
        made.append(write_portion(folder / f"portion-{number:05d}", "text", table, [], counts))
    return made


def test_the_same_texts_are_drawn_in_any_order_and_division(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    drawn = [
        draw_examples(shelves_of(portions_of(tmp_path / str(n), texts, n), []), most=100, seed=7)
        for n, texts in ((1, TEXTS), (4, shuffled))
    ]
    assert drawn[0].texts == drawn[1].texts and len(drawn[0].texts) == 100
    assert drawn[0].documents == 300
    more = draw_examples(shelves_of(portions_of(tmp_path / "more", TEXTS, 2), []), most=150, seed=7)
    assert set(drawn[0].texts) < set(more.texts), "a larger draw holds the smaller one"
    other = draw_examples(shelves_of(portions_of(tmp_path / "other", TEXTS, 2), []), most=100, seed=8)
    assert set(drawn[0].texts) != set(other.texts)


def test_drawing_does_not_choose_the_side_of_training(tmp_path: Path) -> None:
    """A classifier holds examples out by their digests: those drawn must not have the smallest ones."""
    drawn = draw_examples(shelves_of(portions_of(tmp_path, TEXTS, 1), []), most=100, seed=7)
    places = [int(digest_bytes(text.encode()).partition(":")[2][:8], 16) / 2**32 for text in drawn.texts]
    assert 0.35 < np.mean(places) < 0.65


def test_copies_are_drawn_once(tmp_path: Path) -> None:
    drawn = draw_examples(shelves_of(portions_of(tmp_path, TEXTS[:5] * 3, 2), []), most=100, seed=7)
    assert sorted(drawn.texts) == sorted(TEXTS[:5]) and drawn.documents == 15


def test_of_a_corpus_the_training_documents_count(tmp_path: Path) -> None:
    rows = [
        {"text": text, "digest": digest_bytes(text.encode()), "split": "held_out" if n % 3 == 0 else "train"}
        for n, text in enumerate(TEXTS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part-00000.parquet", row_group_size=70)
    drawn = draw_examples(shelves_of([], [tmp_path]), most=1000, seed=7)
    assert sorted(drawn.texts) == sorted(row["text"] for row in rows if row["split"] == "train")
    lots = draw_examples(shelves_of(portions_of(tmp_path / "p", TEXTS, 1), []), most=1000, seed=7)
    rest = lots.without(drawn)
    assert sorted(rest.texts) == sorted(row["text"] for row in rows if row["split"] != "train")


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = draw_examples([], most=10, seed=0)
    assert drawn.texts == [] and len(drawn.as_texts()) == 0


def test_of_a_long_text_the_beginning_counts_and_no_character_is_cut() -> None:
    assert beginning("short") == "short"
    text = "x" + "é" * EXAMPLE_BYTES
    cut = beginning(text)
    assert text.startswith(cut) and len(cut.encode()) == EXAMPLE_BYTES - 1
