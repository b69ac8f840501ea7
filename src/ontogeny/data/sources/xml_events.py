"""Large XML as it streams by: elements and their positions, in bounded memory, with nothing expanded or fetched.

The parser is the standard library's expat. Dumps define no entities, so a file that does is refused at that point,
before one of them is used ("billion laughs"); external ones are never fetched. A tag that does not end is refused too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol, TypeVar, cast
from xml.parsers import expat

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CHUNK_BYTES = 1 << 16
MAX_TOKEN_BYTES = 4 << 20
"""Longest tag. A Stack Exchange row is one tag, whose body has at most 30,000 characters
or so. The parser goes over an unfinished tag again with each piece, so a large one takes the square of its size."""


class DamagedXmlError(Exception):
    """XML that does not parse, ends early, or is built to harm."""


class Handler(Protocol):
    """What is told of elements. `position` gives bytes from the beginning of the stream, where the event begins."""

    position: Callable[[], int]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def text(self, data: str) -> None:
        """Text, in pieces of any size."""

    def end(self, name: str) -> None:
        """An element ends."""


class Collector(Handler, Protocol[T_co]):
    """A handler that makes items of what it is told."""

    def take(self) -> Sequence[T_co]:
        """The items that are complete and were not handed over yet."""


def items(stream: BinaryIO, collector: Collector[T]) -> Iterator[T]:
    """Every item that `collector` finds in `stream`; where that is damaged, what stands before the damage comes first.

    Raises:
        DamagedXmlError: see there; and what `stream` raises.
    """
    try:
        for _ in parse(stream, collector):
            yield from collector.take()
    except Exception:  # whatever the decompressor says
        yield from collector.take()
        raise


def parse(stream: BinaryIO, handler: Handler) -> Iterator[None]:
    """Feed `stream` to `handler`; yields after each piece, so that what was found can be handed on.

    Raises:
        DamagedXmlError: see there. What was handed over before stands.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: handler.start(name.rpartition("}")[2], attributes)
    parser.EndElementHandler = lambda name: handler.end(name.rpartition("}")[2])
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = _refuse_entities
    handler.position = lambda: parser.CurrentByteIndex
    # Not `read`, which loses what it has when the stream then turns out to be damaged.
    more = cast(io.BufferedIOBase, stream).read1
    fed = 0
    while True:
        data = more(CHUNK_BYTES)
        fed += len(data)
        try:
            parser.Parse(data, not data)
        except expat.ExpatError as error:
            raise DamagedXmlError(str(error)) from error
        yield
        if not data:
            return
        if fed - parser.CurrentByteIndex > MAX_TOKEN_BYTES:
            raise DamagedXmlError(f"a tag of more than {MAX_TOKEN_BYTES:,} bytes")


def _refuse_entities(name: str, *_: object) -> None:
    raise DamagedXmlError(f"the file defines an entity ({name}); dumps do not")
