"""A document: its identity, where it came from, what it holds, and on which side of the split it stands.

Every document has, from the moment it is read, a `doc_id` that does not move when files are renamed or shuffled, a
`group` that is never torn apart by the split, and a locator that leads back to the bytes it was read from. Text to
read, a conversation to learn from and a question with choices are all documents; they differ in `content` only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from blake3 import blake3

from ontogeny.core.files import digest_bytes, digest_json
from ontogeny.records.conversations import Message
from ontogeny.records.row import Value

if TYPE_CHECKING:
    import pyarrow as pa

Split: TypeAlias = Literal["train", "held_out", "test"]
Shape: TypeAlias = Literal["text", "instruct", "classify", "multiple-choice"]

SPLITS: tuple[Split, ...] = ("train", "held_out", "test")
"""What is learnt from, what guides learning without being learnt, and what is looked at once, after it."""

HELD_OUT_FRACTION = 0.1
"""Default part of the groups kept out of training: enough to measure on, little enough to give away."""

DOC_ID_BYTES = 16

LABEL_SEPARATOR = "|"
"""Between the names in the column `label`, where a text has several."""


@dataclass(frozen=True, slots=True)
class Text:
    """Something to read."""

    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Something to answer; the last message is the assistant's."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """Something to choose.

    `prompt` asks in a conversation; `context` is the same question as a document would put it, for a model that was
    never tuned to answer: each choice continues it. `gold` is the position of the right choice.
    """

    prompt: str
    context: str
    choices: tuple[str, ...]
    gold: int


@dataclass(frozen=True, slots=True)
class LabelledText:
    """Something to sort: the names of its classes, one in most data, and any number, none included, in some."""

    text: str
    labels: tuple[str, ...]

    @property
    def label(self) -> str:
        """All of them in one string."""
        return LABEL_SEPARATOR.join(self.labels)


Content: TypeAlias = Text | Conversation | MultipleChoice | LabelledText


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One record of a source, before anything was decided about it.

    `date` is ISO 8601, to the day or coarser. `url` is where a page stood and `domain` its host; `extractor` names what
    took the text out of the page, and `extract_score` says how well (`extract.score`).
    """

    doc_id: str
    group: str
    source: str
    locator: str
    content: Content
    license: str | None = None
    date: str | None = None
    language: str | None = None
    url: str | None = None
    domain: str | None = None
    extractor: str | None = None
    extract_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that did not become a document, why, and the beginning of what it held."""

    source: str
    locator: str
    reason: str
    detail: str
    sample: str = ""


def domain_of(url: str | None) -> str | None:
    """The host that `url` names, in lower case, without `www.` and port; None where it names none."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:  # brackets that hold no IPv6 address
        return None
    return host.removeprefix("www.") if host else None


def make_doc_id(source: str, record: str) -> str:
    """128-bit BLAKE3, 32 hex digits, of the source's name and the record's own id, or the digest of its raw content."""
    return blake3(f"{source}\x1f{record}".encode()).digest(DOC_ID_BYTES).hex()


def split_of(group: str, held_out_fraction: float) -> Split:
    """The side of `group`: a function of its digest alone, so that no order, source or later document can move it.

    A larger fraction holds out the same groups and more.
    """
    return "held_out" if side_of(group) < held_out_fraction else "train"


def side_of(group: str) -> float:
    """Where `group` stands between 0 and 1; below the held-out fraction it is held out."""
    return int.from_bytes(blake3(group.encode()).digest(8), "big") / 2**64


def digest_content(content: Content) -> str:
    """What makes two contents the same: the text's UTF-8 bytes, or the canonical JSON of the columns that hold it."""
    return (
        digest_bytes(content.text.encode())
        if isinstance(content, Text)
        else digest_json(_content_columns(content))
    )


def content_bytes(content: Content) -> int:
    """UTF-8 bytes of everything that `content` says."""
    match content:
        case Text(text) | LabelledText(text):
            strings: tuple[str, ...] = (text,)
        case Conversation(messages):
            strings = tuple(message.content for message in messages)
        case MultipleChoice(prompt, context, choices, _):
            strings = (prompt, context, *choices)
    return sum(len(string.encode()) for string in strings)


def shown(content: Content) -> str:
    """`content` as a person would read it in a list of samples."""
    match content:
        case Text(text):
            return text
        case LabelledText(text, labels):
            return f"[{', '.join(labels)}] {text}"
        case Conversation(messages):
            return "\n".join(f"{message.role}: {message.content}" for message in messages)
        case MultipleChoice(prompt, _, choices, gold):
            marks = ("*" if position == gold else "-" for position in range(len(choices)))
            return "\n".join(
                [prompt, *(f"{mark} {choice}" for mark, choice in zip(marks, choices, strict=True))]
            )


def to_row(document: Document) -> dict[str, Value]:
    """`document` as a row of `portions.stored_schema`: the corpus' columns but the split, its size and its side."""
    return {
        "doc_id": document.doc_id,
        "group": document.group,
        "source": document.source,
        "locator": document.locator,
        **_content_columns(document.content),
        "digest": digest_content(document.content),
        "license": document.license,
        "date": document.date,
        "language": document.language,
        "url": document.url,
        "domain": document.domain,
        "extractor": document.extractor,
        "extract_score": document.extract_score,
        "size_bytes": content_bytes(document.content),
        "side": side_of(document.group),
    }


def content_of(row: Mapping[str, Value]) -> Content:
    """The content of a row as `to_row` wrote it."""
    match row:
        case {"text": str(text), "labels": list(labels)}:
            return LabelledText(text, tuple(labels))
        case {"text": str(text)}:
            return Text(text)
        case {"messages": list(messages)}:
            return Conversation(tuple(Message(turn["role"], turn["content"]) for turn in messages))
        case {"prompt": str(prompt), "context": str(context), "choices": list(choices), "gold": int(gold)}:
            return MultipleChoice(prompt, context, tuple(choices), gold)
    raise ValueError(f"a row with the columns {', '.join(row)} holds no content")


def _content_columns(content: Content) -> Mapping[str, Value]:
    match content:
        case Text(text):
            return {"text": text}
        case LabelledText(text, labels):
            return {"text": text, "label": content.label, "labels": list(labels)}
        case Conversation(messages):
            return {"messages": [{"role": message.role, "content": message.content} for message in messages]}
        case MultipleChoice(prompt, context, choices, gold):
            return {"prompt": prompt, "context": context, "choices": list(choices), "gold": gold}


@functools.cache
def schema_of(shape: Shape) -> pa.Schema:
    """The columns of `part-*.parquet` for documents of one shape, in the order they are written."""
    import pyarrow as pa

    string = pa.string()
    columns: dict[Shape, list[tuple[str, pa.DataType]]] = {
        "text": [("text", string)],
        "instruct": [("messages", pa.list_(pa.struct([("role", string), ("content", string)])))],
        "classify": [("text", string), ("label", string), ("labels", pa.list_(string))],
        "multiple-choice": [
            ("prompt", string),
            ("context", string),
            ("choices", pa.list_(string)),
            ("gold", pa.int64()),
        ],
    }
    before = [(name, string) for name in ("doc_id", "group", "split", "source", "locator")]
    about = ("digest", "license", "date", "language", "url", "domain", "extractor")
    after = [(name, string) for name in about]
    return pa.schema([*before, *columns[shape], *after, ("extract_score", pa.float64())])


@functools.cache
def dropped_schema_of(shape: Shape) -> pa.Schema:
    """The columns of `dropped.parquet`: those of the parts, and why. `text` is there for every shape, for bad rows."""
    import pyarrow as pa

    schema = schema_of(shape)
    if "text" not in schema.names:
        schema = schema.append(pa.field("text", pa.string()))
    for name, kind in (("reason", pa.string()), ("score", pa.float64()), ("detail", pa.string())):
        schema = schema.append(pa.field(name, kind))
    return schema
