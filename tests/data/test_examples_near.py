"""Near copies of labelled texts, against every pair compared word by word; and what becomes of them in a division."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ontogeny.data.examples_near import NEAR, near_copies_of
from ontogeny.data.step import EXAMPLES
from ontogeny.data.texts import Texts
from tests.data.conftest import Made, run_step
from tests.notes import Notes

WORDS = [
    *("when", "will", "my", "new", "card", "arrive", "at", "home", "and", "why"),
    *("does", "the", "bank", "charge", "so", "much", "for", "it", "today"),
]


def some_texts(count: int) -> list[str]:
    """Of each text of twenty words a second version, in which none to four words are others."""
    drawn, texts = random.Random(3), []
    for number in range(count):
        words = [f"{drawn.choice(WORDS)}{'abcdefghij'[drawn.randrange(10)]}" for _ in range(20)]
        texts.append(" ".join(words))
        for place in drawn.sample(range(20), number % 5):
            words[place] = "other"
        texts.append(" ".join(words).upper() + "!")
    return texts


def jaccard(first: str, second: str) -> float:
    pairs = [
        {tuple(words[place : place + 2]) for place in range(len(words) - 1)}
        for words in (re.findall(r"\w+", text.lower()) for text in (first, second))
    ]
    return len(pairs[0] & pairs[1]) / len(pairs[0] | pairs[1])


def test_what_is_found_is_what_comparing_all_pairs_finds() -> None:
    texts = some_texts(100)
    places = np.arange(200) * 3  # where they stand need not be close
    keeper, alike = near_copies_of(places, Texts.of(texts)).among(places)
    for row, text in enumerate(texts):
        before = [other for other in range(row) if jaccard(text, texts[other]) >= NEAR.jaccard]
        assert (keeper[row] >= 0) == bool(before)
        if before:
            assert keeper[row] == places[before[0]]
            assert alike[row] == pytest.approx(jaccard(text, texts[before[0]]))


def test_judges_come_first_and_are_not_copies_themselves() -> None:
    texts = Texts.of(["a b c d e f", "a b c d e f!", "A b c d e f", "x y z", "x y z."])
    near = near_copies_of(np.arange(5), texts)
    keeper, _ = near.among(np.array([0, 3]), np.array([1, 2, 4]))
    assert keeper[0] in (1, 2) and keeper[1] == 4
    assert near.among(np.array([0, 1, 3]))[0].tolist() == [-1, 0, -1]
    assert near.among(np.array([], dtype=np.int64))[0].tolist() == []


def made(folder: Path, files: dict[str, list[str]], *, noted: Notes | None = None, **settings: Any) -> Made:
    source = {}
    for name, texts in files.items():
        path = folder / f"{name}.jsonl"
        rows = ({"text": text, "label": "ab"[len(text) % 2]} for text in texts)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        source[name] = str(path)
    run = folder / f"run {len(list(folder.iterdir()))}"
    return run_step(EXAMPLES, {"task": "classify", "source": source, **settings}, run, noted=noted)


def own_text(number: int) -> str:
    return " ".join(random.Random(number).sample([f"{a}{b}" for a in WORDS for b in "xyz"], 12))


def test_near_copies_of_what_is_tested_are_not_learnt_from(tmp_path: Path) -> None:
    texts = [own_text(number) for number in range(60)]
    files = {
        "train": texts,
        "validation": [own_text(100), own_text(101), f"{texts[5]}, please"],
        "test": [f"oh {texts[0]}!", f"Well, {texts[1]}", own_text(200), own_text(201)],
    }
    noted = Notes()
    result = made(tmp_path, files, noted=noted)
    gone = pq.read_table(result.payload / "dropped.parquet").sort_by("reason").to_pylist()
    assert [(row["text"], row["split"], row["reason"]) for row in gone] == [
        (texts[5], "train", "near_copy_of_held_out"),
        *sorted(
            ((texts[n], "train", "near_copy_of_test") for n in (0, 1)),
            key=lambda row: gone[1]["text"] != row[0],
        ),
    ]
    assert all(0.8 <= row["score"] < 1 and "near copy of, in the" in row["detail"] for row in gone)
    figures = json.loads((result.payload / "figures.json").read_text())
    assert figures["near_leaks"] == {"test": 2, "held_out": 1}
    told = "examples to learn from or guide training that are near copies of one in the test part: 2; "
    assert told + "they are not trained on" in noted.said
    kept = made(tmp_path, files, leaks="keep")
    assert kept.outputs.metrics["dropped"] == {}
    assert json.loads((kept.payload / "figures.json").read_text())["near_leaks"] == {"test": 2, "held_out": 1}


def test_those_within_a_part_stay_and_are_never_divided(tmp_path: Path) -> None:
    texts = [own_text(number) for number in range(40)]
    copies = [f"{text} {word}" for text in texts for word in ("now", "soon", "again")]
    noted = Notes()
    result = made(tmp_path, {"train": texts + copies}, noted=noted)
    assert result.outputs.metrics["dropped"] == {}
    assert "examples that are near copies of others of their part: 120; they stay" in noted.said
    part = {str(row["text"]): row["split"] for row in result.rows()}
    assert all(
        len({part[text], *(part[copy] for copy in copies if copy.startswith(text))}) == 1 for text in texts
    )
    assert sorted(map(str, set(part.values()))) == ["held_out", "test", "train"]
