"""The parts of curation together: rules and edits in their order, copies, items, executors."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data import groups, intake
from ontogeny.data.sources import files
from ontogeny.data.step import CURATE
from tests.data.conftest import Made, run_step
from tests.notes import Notes

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
    **settings: object,
) -> Made:
    folder.mkdir(exist_ok=True)
    source = {"type": "jsonl", "path": write(folder / "texts.jsonl", texts), "name": "texts"}
    whole: Mapping[str, object] = {"sources": [source], "rules": rules, "held_out_fraction": 0.0, **settings}
    return run_step(CURATE, whole, folder, exist_ok=True)


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


def statistics(number: int) -> str:
    """Six sentences, of which only the numbers are other ones for another number."""
    chosen = random.Random(number)
    return " ".join(
        f"In {chosen.randrange(1900, 2020)} the district of the county counted {chosen.randrange(10**5)} inhabitants in"
        f" {chosen.randrange(10**4)} households, of whom {chosen.randrange(100)} percent lived from farming."
        for _ in range(6)
    )


def test_texts_that_differ_in_their_numbers_stay(tmp_path: Path) -> None:
    texts = [statistics(number) for number in range(40)]
    sums = [f"What is {n} plus {n + 4} times 9? {n + 9 * (n + 4)}" for n in range(30)]
    copy = texts[3].upper() + " One sentence more."
    made = curate(tmp_path, [*texts, *sums, copy], rules=[], dedup="near")
    assert [gone["text"] for gone in dropped(made)] == [texts[3]]


def test_a_source_that_would_lose_too_much_stops_the_step(tmp_path: Path) -> None:
    texts = [essay(1).replace("people", "person", n % 3) + f"\nIt is number {n}." for n in range(40)]
    with pytest.raises(DataError, match="texts") as error:
        curate(tmp_path, texts, rules=[], dedup={"type": "near"})
    assert "dedup: {type: near, max_source_loss: ...}" in str(error.value)


@pytest.mark.parametrize("dedup", ["exact", "near"])
def test_exact_copies_count_for_what_a_source_loses(tmp_path: Path, dedup: str) -> None:
    path = write(tmp_path / "texts.jsonl", [essay(number) for number in range(40)])
    sources = [{"type": "jsonl", "path": path, "name": name} for name in ("a", "b", "c", "d")]
    settings: dict[str, object] = {"sources": sources, "dedup": dedup}
    with pytest.raises(DataError, match=r"3[01] of them are exact copies|of the 40 documents of source"):
        run_step(CURATE, settings, tmp_path / "stopped")
    noted = Notes()
    settings["dedup"] = {"type": dedup, "on_alarm": "report"}
    made = run_step(CURATE, settings, tmp_path / "reported", noted=noted)
    assert made.outputs.metrics["dropped"] == {"exact_duplicate": 120}
    assert sum("removing copies would take" in note for note in noted.said) >= 3
    settings["dedup"] = {"type": dedup, "max_source_loss": None}
    again = run_step(CURATE, settings, tmp_path / "allowed")
    assert again.outputs == made.outputs


def test_a_source_of_few_documents_is_not_looked_at(tmp_path: Path) -> None:
    made = curate(tmp_path, [essay(1)] * 19, rules=[])
    assert made.outputs.metrics["dropped"] == {"exact_duplicate": 18}


def test_the_copy_with_the_best_score_stays(tmp_path: Path) -> None:
    texts = [essay(number) for number in range(30)]
    copy = texts[3].replace("people", "person") + "\nOne sentence more."
    made = curate(
        tmp_path, [*texts, copy], rules=[], dedup={"type": "near", "keep": "score", "score": "bytes"}
    )
    assert [gone["text"] for gone in dropped(made) if gone["reason"] == "near_duplicate"] == [texts[3]]


@pytest.mark.parametrize(("score", "rules"), [("wrthy", []), ("words", []), ("language", [])])
def test_an_unknown_score_is_refused_before_the_run(
    tmp_path: Path, score: str, rules: list[dict[str, object]]
) -> None:
    source = {"type": "jsonl", "path": write(tmp_path / "a.jsonl", [essay(1)])}
    near = {"type": "near", "keep": "score", "score": score}
    config = CURATE.config.model_validate({"sources": [source], "rules": rules, "dedup": near})
    with pytest.raises(RecipeError, match=f"there is no column {score!r}") as error:
        CURATE.external_files(config)
    assert "`score` is one of: bytes, chars" in str(error.value.hint)


@pytest.mark.parametrize(
    "score", ["worthy", "quality:worthy", "c4_lorem_ipsum_lines", "words", "masked_pii_email"]
)
def test_scores_of_rules_are_known_by_their_names(tmp_path: Path, score: str) -> None:
    source = {"type": "jsonl", "path": write(tmp_path / "a.jsonl", [essay(1)])}
    near = {"type": "near", "keep": "score", "score": score}
    rules = [
        {"type": "classifier", "name": "worthy", "classifier": "worthy", "min_score": 0.5},
        {"type": "gopher-quality"},
        {"type": "c4-lines"},
        {"type": "mask-pii", "kinds": ["email"]},
    ]
    config = CURATE.config.model_validate({"sources": [source], "rules": rules, "dedup": near})
    assert CURATE.external_files(config) == [tmp_path / "a.jsonl"]


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
    copy = essay(3).replace("people", "person") + "\nOne sentence more."
    texts = [*(essay(number % 50) for number in range(60)), copy, "too short"]
    settings: dict[str, object] = {
        "sources": [{"type": "jsonl", "path": write(tmp_path / "texts.jsonl", texts)}],
        "rules": [{"type": "mask-pii"}, {"type": "gopher-quality", "min_words": 20}],
        "dedup": "near",
    }
    local = run_step(CURATE, settings, tmp_path / "local")
    try:
        there = run_step(CURATE, settings, tmp_path / "ray", workers=2, executor="ray")
    finally:
        ray.shutdown()
    assert local.outputs == there.outputs
    assert local.outputs.metrics["dropped"].keys() == {
        "exact_duplicate",
        "near_duplicate",
        "gopher_too_short",
    }
    assert files_in(local.payload) == files_in(there.payload)


def files_in(folder: Path) -> dict[str, bytes]:
    """What every file holds, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_many_portions_are_written_as_few_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [essay(number) for number in range(60)] + ["too short"] * 3
    rules: list[dict[str, object]] = [{"type": "length", "min_chars": 100}, {"type": "gopher-quality"}]
    few = curate(tmp_path / "few", texts, rules=rules)
    monkeypatch.setattr(intake, "PORTION_BYTES", 4_000)
    monkeypatch.setattr(groups, "BLOCK_BYTES", 8_000)
    monkeypatch.setattr(groups, "MANY_PORTIONS", 3)
    monkeypatch.setattr(groups, "RUN_PORTIONS", 4)
    monkeypatch.setattr(groups, "AT_ONCE", 17)
    many = curate(tmp_path / "many", texts, rules=rules)
    for name in ("part-00000.parquet", "dropped.parquet"):
        columns = [each for each in pq.read_schema(few.payload / name).names if each != "locator"]
        assert pq.read_table(few.payload / name, columns=columns).equals(
            pq.read_table(many.payload / name, columns=columns)
        )
    assert not list((tmp_path / "many").rglob("runs-*"))
