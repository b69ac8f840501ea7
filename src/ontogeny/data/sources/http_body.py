"""The body of an HTTP answer as it was meant: chunks joined, compression undone, never more than asked for."""

from __future__ import annotations

import zlib


class BodyError(ValueError):
    """A body that is not what its headers say."""


def decode_body(data: bytes, transfer: str | None, content: str | None, *, max_bytes: int) -> bytes:
    """`data` decoded as `Transfer-Encoding` and `Content-Encoding` say, up to `max_bytes + 1` bytes.

    Crawlers that decode a body often leave the header: a body without the compression's first bytes is taken as it is.

    Raises:
        BodyError: broken chunks, a broken or unknown compression.
    """
    for name in (part.strip().lower() for part in (transfer or "").split(",") if part.strip()):
        if name == "chunked":
            data = _join_chunks(data)
        elif name != "identity":
            data = _decompress(data, name, max_bytes)
    for name in reversed([part.strip().lower() for part in (content or "").split(",") if part.strip()]):
        data = _decompress(data, name, max_bytes)
    return data


def _join_chunks(data: bytes) -> bytes:
    joined, position = bytearray(), 0
    while True:
        end = data.find(b"\r\n", position, position + 1024)
        size = data[position:end].partition(b";")[0].strip() if end >= 0 else b""
        try:
            length = int(size, 16)
        except ValueError:
            if position == 0 and data.lstrip()[:1] == b"<":
                return data  # decoded before it was kept, the header left as it was
            raise BodyError(f"broken chunk at byte {position} of the body") from None
        if length <= 0:
            return bytes(joined)
        joined += data[end + 2 : end + 2 + length]
        position = end + 2 + length + 2
        if position >= len(data):
            return bytes(joined)


def _decompress(data: bytes, name: str, max_bytes: int) -> bytes:
    if name in ("identity", "utf-8", "none") or data.lstrip()[:1] == b"<":
        return data
    try:
        if name in ("gzip", "x-gzip", "deflate"):
            window = 47 if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78" else -15
            return zlib.decompressobj(window).decompress(data, max_bytes + 1)
        if name == "br":
            return _brotli(data, max_bytes)
    except (zlib.error, OSError, ValueError) as error:
        raise BodyError(f"the body is not the {name} that its header says ({error})") from error
    raise BodyError(f"unknown Content-Encoding {name!r}")


def _brotli(data: bytes, max_bytes: int) -> bytes:
    import io

    from fastwarc.stream_io import BrotliReader

    return BrotliReader(io.BytesIO(data)).read(max_bytes + 1)
