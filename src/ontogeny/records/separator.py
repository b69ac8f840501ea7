"""Which character stands between the fields of a file, told from its header and first rows, and what quotes mean.

Files named `.csv` come with semicolons wherever the comma is the decimal sign. `csv.Sniffer` may take a letter of the
text for a separator; here a few candidates are tried, and one counts only where the rows bear it out. Files of tabs
come with quotes that quote nothing: a field may begin with one and go on after its end.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence

SEPARATORS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

SAMPLE_ROWS = 32
"""Rows that are looked at, the header not counted."""

LEAST_SHARE = 0.5
"""Of these, the part that must have as many fields as the header."""


def separator_of(lines: Sequence[str], usual: str, *, complete: bool) -> str:
    """The separator of a file that begins with `lines`; `usual` unless another one fits its rows better.

    A header that a separator does not divide speaks against it, so a file of one column keeps the usual one.

    Args:
        complete: whether `lines` are the whole file. If not, the last of its rows may be cut off and does not count.
    """
    shares = {candidate: _share(lines, candidate, complete=complete) for candidate in SEPARATORS}
    best = max(SEPARATORS, key=lambda candidate: (shares[candidate], candidate == usual))
    return best if shares[best] >= LEAST_SHARE else usual


def quotes_are_letters(lines: Sequence[str]) -> bool:
    """Whether quotes do not hold fields together in a file of tabs that begins with `lines`.

    They do, unless reading them so fails somewhere, all lines have as many fields without that, and nothing speaks for
    quotes that were put there by a program: doubled ones within, or most lines having them.
    """
    rows = [line.rstrip("\r\n").split("\t") for line in lines if line.strip()]
    quoted = [[field for field in row if field.startswith('"')] for row in rows]
    if len({len(row) for row in rows}) != 1 or sum(map(bool, quoted)) > len(rows) / 2:
        return False
    if any(field.endswith('"') and '""' in field[1:-1] for row in quoted for field in row):
        return False
    try:
        for _ in csv.reader(lines, delimiter="\t", strict=True):
            pass
    except csv.Error as error:
        return "unexpected end of data" not in str(error)  # the last row may go on behind the sample
    return False


def _share(lines: Sequence[str], separator: str, *, complete: bool) -> float:
    """The part of the rows that have as many fields as the header, if that has two or more; otherwise 0."""
    reader = csv.reader(lines, delimiter=separator)
    try:
        rows = list(itertools.islice(filter(None, reader), SAMPLE_ROWS + 2))
    except csv.Error:  # a field of more characters than a record may have
        return 0.0
    if not complete or len(rows) == SAMPLE_ROWS + 2:
        del rows[-1:]
    if len(rows) < 2 or len(rows[0]) < 2:
        return 0.0
    header, *rest = rows
    return sum(len(fields) == len(header) for fields in rest) / len(rest)
