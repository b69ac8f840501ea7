"""The pipeline: sums close, order does not matter, and an empty result says why."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontogeny.core.errors import DataError
from ontogeny.data import intake
from ontogeny.data.curate import Treatment, curate
from ontogeny.data.document import (
    Conversation,
    Document,
    MultipleChoice,
    Rejected,
    Text,
    content_of,
    make_doc_id,
    to_row,
)
from ontogeny.data.intake import UnitJob, read_unit
from ontogeny.data.rules.length import Length
from ontogeny.data.sources.files import Unit
from ontogeny.data.tally import Tally
from ontogeny.records.conversations import Message
from ontogeny.records.parts import read_parts

Record = Document | Rejected


def document(
    text: str, *, id: str | None = None, group: str | None = None, license: str | None = None
) -> Document:
    doc_id = make_doc_id("books", id or text)
    return Document(
        doc_id=doc_id,
        group=group or doc_id,
        source="books",
        locator=f"books.jsonl#record={id or text}",
        content=Text(text),
        license=license,
        date="2001-02-03" if license else None,
    )


def rejected(number: int) -> Rejected:
    return Rejected(
        source="books", locator=f"books.jsonl#record={number}", reason="not_json", detail="x", sample="{"
    )


def run(folder: Path, records: list[Record], treatment: Treatment | None = None) -> Tally:
    treatment = treatment or Treatment(held_out_fraction=0.0)
    payload = folder / "payload"
    payload.mkdir(exist_ok=True, parents=True)
    unit = Unit(folder, len(records))
    job = UnitJob("books", (unit,), lambda unit, reading: iter(records), treatment.intake, folder / "unit")
    return curate(read_unit(job).portions, treatment, payload=payload)


def kept(folder: Path) -> list[dict[str, object]]:
    return list(read_parts(folder / "payload"))


def dropped(folder: Path) -> list[dict[str, object]]:
    return pq.read_table(folder / "payload" / "dropped.parquet").to_pylist()


texts = st.lists(
    st.one_of(st.text(max_size=6), st.sampled_from(["same", "same\r\n", "other", " "])), max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(texts, st.integers(0, 3), st.randoms(), st.integers(1, 9))
def test_sums_close_and_neither_order_nor_portions_matter(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], bad: int, generator: random.Random, rows: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("curated")
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    records: list[Record] = [
        document("the one that stays"),
        *map(document, texts),
        *map(rejected, range(bad)),
    ]
    treatment = Treatment(rules=(Length(type="length", max_chars=20, min_chars=2),), held_out_fraction=0.0)
    tally = run(tmp_path / "a", records, treatment)
    assert tally.read == len(records) == tally.kept + tally.dropped.total()
    assert len(kept(tmp_path / "a")) == tally.kept
    assert len(dropped(tmp_path / "a")) == tally.dropped.total()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "PORTION_ROWS", rows)
        run(tmp_path / "b", generator.sample(records, len(records)), treatment)
    for name in ("part-00000.parquet", "dropped.parquet"):
        assert (tmp_path / "a/payload" / name).read_bytes() == (tmp_path / "b/payload" / name).read_bytes()


def test_every_reason_once(tmp_path: Path) -> None:
    records: list[Record] = [
        document("kept text"),
        document("kept text\r\n".replace("\r\n", ""), id="copy"),
        document("no"),
        document("far too long for this rule"),
        document(" \n\t"),
        document("first", id="7"),
        document("other", id="7"),
        rejected(1),
    ]
    rules = (Length(type="length", min_chars=3, max_chars=12),)
    tally = run(tmp_path, records, Treatment(rules=rules, held_out_fraction=0.0))
    assert tally.metrics() == {
        "documents_read": 8,
        "documents_kept": 3,
        "bytes_kept": 19,
        "dropped": {
            "empty": 1,
            "exact_duplicate": 1,
            "not_json": 1,
            "too_long": 1,
            "too_short": 1,
        },
        "held_out_documents": 0,
        "held_out_bytes": 0,
    }
    by_reason = {str(row["reason"]): row for row in dropped(tmp_path)}
    assert by_reason["too_short"]["score"] == 2.0
    assert by_reason["too_short"]["text"] == "no"
    assert by_reason["not_json"]["locator"] == "books.jsonl#record=1"
    assert by_reason["not_json"]["digest"] is None
    assert "same content as" in str(by_reason["exact_duplicate"]["detail"])
    assert by_reason["exact_duplicate"]["score"] is None
    assert tally.repeated_ids == 1


def test_the_corpus_is_normalised_and_ordered_by_digest(tmp_path: Path) -> None:
    run(tmp_path, [document(f"text {number}\r\n") for number in range(30)])
    rows = kept(tmp_path)
    digests = [str(row["digest"]) for row in rows]
    assert digests == sorted(digests)
    assert all(str(row["text"]).endswith("\n") and "\r" not in str(row["text"]) for row in rows)


def test_groups_are_never_torn_apart_and_held_out_is_counted(tmp_path: Path) -> None:
    records = [
        document(f"{number} of {group}", group=f"group-{group}") for number in range(4) for group in range(40)
    ]
    tally = run(tmp_path, list(records), Treatment(held_out_fraction=0.3))
    sides: dict[object, set[object]] = {}
    for row in kept(tmp_path):
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert 0 < tally.held_out_documents < tally.kept
    held_out = [row for row in kept(tmp_path) if row["split"] == "held_out"]
    assert tally.held_out_documents == len(held_out)
    assert tally.held_out_bytes == sum(len(str(row["text"]).encode()) for row in held_out)


def test_licences_and_dates_are_gathered(tmp_path: Path) -> None:
    tally = run(tmp_path, [document("a"), document("b", license="CC0-1.0")])
    assert dict(tally.licenses) == {"unknown": 1, "CC0-1.0": 1}
    assert tally.latest_date == "2001-02-03"


@pytest.mark.parametrize(
    "content",
    [
        Text("x"),
        Conversation((Message("user", "e\u0301"), Message("assistant", "b"))),
        MultipleChoice("e\u0301", "c", ("d", "e"), 1),
    ],
)
def test_all_shapes_go_through(tmp_path: Path, content: Text | Conversation | MultipleChoice) -> None:
    shape = {Text: "text", Conversation: "instruct", MultipleChoice: "multiple-choice"}[type(content)]
    one = Document(doc_id="00" * 16, group="g", source="s", locator="l", content=content)
    records: list[Record] = [one, rejected(1)]
    run(tmp_path, records, Treatment(shape=shape, held_out_fraction=0.0))  # type: ignore[arg-type]
    (row,) = kept(tmp_path)
    assert content_of(row) == content_of(to_row(one)) or "é" in json.dumps(row, ensure_ascii=False)
    assert dropped(tmp_path)[0]["text"] == "{"


def test_nothing_left_names_the_reason_and_the_remedy(tmp_path: Path) -> None:
    rules = (Length(type="length", min_chars=100),)
    with pytest.raises(DataError) as error:
        run(tmp_path, [document("a"), document("b"), document(" ")], Treatment(rules=rules))
    assert "of 3 documents none is left; 2 were dropped as too_short" in str(error.value)
    assert "lower `min_chars`" in str(error.value)
    with pytest.raises(DataError, match="the sources hold no document"):
        run(tmp_path / "empty", [])


def test_nothing_left_to_train_on_is_an_error_unless_asked_for(tmp_path: Path) -> None:
    records: list[Record] = [document("x", group="datetime")]
    with pytest.raises(DataError, match="none is left to train on"):
        run(tmp_path, records, Treatment(held_out_fraction=0.9))
    with pytest.raises(DataError) as raised:  # the drops are what left so few
        run(tmp_path / "copies", [*records * 3], Treatment(held_out_fraction=0.9))
    assert "of 3 documents 2 were dropped as exact_duplicate, and the one that stays falls" in str(
        raised.value
    )
    assert "`dedup`" in str(raised.value)
    assert run(tmp_path, records, Treatment(held_out_fraction=1.0)).held_out_documents == 1


def test_sums_that_do_not_close_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tally, "add_dropped", lambda *_, **__: None)
    with pytest.raises(DataError, match="do not add up"):
        run(tmp_path, [document("x"), document(" ")])
