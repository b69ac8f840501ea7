"""Bytes of a page as text: the encoding told from its byte order mark, the server, the page itself, or the bytes.

The order is that of the HTML standard, section 13.2.3.2 "Determining the character encoding", but that bytes which
are valid UTF-8 beyond ASCII are taken for it whatever anyone claims: no other encoding looks like that by chance.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
FALLBACK = "windows-1252"
"""What the HTML standard assumes of a page that says nothing; every byte sequence means something in it."""


def decode_page(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text of a page and the encoding it was read in; bytes that mean nothing become U+FFFD.

    Args:
        declared: what the server said, if it did.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace"), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = _claimed(data, declared)
    return data.decode(encoding, errors="replace"), encoding


def _claimed(data: bytes, declared: str | None) -> str:
    """The first claim that the bytes do not refute: the server's, the page's, what the bytes look like."""
    from resiliparse.parse.encoding import map_encoding_to_html5

    for claim in _claims(data, declared):
        encoding = map_encoding_to_html5(claim, fallback_utf8=False) if claim else None
        if encoding is not None and _is_known(encoding) and (encoding != "utf-8" or _nearly_utf8(data)):
            return encoding
    return "utf-8" if _nearly_utf8(data) else FALLBACK


def _claims(data: bytes, declared: str | None) -> Iterator[str | None]:
    """One at a time: looking at the bytes takes longer than reading the page."""
    from resiliparse.parse.encoding import detect_encoding

    yield declared
    yield detect_encoding(data, from_html_meta=True)
    yield detect_encoding(data)


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _nearly_utf8(data: bytes) -> bool:
    """Whether no more than one character in a hundred beyond ASCII is broken: a damaged page, not another encoding."""
    text = data.decode("utf-8", errors="replace")
    beyond = sum(character > "\x7f" for character in text)
    return text.count("\ufffd") <= 0.01 * beyond
