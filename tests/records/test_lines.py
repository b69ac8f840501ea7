"""Lines with positions: they tile the stream, and a line of any length costs bounded memory."""

from __future__ import annotations

import io
import tracemalloc
from typing import BinaryIO, cast

from hypothesis import given
from hypothesis import strategies as st

from ontogeny.records.lines import BYTE_ORDER_MARK, Line, read_lines


def lines_of(data: bytes, max_bytes: int = 1000) -> list[Line]:
    return list(read_lines(io.BytesIO(data), max_bytes=max_bytes))


@given(st.binary(max_size=300), st.integers(1, 20))
def test_lines_tile_the_stream(data: bytes, max_bytes: int) -> None:
    found = lines_of(data, max_bytes)
    ends = [0, *(line.end for line in found)]
    assert [line.start for line in found] == ends[:-1]
    assert ends[-1] == len(data)
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert len(found) == len(
        data.splitlines(keepends=True) if b"\r" not in data else io.BytesIO(data).readlines()
    )


@given(
    st.lists(
        st.binary(max_size=30).map(lambda part: part.replace(b"\n", b"").replace(b"\r", b"")), max_size=8
    )
)
def test_data_is_the_line_without_its_end(parts: list[bytes]) -> None:
    found = lines_of(b"".join(part + b"\r\n" for part in parts))
    assert [line.data for line in found][1:] == parts[1:]


def test_a_long_line_is_skipped_to_its_end_and_the_next_one_read() -> None:
    first, second, third = lines_of(b"ok\n" + b"x" * 5000 + b"\nnext\n", max_bytes=100)
    assert (first.too_long, second.too_long, third.too_long) == (False, True, False)
    assert (second.start, second.end) == (3, 5004)
    assert len(second.data) == 101
    assert third.data == b"next"


def test_a_line_of_exactly_the_limit_is_not_too_long() -> None:
    assert [line.too_long for line in lines_of(b"x" * 10 + b"\n", max_bytes=10)] == [False]


def test_a_byte_order_mark_belongs_to_no_line() -> None:
    assert lines_of(BYTE_ORDER_MARK + b"a\nb")[0].data == b"a"


class Endless:
    """A stream of one line of `size` bytes that never holds more than was asked for."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readline(self, limit: int) -> bytes:
        given = min(limit, self.left)
        self.left -= given
        return b"x" * given


def test_fifty_megabytes_in_one_line_take_the_memory_of_the_limit() -> None:
    tracemalloc.start()
    (line,) = read_lines(cast(BinaryIO, Endless(50_000_000)), max_bytes=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert line.too_long
    assert line.end == 50_000_000
    assert peak < 1_000_000
