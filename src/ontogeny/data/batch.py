"""A portion while it is gathered: columns instead of documents, and one buffer instead of strings.

A document is taken apart as soon as it is read, so what a worker holds is about the text of one portion, once.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ontogeny.core.files import digest_bytes
from ontogeny.data.document import (
    Content,
    Conversation,
    Document,
    LabelledText,
    MultipleChoice,
    Rejected,
    Shape,
    Text,
    content_bytes,
    make_doc_id,
    side_of,
    to_row,
)
from ontogeny.data.normalise import Normalise, normalise
from ontogeny.data.portions import stored_schema
from ontogeny.data.texts import Texts, TextsBuilder

if TYPE_CHECKING:
    import pyarrow as pa

EMPTY = "empty"
ABOUT = (
    *("doc_id", "group", "source", "locator", "license", "date", "language"),
    *("url", "domain", "extractor", "extract_score"),
)
"""What a document says of itself: columns as they are."""


class Batch:
    """Records of one shape, normalised as they come. `records` counts them, `size` their characters of text."""

    def __init__(self, shape: Shape, spelling: Normalise) -> None:
        self.records = 0
        self.size = 0
        self.rejected: list[dict[str, Any]] = []
        self._shape, self._spelling = shape, spelling
        self._columns: dict[str, list[Any]] = {name: [] for name in ABOUT}
        self._texts = TextsBuilder()
        self._rows: list[dict[str, Any]] = []  # of shapes other than text

    def add(self, record: Document | Rejected) -> None:
        """Take one record in."""
        self.records += 1
        if isinstance(record, Rejected):
            self.rejected.append(_rejected_row(record))
        elif isinstance(record.content, Text):
            self._add_text(record, record.content.text)
        else:
            content = _normalised(record.content, self._spelling)
            self.size += content_bytes(content)
            self._rows.append(dict(to_row(replace(record, content=content))))

    def _add_text(self, document: Document, raw: str) -> None:
        self.size += len(raw)
        text = normalise(raw, self._spelling)
        if not text or text.isspace():
            empty = replace(document, content=Text(text))
            self.rejected.append({**to_row(empty), **_why(EMPTY, "nothing but white space")})
            return
        self._texts.add(text)
        for name, column in self._columns.items():
            column.append(getattr(document, name))

    def texts(self) -> Texts:
        """The texts of the documents; once, when all are in."""
        return self._texts.done()

    def table(self, texts: Texts) -> pa.Table:
        """The documents with the columns of `stored_schema`, in the order they came; `texts` are theirs after edits."""
        import pyarrow as pa

        schema = stored_schema(self._shape)
        if self._shape != "text":
            return pa.Table.from_pylist(self._rows, schema=schema)
        bounds = texts.offsets.tolist()
        columns: dict[str, Any] = {
            **self._columns,
            "digest": [digest_bytes(texts.data[a:b].tobytes()) for a, b in pairwise(bounds)],
            "size_bytes": texts.sizes,
            "side": [side_of(group) for group in self._columns["group"]],
        }
        arrays = [
            texts.to_arrow_strings() if field.name == "text" else pa.array(columns[field.name], field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)


def _normalised(content: Content, config: Normalise) -> Content:
    match content:
        case Text(text):
            return Text(normalise(text, config))
        case LabelledText(text):
            return replace(content, text=normalise(text, config))
        case Conversation(messages):
            return Conversation(
                tuple(replace(turn, content=normalise(turn.content, config)) for turn in messages)
            )
        case MultipleChoice(prompt, context, choices, gold):
            return MultipleChoice(
                normalise(prompt, config),
                normalise(context, config),
                tuple(normalise(choice, config) for choice in choices),
                gold,
            )


def _rejected_row(record: Rejected) -> dict[str, Any]:
    """A row of the rejected; the record's locator stands in for the id it never got."""
    doc_id = make_doc_id(record.source, record.locator)
    return {
        "doc_id": doc_id,
        "group": doc_id,
        "source": record.source,
        "locator": record.locator,
        "text": record.sample,
        "side": side_of(doc_id),
        **_why(record.reason, record.detail),
    }


def _why(reason: str, detail: str) -> dict[str, Any]:
    return {"reason": reason, "score": None, "detail": detail}
