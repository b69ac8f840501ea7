"""Mail: `.eml` files, one message each, and `.mbox` files, one after another; subject and body as text.

A thread is a group: messages whose References or In-Reply-To begin with the same message. The plain part of a message
is taken, its HTML where there is none. Addresses, headers and attachments stay out of the text.
"""

from __future__ import annotations

import email
import email.errors
import email.message
import email.policy
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Literal

from pydantic import Field

from ontogeny.core.files import digest_bytes
from ontogeny.data.document import Document, Rejected, Text, make_doc_id
from ontogeny.data.extract.decode import decode_page
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fragment import fragment_text
from ontogeny.data.sources.files import FileSource, Reading, Unit, rejected
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.row import BadRow, Fault, byte_locator, record_locator, sample_of

MAX_MESSAGE_BYTES = 32 << 20
"""Servers take messages of 25 to 50 MB; text is never that long, attachments are."""

MESSAGE_ID = re.compile(r"<[^<>\s]+>")
SEPARATOR = re.compile(rb"From \S+ .*\b\d{4}\b")
SKIP_BYTES = 1 << 20
NO_TEXT, TOO_LARGE = "no_text", "message_too_large"


class MailSource(FileSource):
    """`{type: mail, path: ./archive/*.mbox}`"""

    type: Literal["mail"]

    max_message_bytes: int = Field(MAX_MESSAGE_BYTES, ge=1)
    """Larger messages are left out as `message_too_large`."""


def read_mail(source: MailSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a message."""
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            for start, end, data in _messages(stream, source.max_message_bytes, reading.resume_at or 0):
                reading.begin(start)
                reading.count.add_good()
                yield _document(source, data, byte_locator(unit.path, start, end))
    except DamagedStreamError as error:
        number = reading.count.total + 1
        bad = BadRow(Fault.DAMAGED_COMPRESSION, str(error), number, record_locator(unit.path, number))
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)
        return
    if reading.place is None:
        bad = BadRow(Fault.EMPTY_FILE, "there is no message in this file", 0, record_locator(unit.path, 0))
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)


def _messages(stream: BinaryIO, max_bytes: int, resume_at: int) -> Iterator[tuple[int, int, bytes]]:
    """Each message with its bytes in the stream; of one too large, its first `max_bytes + 1` bytes.

    A file that begins with "From", an address and a date is an mbox (RFC 4155); a line like it after an empty line
    begins another message. With `resume_at`, the start of a message, that message is the first.
    """
    kept = bytearray()
    start = position = _skip(stream, resume_at)
    mbox, after_blank, at_line_start = position > 0, position == 0, True
    while piece := stream.readline(1 << 16):
        separates = at_line_start and after_blank and SEPARATOR.match(piece) is not None
        if position == 0:
            mbox = separates
        if mbox and separates:
            if position > start:
                yield start, position, bytes(kept)
            kept, start = bytearray(), position + len(piece)
        elif len(kept) <= max_bytes:
            kept += piece[: max_bytes + 1 - len(kept)]
        position += len(piece)
        after_blank = at_line_start and not piece.strip()
        at_line_start = piece.endswith(b"\n")
    if kept.strip():
        yield start, position, bytes(kept)


def _skip(stream: BinaryIO, count: int) -> int:
    """Pass over the first `count` bytes of `stream`, as a jump where it can; returns where that leads."""
    if stream.seekable():
        return stream.seek(count)
    passed = 0
    while passed < count and (data := stream.read(min(SKIP_BYTES, count - passed))):
        passed += len(data)
    return passed


def _document(source: MailSource, data: bytes, locator: str) -> Document | Rejected:
    def left_out(reason: str, detail: str) -> Rejected:
        return Rejected(
            source=source.source_name, locator=locator, reason=reason, detail=detail, sample=sample_of(data)
        )

    if len(data) > source.max_message_bytes:
        return left_out(
            TOO_LARGE, f"more than the {source.max_message_bytes:,} bytes that `max_message_bytes` allows"
        )
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        subject = " ".join(str(message.get("Subject") or "").split())
        body = _body(message)
        own_id, thread, date = _header_facts(message)
    except NotExtractedError as error:
        return left_out(error.reason, str(error))
    except (email.errors.MessageError, ValueError, LookupError, AttributeError, IndexError, TypeError,
            RecursionError) as error:  # fmt: skip # what the standard library's parser raises for headers that are none
        return left_out("damaged_message", f"{type(error).__name__}: {error}")
    text = f"{subject}\n\n{body}" if subject and body else body
    if not text.strip():
        return left_out(NO_TEXT, "neither a plain nor an HTML body")
    doc_id = make_doc_id(source.source_name, own_id or digest_bytes(data))
    return Document(
        doc_id=doc_id,
        group=make_doc_id(source.source_name, thread) if thread else doc_id,
        source=source.source_name,
        locator=locator,
        content=Text(text.encode("utf-8", errors="replace").decode()),
        license=source.license,
        date=date,
    )


def _header_facts(message: email.message.EmailMessage) -> tuple[str | None, str | None, str | None]:
    """The message's own id, that of the thread's first message, and its day."""
    own = MESSAGE_ID.search(str(message.get("Message-ID") or ""))
    earlier = MESSAGE_ID.search(f"{message.get('References') or ''} {message.get('In-Reply-To') or ''}")
    try:
        date = parsedate_to_datetime(str(message.get("Date"))).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        date = None
    own_id = own[0] if own else None
    return own_id, earlier[0] if earlier else own_id, date


def _body(message: email.message.EmailMessage) -> str:
    """The text of the plain part, or of the HTML one."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    text = decode_page(data, part.get_content_charset())[0]
    return fragment_text(text) if part.get_content_subtype() == "html" else text.replace("\r\n", "\n").strip()
