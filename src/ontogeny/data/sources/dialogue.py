"""Dialogue logs in the form of OpenAI or ShareGPT (also Alpaca, and pairs) as text; a document a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ontogeny.data.document import Content, Document, Rejected, Text
from ontogeny.data.sources.files import FileSource, Reading, UnfitRowError, Unit, read_documents
from ontogeny.records.conversations import NEEDED, NotAConversationError, detect_form, read_conversation
from ontogeny.records.formats import Format
from ontogeny.records.row import Fault, Row

FORMATS = (Format.JSONL, Format.JSON, Format.PARQUET, Format.CSV, Format.TSV)


class DialogueSource(FileSource):
    """`{type: dialogue, path: ./logs/*.jsonl}`"""

    contents: ClassVar[tuple[str, ...]] = tuple(name for names in NEEDED.values() for name in names)

    type: Literal["dialogue"]

    user: str = "User"
    """What stands before a turn of the user."""

    assistant: str = "Assistant"
    """What stands before a turn of the assistant."""

    system: str | None = None
    """What stands before a system message; null leaves the message out: it is an instruction, not dialogue."""


def read_dialogue(source: DialogueSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a conversation."""
    names = {"user": source.user, "assistant": source.assistant, "system": source.system}

    def content_of(row: Row, reading: Reading) -> Content:
        form = detect_form(row.values)
        if form is None:
            there = ", ".join(map(str, row.values)) or "none"
            wanted = "; ".join(", ".join(columns) for columns in NEEDED.values())
            raise UnfitRowError(Fault.MISSING_COLUMN, f"expected one of {wanted}; the columns are: {there}")
        reading.note_detected(f"form {form.value}")
        try:
            messages = read_conversation(row.values, form)
        except NotAConversationError as error:
            raise UnfitRowError(Fault.NOT_A_CONVERSATION, str(error)) from error
        turns = [(names[message.role], message.content.strip()) for message in messages]
        return Text("\n\n".join(f"{name}: {content}" for name, content in turns if name is not None))

    return read_documents(source, unit, FORMATS, reading, content_of=content_of)
