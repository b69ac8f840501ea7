"""A text without some of its words, so that what is left reads as a text: what becomes of the signs and spaces between.

A cut ends between words. What hangs on to them (`"`, `).`) goes with them; a name that lies half inside (`well-known`,
`a_name`) stays whole; a line of which no word is left goes whole; and where both sides have white space, that of more
lines stays. Words are never changed, nor white space elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from ontogeny.data.signals.folding import OWN_WORD, SEPARATOR, SKIPPED, TABLE_SIZE, folding_table

NEWLINE = "\n"
DECIMAL = ".,"
NAME_CHARS = 80
"""How far into a cut the rest of a name is looked for: where there are no spaces, it ends at its words."""


class Joint(NamedTuple):
    """How two pieces are joined: characters kept of the left one, the first kept of the right one, whether apart."""

    left: int
    right: int
    space: bool


def without(text: bytes, cuts: Sequence[tuple[int, int]]) -> tuple[bytes, list[tuple[int, int]]]:
    """`text` without the words in the byte ranges `cuts`, ascending and apart, and the byte ranges that are gone.

    What is left is `text` without those ranges; a space stands for one where words would touch that did not before.
    """
    edges = [0, *(edge for cut in cuts for edge in cut), len(text)]
    pieces = [text[low:high].decode() for low, high in itertools.pairwise(edges)]
    for number in range(1, len(pieces), 2):
        pieces[number - 1 : number + 2] = _between_spaces(*pieces[number - 1 : number + 2])
    edges = [0, *itertools.accumulate(len(piece.encode()) for piece in pieces)]
    kept: list[str] = []
    gone: list[tuple[int, int]] = []
    left, begins = pieces[0], 0  # what is left of the piece before the cut, and where it begins
    for number in range(2, len(pieces), 2):
        piece = pieces[number]
        joint = joined(left, piece, first=number == 2, last=number == len(pieces) - 1)
        kept += [left[: joint.left], " " if joint.space else ""]
        low = begins + len(left[: joint.left].encode())
        begins = edges[number] + len(piece[: joint.right].encode())
        gone.append((low, begins))
        left = piece[joint.right :]
    return "".join([*kept, left]).encode(), gone


def _between_spaces(left: str, cut: str, right: str) -> tuple[str, str, str]:
    """The same text with a smaller cut: names that it divides stay whole."""
    begin, end = 0, len(cut)
    if left and not left[-1].isspace() and _attached_before(left) == len(left):
        begin = next((place + 1 for place, each in enumerate(cut[:NAME_CHARS]) if each.isspace()), 0)
    marks = _marks(right)
    if right[marks:] and not right[marks].isspace() and _attached_after(right, marks) == marks:
        last = max(0, len(cut) - NAME_CHARS)
        end = next((place + 1 for place in range(len(cut) - 1, last - 1, -1) if cut[place].isspace()), end)
    if begin >= end:
        return left, cut, right
    return left + cut[:begin], cut[begin:end], cut[end:] + right


def joined(left: str, right: str, *, first: bool, last: bool) -> Joint:
    """How `left` and `right` are joined when words between them are cut; `first` and `last` pieces end the text."""
    end, begin = len(left), _marks(right)
    line, rest = _line_before(left, first=first), _line_after(right, begin, last=last)
    if line is not None and rest is not None:
        end, begin = line, rest
    else:
        end, begin = _attached_before(left), _attached_after(right, begin)
    words_end = len(left[:end].rstrip())
    words_begin = len(right) - len(right[begin:].lstrip())
    if first and not words_end:
        return Joint(0, words_begin, space=False)
    if last and words_begin == len(right):
        return Joint(words_end, begin, space=False)
    before, after = left[words_end:end], right[begin:words_begin]
    if before.count(NEWLINE) > after.count(NEWLINE) or (before and NEWLINE not in after):
        return Joint(end, words_begin, space=False)
    return Joint(words_end, begin, space=not after and _would_touch(left[:words_end], right[begin]))


def _marks(right: str) -> int:
    """How many combining marks and the like stand first: they belong to the last letter that is cut."""
    return next((place for place, character in enumerate(right) if _symbol(character) != SKIPPED), len(right))


def _line_before(left: str, *, first: bool) -> int | None:
    """Where the line begins that ends `left`, if it has no word."""
    for place in range(len(left) - 1, -1, -1):
        if left[place] == NEWLINE:
            return place + 1
        if _symbol(left[place]) != SEPARATOR:
            return None
    return 0 if first else None


def _line_after(right: str, begin: int, *, last: bool) -> int | None:
    """Where the line ends that begins `right`, if it has no word."""
    for place in range(begin, len(right)):
        if right[place] == NEWLINE:
            return place
        if _symbol(right[place]) != SEPARATOR:
            return None
    return len(right) if last else None


def _attached_before(left: str) -> int:
    """Where the signs begin that end `left` without a space, if they hang on to no word of it."""
    place = len(left)
    while place and not left[place - 1].isspace():
        if _symbol(left[place - 1]) != SEPARATOR:
            return len(left)
        place -= 1
    return place


def _attached_after(right: str, begin: int) -> int:
    """Where the signs end that begin `right` without a space, if they hang on to no word of it."""
    place = begin
    while place < len(right) and not right[place].isspace():
        if _symbol(right[place]) != SEPARATOR:
            return begin
        place += 1
    return place


def _would_touch(left: str, after: str) -> bool:
    """Whether a word that ends `left` and one that begins with `after` would be read as one."""
    before = next((character for character in reversed(left) if _symbol(character) != SKIPPED), NEWLINE)
    return _touches(before) and _touches(after)


def _touches(character: str) -> bool:
    symbol = _symbol(character)
    return character in DECIMAL or (symbol != SEPARATOR and not symbol & OWN_WORD)


def _symbol(character: str) -> int:
    code = ord(character)
    return int(folding_table()[code]) if code < TABLE_SIZE else code | OWN_WORD
