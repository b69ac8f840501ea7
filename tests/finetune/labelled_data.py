"""Small labelled texts that a small model can learn, and an artifact of examples with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ontogeny.core.files import canonical_json

WORDS = ("what does the function return", "a list of names and one number", "when it is called with")
NAMES = ("ham", "spam")


def texts_of(count: int, *, seed: int = 0) -> tuple[list[str], list[int]]:
    """Texts of 1 to 12 words, and 1 for those in which `number` stands."""
    generator = np.random.default_rng(seed)
    words = " ".join(WORDS).replace("number ", "").split()
    texts, gold = [], []
    for _ in range(count):
        chosen = list(generator.choice(words, generator.integers(1, 12)))
        is_spam = int(generator.random() < 0.4)
        if is_spam:
            chosen.insert(int(generator.integers(0, len(chosen) + 1)), "number")
        else:
            chosen = [word for word in chosen if word != "number"] or ["the"]
        texts.append(" ".join(chosen))
        gold.append(is_spam)
    return texts, gold


def write_examples(folder: Path, *, rows: dict[str, list[Any]], listed: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"{number:032x}" for number in range(len(rows["text"]))]
    pq.write_table(pa.table({"doc_id": ids, **rows}), folder / "part-00000.parquet")
    if listed is not None:
        (folder / "figures.json").write_bytes(canonical_json({"labels": listed}))
    return folder


def splits_of(count: int) -> list[str]:
    """Of ten texts seven to learn from, one held out, two to test on."""
    return [
        ("train" if number % 10 < 7 else "held_out" if number % 10 == 7 else "test")
        for number in range(count)
    ]


def spam_examples(folder: Path, count: int = 200) -> Path:
    texts, gold = texts_of(count)
    labels = [NAMES[each] for each in gold]
    return write_examples(
        folder, rows={"split": splits_of(count), "text": texts, "label": labels}, listed=[*NAMES]
    )
