"""A batch holds what rows made one by one would hold, in columns."""

from __future__ import annotations

import pytest

from ontogeny.data.batch import Batch
from ontogeny.data.document import (
    Content,
    Conversation,
    Document,
    MultipleChoice,
    Rejected,
    Shape,
    Text,
    to_row,
)
from ontogeny.data.normalise import Normalise
from ontogeny.data.portions import stored_schema
from ontogeny.records.conversations import Message


def document(content: Content, **about: object) -> Document:
    known: dict[str, object] = {"doc_id": "1" * 32, "group": "g", "source": "s", "locator": "f#record=1"}
    return Document(content=content, **{**known, **about})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "contents"),
    [
        ("text", [Text("one"), Text("zwölf 𝄞 \n"), Text("x" * 3000)]),
        ("instruct", [Conversation((Message("user", "é"), Message("assistant", "b")))]),
        ("multiple-choice", [MultipleChoice("p", "c", ("d", "é"), 1)]),
    ],
)
def test_columns_are_those_of_rows(shape: Shape, contents: list[Content]) -> None:
    about = {"license": "CC0-1.0", "date": "2001", "url": "https://a.org/", "extract_score": 0.5}
    documents = [document(content, group=f"g{n}", **about) for n, content in enumerate(contents)]
    batch = Batch(shape, Normalise())
    for each in documents:
        batch.add(each)
    table = batch.table(batch.texts())
    assert table.schema.equals(stored_schema(shape))
    assert table.to_pylist() == [to_row(each) for each in documents]
    assert batch.records == len(documents)


def test_text_is_normalised_and_measured_on_the_way() -> None:
    batch = Batch("text", Normalise())
    batch.add(document(Text("e\u0301\r\n")))
    assert batch.size == 4
    texts = batch.texts()
    assert texts.strings() == ["\u00e9\n"]
    assert batch.table(texts).column("size_bytes").to_pylist() == [3]


def test_what_is_no_document_has_a_reason() -> None:
    batch = Batch("text", Normalise())
    batch.add(document(Text(" \n\u2003")))
    batch.add(Rejected(source="s", locator="f#record=2", reason="not_json", detail="x", sample="{"))
    assert [(row["reason"], row["locator"], row["text"]) for row in batch.rejected] == [
        ("empty", "f#record=1", " \n\u2003"),
        ("not_json", "f#record=2", "{"),
    ]
    assert len(batch.table(batch.texts())) == 0
    assert batch.records == 2
