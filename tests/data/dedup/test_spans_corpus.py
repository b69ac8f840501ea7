"""Repeated passages cut from a corpus, end to end, against an obvious reference."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_bytes
from ontogeny.data import intake
from ontogeny.data.dedup.repeated import RepeatedSpans
from ontogeny.data.document import split_of
from ontogeny.data.sources import files
from ontogeny.data.step import CURATE
from tests.data.conftest import Made, run_step

SPAN = 12
SMALL: dict[str, object] = {"min_words": SPAN, "min_words_left": 4, "on_alarm": "report"}


def passage(number: int, words: int = 15) -> str:
    chosen = random.Random(number)
    return " ".join("".join(chosen.choices("abcdefghijklmnop", k=7)) for _ in range(words))


def write(path: Path, texts: list[str]) -> dict[str, object]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text, "id": text}) + "\n" for text in texts))
    return {"type": "jsonl", "path": str(path), "name": "texts"}


def curate(
    folder: Path, texts: list[str], *, again: bool = False, workers: int | None = None, **how: Any
) -> Made:
    source = write(folder / "texts.jsonl", texts)
    whole = {"sources": [source], "held_out_fraction": 0.0, "spans": SMALL, **how}
    if again:
        rmtree(folder / "payload")
    return run_step(CURATE, whole, folder, workers=workers, exist_ok=True)


def dropped(made: Made) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(made.payload / "dropped.parquet").to_pylist()
    return rows


def spans(made: Made) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(made.payload / "spans.parquet").to_pylist()
    return rows


def expected(made_whole: Made, least_left: int) -> Counter[str]:
    """What should be left of a corpus without cutting: the held-out documents first, then in the order of digests."""
    rows = sorted(made_whole.rows(), key=lambda row: (row["split"] == "train", row["digest"], row["doc_id"]))
    seen: set[tuple[str, ...]] = set()
    left: set[str] = set()
    for row in rows:
        words = str(row["text"]).split()
        runs = {place: tuple(words[place : place + SPAN]) for place in range(len(words) - SPAN + 1)}
        gone = {word for place in runs if runs[place] in seen for word in range(place, place + SPAN)}
        if gone and len(words) - len(gone) < least_left:
            continue
        seen |= set(runs.values())
        left.add(" ".join(word for place, word in enumerate(words) if place not in gone))
    return Counter(left)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=5), min_size=1, max_size=12),
    st.sampled_from([1, 4, 20]),
    st.sampled_from([0.0, 0.4]),
    st.integers(1, 5),
    st.randoms(),
)
def test_what_is_left_is_what_the_reference_leaves_however_the_input_comes(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[list[int]],
    least_left: int,
    held_out_fraction: float,
    portion_rows: int,
    generator: random.Random,
) -> None:
    folder = tmp_path_factory.mktemp("spans")
    texts = [
        " ".join(passage(each, 15 if each < 5 else 5) for each in dict.fromkeys(one)) for one in documents
    ]
    texts.append("a text of its own")
    how = {"held_out_fraction": held_out_fraction, "spans": {**SMALL, "min_words_left": least_left}}
    try:
        whole = curate(folder / "whole", texts, **{**how, "spans": None})
        made = curate(folder / "cut", texts, **how)
    except DataError as error:
        if "none is left to train on" in error.message:  # all held out
            return
        raise
    assert Counter(str(row["text"]) for row in made.rows()) == expected(whole, least_left)
    metrics: Any = made.outputs.metrics
    assert metrics["documents_read"] == metrics["documents_kept"] + sum(metrics["dropped"].values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "PORTION_ROWS", portion_rows)
        patch.setattr("ontogeny.data.dedup.spans_corpus.GROUP_BYTES", 300)
        other = curate(folder / "other", generator.sample(texts, len(texts)), **how)
    names = {"locator", "detail"}  # they name the line
    assert [{**row, "locator": ""} for row in made.rows()] == [{**row, "locator": ""} for row in other.rows()]
    assert [[value for name, value in row.items() if name not in names] for row in spans(made)] == [
        [value for name, value in row.items() if name not in names] for row in spans(other)
    ]


def test_neither_workers_nor_units_nor_kept_portions_change_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = random.Random(5)
    texts = [f"{passage(generator.randrange(9))} {passage(100 + n, 30)}" for n in range(80)]
    rules = [{"type": "mask-pii"}, {"type": "gopher-repetition"}]
    alone = curate(tmp_path / "alone", texts, rules=rules, dedup={"type": "near"}, held_out_fraction=0.1)
    monkeypatch.setattr(files, "UNIT_BYTES", 6_000)
    monkeypatch.setattr("ontogeny.data.dedup.spans_corpus.GROUP_BYTES", 4_000)
    how: dict[str, Any] = {"rules": rules, "dedup": {"type": "near"}, "held_out_fraction": 0.1}
    many = curate(tmp_path / "many", texts, workers=2, **how)
    again = curate(tmp_path / "alone", texts, again=True, **how)
    assert len(list((tmp_path / "many/scratch/spans").glob("portion-*"))) > 1
    assert alone.outputs == many.outputs == again.outputs
    payload = {file.name: file.read_bytes() for file in again.payload.iterdir()}
    for file in many.payload.iterdir():
        if file.suffix == ".parquet":
            there = pq.read_table(file)
            here = pq.read_table(again.payload / file.name)
            columns = [name for name in there.column_names if name not in ("locator", "detail")]
            assert there.select(columns).equals(here.select(columns))
    assert set(payload) == {file.name for file in many.payload.iterdir()}


def test_without_the_setting_nothing_changes_and_with_it_nothing_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{passage(1)} {passage(10)}", f"{passage(1)} {passage(11)}"]
    before = curate(tmp_path, texts, spans=None)
    assert not (before.payload / "spans.parquet").exists()
    assert "spans" not in json.loads((before.payload / "figures.json").read_text())
    assert sorted(str(row["text"]) for row in before.rows()) == sorted(texts)
    monkeypatch.setattr(files, "read_rows", None)
    after = curate(tmp_path, texts, again=True)
    assert len(spans(after)) == 1


def test_what_was_cut_is_told_with_its_place_and_its_first_copy(tmp_path: Path) -> None:
    texts = [f"{passage(number, 3)}.\n\n{passage(1)}.\n\n{passage(number)}.\n" for number in (10, 11, 12)]
    made = curate(tmp_path, texts)
    rows = {row["doc_id"]: row for row in made.rows()}
    before = {digest_bytes(text.encode()): text for text in texts}
    first = before[min(before)]
    told = spans(made)
    assert len(told) == 2
    for row in told:
        (text,) = (text for text in texts if str(rows[row["doc_id"]]["text"])[:20] in text)
        data = text.encode()
        assert (
            data[: row["start_byte"]] + data[row["end_byte"] :] == str(rows[row["doc_id"]]["text"]).encode()
        )
        assert (row["words"], row["text"], row["kept"]) == (15, passage(1), True)
        assert rows[row["first_copy"]]["text"] == first
        assert row["locator"] == rows[row["doc_id"]]["locator"]
    assert sorted(str(row["text"]) for row in made.rows() if row["text"] != first) == sorted(
        text.replace(f"{passage(1)}.\n\n", "") for text in texts if text != first
    )
    figures = json.loads((made.payload / "figures.json").read_text())
    cut = 2 * len(f"{passage(1)}.\n\n")
    assert made.outputs.metrics["bytes_cut"] == figures["spans"]["bytes_cut"] == cut
    assert figures["spans"]["by_source"] == {
        "texts": {"documents_cut": 2, "passages": 2, "bytes_cut": cut, "documents_dropped": 0}
    }
    (most,) = figures["spans"]["most_repeated"]
    assert (most["passages"], most["words"], most["text"]) == (2, 15, passage(1))
    page = (made.payload / "report.html").read_text()
    assert "Repeated passages" in page
    assert passage(1)[:40] in page


def test_too_little_left_is_a_reason_and_the_text_stays_whole_among_the_dropped(tmp_path: Path) -> None:
    texts = [passage(1, 40), f"{passage(1, 40)} and that", passage(2)]
    texts.sort(key=lambda text: digest_bytes(text.encode()))
    made = curate(tmp_path, [*texts, "x y z"], spans={**SMALL, "min_words_left": 39})
    (gone,) = dropped(made)
    later = next(text for text in reversed(texts) if text.startswith(passage(1)))
    left = 2 if later.endswith("that") else 0
    assert (gone["reason"], gone["text"], gone["score"]) == ("repeated_spans", later, left)
    assert gone["detail"] == f"{left} words would be left without repeated passages, below min_words_left 39"
    assert [row["kept"] for row in spans(made)] == [False]
    assert json.loads((made.payload / "figures.json").read_text())["spans"]["documents_dropped"] == 1
    assert "x y z" in {row["text"] for row in made.rows()}  # short, but nothing was cut from it


def test_held_out_documents_stay_whole_and_share_no_passage_with_training(tmp_path: Path) -> None:
    texts = [f"{passage(number % 7)} {passage(100 + number)}" for number in range(60)]
    made = curate(tmp_path, texts, held_out_fraction=0.3)
    alone = curate(
        tmp_path / "alone",
        [text for text in texts if split_of(doc_id_of(tmp_path, text), 0.3) == "held_out"],
        held_out_fraction=1.0,
    )
    held_out = [row["text"] for row in made.rows("held_out")]
    assert len(held_out) > 7
    assert held_out == [row["text"] for row in alone.rows()]  # whatever else is read
    train = " | ".join(str(row["text"]) for row in made.rows("train"))
    assert not any(passage(number) in train for number in range(7))


def doc_id_of(folder: Path, text: str) -> str:
    """The id that the corpus of `folder` gave to `text`, whole or cut."""
    own = text.split()[-1]
    parts = pq.read_table(folder / "payload/part-00000.parquet", columns=["text", "group"]).to_pylist()
    return next(str(row["group"]) for row in parts if own in row["text"])


def test_documents_that_cutting_made_equal_are_copies(tmp_path: Path) -> None:
    rest, firsts = (
        passage(50, 8),
        sorted(map(passage, range(40)), key=lambda text: digest_bytes(text.encode())),
    )
    later = [f"{first} {rest}" for first in firsts]
    texts = [
        *firsts[:2],
        *[text for text in later[:2] if digest_bytes(text.encode()) > digest_bytes(firsts[1].encode())],
    ]
    assert len(texts) == 4
    made = curate(tmp_path, texts)
    (copy,) = dropped(made)
    assert (copy["reason"], copy["text"]) == ("exact_duplicate", rest)
    assert sorted(str(row["text"]) for row in made.rows()) == sorted([*firsts[:2], rest])
    assert sorted(row["kept"] for row in spans(made)) == [False, True]


def test_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    texts = [f"{passage(n % 5)} {passage(100 + n, 30)} {passage(50 + n % 3)}" for n in range(40)]
    once = curate(tmp_path / "once", texts)
    twice = curate(tmp_path / "twice", [str(row["text"]) for row in once.rows()])
    assert spans(once)
    assert not spans(twice)
    assert [row["text"] for row in once.rows()] == [row["text"] for row in twice.rows()]


def test_signals_are_those_of_what_is_left_and_those_before_an_edit_stay(tmp_path: Path) -> None:
    texts = [
        f"{passage(1)} {passage(20 + n, 1)} someone{n}.with.a.name@example.org {passage(10 + n, 20)}"
        for n in range(2)
    ]
    asked = {"type": "expression", "drop": "words < 3", "reason": "tiny"}
    made = curate(tmp_path, texts, rules=[asked, {"type": "mask-pii"}, asked])
    rows = {len(str(row["text"]).split()): row for row in made.rows()}
    assert sorted(rows) == [22, 37]
    assert rows[22]["words@0"] == rows[37]["words@0"]
    assert int(str(rows[37]["words"])) - int(str(rows[22]["words"])) == 15
    assert all(row["bytes"] == len(str(row["text"]).encode()) for row in rows.values())
    (masked,) = {name for name in rows[22] if "email" in name}
    assert rows[22][masked] == rows[37][masked] == 1


def test_a_source_that_loses_too_much_stops_the_step_and_may_be_reported_instead(tmp_path: Path) -> None:
    texts = [f"{passage(1, 40)} {passage(100 + number, 10)}" for number in range(30)]
    spans_settings: dict[str, object] = {"min_words": SPAN, "min_words_left": 4}
    with pytest.raises(DataError) as error:
        curate(tmp_path, texts, spans=spans_settings)
    assert error.value.message.startswith("cutting repeated passages would take 9,2")
    assert "bytes of source 'texts' (77%, more than max_source_loss 50%)" in error.value.message
    assert "raise spans.max_source_loss or set spans.on_alarm to report" in str(error.value.hint)
    made = curate(tmp_path, texts, again=True, spans={**spans_settings, "on_alarm": "report"})
    (alarm,) = json.loads((made.payload / "figures.json").read_text())["spans"]["alarms"]
    assert alarm == error.value.message
    assert "more than max_source_loss" in (made.payload / "report.html").read_text()
    curate(tmp_path, texts, again=True, spans={**spans_settings, "max_source_loss": 0.9})
    curate(tmp_path, texts[:15], again=True, spans=spans_settings)  # too few to tell


def test_nothing_left_names_the_setting(tmp_path: Path) -> None:
    texts = [f"{passage(number, SPAN)} {passage(number, SPAN)}" for number in range(3)]
    with pytest.raises(
        DataError, match="of 3 documents none is left; 3 were dropped as repeated_spans"
    ) as error:
        curate(tmp_path, texts, spans={**SMALL, "min_words_left": SPAN + 1})
    assert "lower `min_words_left`" in str(error.value.hint)


@pytest.mark.parametrize(
    ("setting", "says"), [({"min_words": 9}, "greater than or equal to 10"), ({"span": 50}, "Extra inputs")]
)
def test_settings_that_make_no_sense_are_refused(setting: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RepeatedSpans.model_validate(setting)


def test_items_are_told_of_the_documents_that_hold_them(tmp_path: Path) -> None:
    question = "Which of the seven hills of Rome did the emperor climb on the morning of his last journey?"
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"question": question, "answer": "the Caelian", "id": "q1"}) + "\n")
    texts = [f"{passage(n % 3)} {passage(40 + n, 20)}" for n in range(12)]
    texts += [f"{passage(1)} {question} It was the Caelian. {passage(60 + n, 20)}" for n in range(3)]
    rule = {"type": "decontaminate", "against": [str(items)], "action": "report"}
    made = curate(tmp_path / "run", texts, rules=[rule])
    told = pq.read_table(made.payload / "contamination.parquet").to_pylist()
    holding = {row["doc_id"] for row in made.rows() if "Caelian" in str(row["text"])}
    assert {row["doc_id"] for row in told} >= holding
    assert len(told) == 3
