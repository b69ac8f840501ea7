"""The parts of curation together: rules and edits in their order, copies, items, executors."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.core.workers import Executor
from ontogeny.data.sources import files
from ontogeny.data.step import CURATE
from tests.data.conftest import Made, run_step

WORDS = (
    *("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child"),
    *("world", "school", "state", "family", "student", "group", "country"),
)


def essay(number: int, words: int = 160) -> str:
    """English-looking sentences, the same for the same number."""
    chosen = random.Random(number)
    sentences = [
        "The " + " ".join(chosen.choices(WORDS, k=9)) + f" of {chosen.randrange(10**6)} and the rest have it."
        for _ in range(words // 16)
    ]
    return "\n".join(sentences)


def write(path: Path, texts: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(path)


def curate(
    folder: Path,
    texts: list[str],
    *,
    rules: list[dict[str, object]],
    executor: Executor = "local",
    **settings: object,
) -> Made:
    folder.mkdir(exist_ok=True)
    source = {"type": "jsonl", "path": write(folder / "texts.jsonl", texts), "name": "texts"}
    whole: Mapping[str, object] = {"sources": [source], "rules": rules, "held_out_fraction": 0.0, **settings}
    return run_step(
        CURATE, whole, folder, exist_ok=True, workers=2 if executor == "ray" else None, executor=executor
    )


def dropped(made: Made) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(made.payload / "dropped.parquet").to_pylist()
    return rows


def test_a_rule_sees_the_text_as_it_is_where_it_stands(tmp_path: Path) -> None:
    text = "Write to someone.with.a.long.name@example.org or to me. " * 3
    mask, length = {"type": "mask-pii"}, {"type": "length", "min_chars": 150}
    before = curate(tmp_path / "before", [text, essay(1)], rules=[length, mask])
    after = curate(tmp_path / "after", [text, essay(1)], rules=[mask, length])
    assert before.outputs.metrics["dropped"] == {}
    assert after.outputs.metrics["dropped"] == {"too_short": 1}
    masked = [row["text"] for row in before.rows() if "<EMAIL>" in str(row["text"])]
    assert len(masked) == 1
    assert "example.org" not in str(masked[0])


def test_near_copies_go_and_the_longest_stays(tmp_path: Path) -> None:
    texts = [essay(number) for number in range(30)]
    copy = texts[3].replace("people", "person") + "\nOne sentence more."
    made = curate(tmp_path, [*texts, copy], rules=[], dedup={"type": "near"})
    (gone,) = dropped(made)
    assert (gone["reason"], gone["text"]) == ("near_duplicate", texts[3])
    assert "near copy of" in str(gone["detail"])
    assert 0 < float(str(gone["score"])) < 1
    kept = [row["text"] for row in made.rows()]
    assert copy in kept


def test_a_source_that_would_lose_too_much_stops_the_step(tmp_path: Path) -> None:
    texts = [essay(1).replace("people", "person", n % 3) + f"\nIt is number {n}." for n in range(40)]
    with pytest.raises(DataError, match="texts") as error:
        curate(tmp_path, texts, rules=[], dedup={"type": "near"})
    assert "dedup.near" in str(error.value)


def test_documents_that_hold_items_go_and_the_items_are_listed(tmp_path: Path) -> None:
    question = (
        "Which of the seven hills of Rome did the emperor climb on the morning of his last journey north?"
    )
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"question": question, "answer": "the Caelian", "id": "q1"}) + "\n")
    leak = f"{essay(1)}\n{question} It was the Caelian.\n{essay(2)}"
    rule: dict[str, object] = {"type": "decontaminate", "against": [str(items)]}
    made = curate(tmp_path / "run", [leak, essay(3)], rules=[rule])
    assert made.outputs.metrics["dropped"] == {"contaminated": 1}
    (row,) = pq.read_table(made.payload / "contamination.parquet").to_pylist()
    assert (row["suite"], row["item"], row["kept"]) == ("items", "q1", False)
    assert json.loads((made.payload / "figures.json").read_text())["contamination"]


def test_signals_and_detected_languages_stay_with_the_documents(tmp_path: Path) -> None:
    made = curate(tmp_path, [essay(1)], rules=[{"type": "language", "languages": ["en"], "min_score": 0.1}])
    (row,) = made.rows()
    assert row["language"] == "en"
    assert float(str(row["language_score"])) > 0.1


def test_ray_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra ontogeny[ray] is not installed")
    monkeypatch.setattr(files, "UNIT_BYTES", 20_000)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    texts = [essay(number % 50) for number in range(60)]
    rules: list[dict[str, object]] = [{"type": "gopher-quality", "min_words": 20}]
    local = curate(tmp_path / "local", texts, rules=rules)
    try:
        there = curate(tmp_path / "ray", texts, rules=rules, executor="ray")
    finally:
        ray.shutdown()
    assert local.outputs == there.outputs
    names = ["digest", "text", "words", "doc_id"]
    assert pq.read_table(local.payload / "part-00000.parquet", columns=names).equals(
        pq.read_table(there.payload / "part-00000.parquet", columns=names)
    )
