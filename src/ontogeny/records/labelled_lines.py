"""Lines of a label, white space and a text, as SST-2, TREC and fastText have them.

    1 a stirring , funny and finally transporting re-imagining
    DESC:manner How did serfdom develop in and then leave Russia ?
    __label__baking __label__bread How do I bake a sourdough loaf ?

The label is the first word of a line. Where words begin with `__label__`, these are the labels, wherever they stand and
however many there are (fastText, "Text classification", and `Dictionary::getLine` of its source).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import Watch
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Note
from ontogeny.records.lines import Line, read_lines
from ontogeny.records.row import (
    MAX_RECORD_BYTES,
    BadRow,
    Fault,
    Row,
    byte_locator,
    record_locator,
    sample_of,
)

MARKED = re.compile(r"(?<!\S)__label__(\S*)\s*")


def read_labelled_lines(
    path: AnyPath,
    watch: Watch | None = None,
    *,
    skip: int = 0,
    note: Note | None = None,
    encoding: str | None = None,
) -> Iterator[Row | BadRow]:
    """The rows of a file, compressed or not, with `label` (a list, where marks name several or none) and `text`.

    Blank lines are passed over. `number` is the line's; `note` is told of an encoding other than UTF-8.
    """
    with open_utf8(path, watch, note, encoding) as (stream, recoded):
        lines = (line for line in read_lines(stream) if line.data.strip())
        for line in islice(lines, skip, None):
            locator = (
                record_locator(path, line.number) if recoded else byte_locator(path, line.start, line.end)
            )
            yield _parsed(line, locator)


def _parsed(line: Line, locator: str) -> Row | BadRow:
    if line.too_long:
        detail = f"a line of {line.end - line.start:,} bytes; the longest allowed has {MAX_RECORD_BYTES:,}"
        return BadRow(Fault.TOO_LONG, detail, line.number, locator, sample_of(line.data))
    try:
        text = line.data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the line ({line.data[error.start]:#04x}) is not UTF-8"
        return BadRow(Fault.INVALID_UTF8, detail, line.number, locator, sample_of(line.data))
    if marked := MARKED.findall(text):
        label: str | list[str] = marked[0] if len(marked) == 1 else marked
        return Row({"label": label, "text": MARKED.sub("", text)}, line.number, locator)
    label, *rest = text.split(maxsplit=1)
    return Row({"label": label, "text": rest[0] if rest else ""}, line.number, locator)
