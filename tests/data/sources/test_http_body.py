"""Bodies of HTTP answers: chunks joined, compressions undone within a limit, lies told apart from damage."""

from __future__ import annotations

import gzip
import zlib

import pytest

from ontogeny.data.sources.http_body import BodyError, decode_body

TEXT = b"words of a page " * 100
BROTLI = bytes.fromhex("1b1600f88d54b5bf7c93bb4b10b2b990270ef06a")
"""`words words words words` (RFC 7932), packed once by the reference encoder."""


def deflated(window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(TEXT) + packer.flush()


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (TEXT, None),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "X-GZIP"),
        (deflated(15), "deflate"),
        (deflated(-15), "deflate"),
        (gzip.compress(gzip.compress(TEXT)), "gzip, gzip"),
        (b"<html>", "gzip"),
    ],
)
def test_compressions_are_undone(data: bytes, content: str | None) -> None:
    expected = data if data == b"<html>" else TEXT
    assert decode_body(data, None, content, max_bytes=10_000) == expected


def test_brotli_is_undone() -> None:
    assert decode_body(BROTLI, None, "br", max_bytes=100) == b"words words words words"


def test_no_more_than_a_byte_beyond_the_limit_comes_out() -> None:
    assert len(decode_body(gzip.compress(bytes(10 << 20)), None, "gzip", max_bytes=1_000)) == 1_001


def test_chunks_are_joined_and_may_end_early() -> None:
    chunks = b"5;name=value\r\nwords\r\n3\r\n of\r\n0\r\n\r\n"
    assert decode_body(chunks, "chunked", None, max_bytes=100) == b"words of"
    assert decode_body(chunks[:-5], "chunked", None, max_bytes=100) == b"words of"
    assert decode_body(b"<p>joined before", "chunked", None, max_bytes=100) == b"<p>joined before"


@pytest.mark.parametrize(
    ("data", "transfer", "content", "detail"),
    [
        (b"zz\r\nwords", "chunked", None, "broken chunk at byte 0 of the body"),
        (b"\x1f\x8bwords", None, "gzip", "the body is not the gzip that its header says"),
        (b"words", None, "deflate", "the body is not the deflate that its header says"),
        (b"\xff\xffwords", None, "br", "the body is not the br that its header says"),
        (b"words", None, "zip", "unknown Content-Encoding 'zip'"),
    ],
)
def test_what_is_broken_says_how(data: bytes, transfer: str | None, content: str | None, detail: str) -> None:
    with pytest.raises(BodyError, match=detail):
        decode_body(data, transfer, content, max_bytes=100)
