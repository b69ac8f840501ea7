"""Which character stands between the fields of a file, told from its header and first rows.

Files named `.csv` come with semicolons wherever the comma is the decimal sign. `csv.Sniffer` may take a letter of the
text for a separator; here a few candidates are tried, and one counts only where the rows bear it out.
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
