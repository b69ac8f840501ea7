"""The columns of a table in a terminal: as wide as they need, and where that is too wide, narrower in a clear order.

Names break after `/`, `_`, `-` or a comma, texts at spaces; numbers never break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

GAP, EDGES = 3, 2  # what `box.SIMPLE_HEAD` puts between columns, and around them
TIGHT_GAP = 2  # with padding collapsed, and no edges
INDENT = 2  # of the lines that go on with a name of the first column
LEAST = 8  # narrower than this no column gets: what is longer breaks within a word
PIECE = re.compile(r"[^\s/_,-]*[\s/_,-]+|[^\s/_,-]+")


@dataclass(frozen=True)
class Column:
    """A column as it is shown: its cells may have several lines."""

    name: str
    header: Text
    cells: tuple[Text, ...]


@dataclass(frozen=True)
class Fitted:
    """The columns that are shown; `tight` where they stand closer together than they would."""

    columns: tuple[Column, ...]
    tight: bool


def fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str],
    spare: Sequence[str],
    width: int,
) -> Fitted:
    """The columns in at most `width` characters, where that can be: those of `right` are numbers."""
    from rich.text import Text

    every = [
        Column(name, Text(name), tuple(Text.from_markup(row[place]) for row in rows))
        for place, name in enumerate(columns)
    ]
    if sum(map(_natural, every)) + GAP * (len(every) - 1) + EDGES <= width:
        return Fitted(tuple(every), tight=False)
    spared = [name for name in spare if name in columns]
    while spared and _needed(every, right) > width:
        every = [column for column in every if column.name != spared[0]]
        del spared[0]
    widths = _widths(every, right, width - TIGHT_GAP * (len(every) - 1))
    shown = [
        Column(
            column.name,
            _broken(column.header, widths[place]),
            tuple(
                cell if column.name in right else _broken(cell, widths[place], INDENT if place == 0 else 0)
                for cell in column.cells
            ),
        )
        for place, column in enumerate(every)
    ]
    return Fitted(tuple(shown), tight=True)


def _widths(columns: Sequence[Column], right: Sequence[str], width: int) -> list[int]:
    """Of each column: the widest that can be narrower becomes so, by one, until all fit."""
    widths = [_natural(column) for column in columns]
    least = [_least(column, right) for column in columns]
    within_words = [
        own if column.name in right else min(own, LEAST) for column, own in zip(columns, least, strict=True)
    ]
    for floor in (least, within_words):
        while sum(widths) > width and widths != floor:
            at = max(range(len(widths)), key=lambda place: (widths[place] > floor[place], widths[place]))
            widths[at] -= 1
    return widths


def _needed(columns: Sequence[Column], right: Sequence[str]) -> int:
    return sum(_least(column, right) for column in columns) + TIGHT_GAP * (len(columns) - 1)


def _natural(column: Column) -> int:
    return max(cell.cell_len for cell in (column.header, *column.cells))


def _least(column: Column, right: Sequence[str]) -> int:
    """The width below which a number, or a word of a name, would break."""
    header = _longest_piece([column.header])
    if column.name in right:
        return max(header, *(cell.cell_len for cell in column.cells), 0)
    return max(
        header, min(_longest_piece(column.cells) + INDENT, _natural(column)), min(LEAST, _natural(column))
    )


def _longest_piece(cells: Iterable[Text]) -> int:
    from rich.cells import cell_len

    return max((cell_len(piece.rstrip()) for cell in cells for piece in PIECE.findall(cell.plain)), default=0)


def _broken(text: Text, width: int, indent: int = 0) -> Text:
    """On lines of at most `width`, where its words let it."""
    from rich.cells import cell_len
    from rich.text import Text

    cuts: list[int] = []
    line, at = "", 0
    for piece in PIECE.findall(text.plain):
        room = width - (indent if cuts else 0)
        if line and cell_len(line + piece.rstrip()) > room:
            cuts.append(at)
            line = ""
        line += piece
        at += len(piece)
    lines = text.divide(cuts)
    for one in lines:
        one.rstrip()
    return Text("\n" + " " * indent).join(lines)
