"""Lines and paragraphs, against the expressions that datatrove uses and cases counted by hand."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.signals.characters import TERMINAL, character_classes
from ontogeny.data.signals.lines import LINE_COLUMNS, compute_lines
from ontogeny.data.texts import Texts


def test_lines_by_hand() -> None:
    text = "\n- one...\n• two…\n\n\n# same line is here\n# same line is here\n  \n"
    text += "And a line that has more than thirty chars.\n"
    counts = compute_lines(Texts.of([text]))
    assert {name: int(counts[name][0]) for name in LINE_COLUMNS} == {
        "text_chars": len(text),
        "line_feeds": 9,
        "hash_signs": 2,
        "ellipses": 2,
        "shown_lines": 9,
        "bullet_lines": 2,
        "ellipsis_lines": 2,
        "filled_lines": 5,
        "terminal_lines": 2,  # - one... and the last
        "short_lines": 4,
        "duplicate_filled_line_chars": 19,
        "lines": 8,  # six, and an empty one at each end
        "duplicate_lines": 2,
        "duplicate_line_chars": 19,
        "paragraphs": 2,
        "duplicate_paragraphs": 0,
        "duplicate_paragraph_chars": 0,
    }


def test_repeated_paragraphs() -> None:
    counts = compute_lines(Texts.of(["a\nb\n\na\nb\n\n\na\nb\n", "", "\n\n"]))
    assert counts["paragraphs"].tolist() == [3, 1, 1]
    assert counts["duplicate_paragraphs"].tolist() == [2, 0, 0]
    assert counts["duplicate_paragraph_chars"].tolist() == [6, 0, 0]
    assert counts["lines"].tolist() == [7, 1, 2]


def duplicates(parts: list[str]) -> tuple[int, int]:
    met: set[str] = set()
    count = chars = 0
    for part in parts:
        if part in met:
            count, chars = count + 1, chars + len(part)
        met.add(part)
    return count, chars


def obvious(text: str) -> list[int]:
    shown, filled = text.splitlines(), [line for line in text.split("\n") if line.strip()]
    lines, paragraphs = re.split("\n+", text), re.split(r"\n{2,}", text.strip())
    kinds = character_classes()
    return [
        len(text),
        text.count("\n"),
        text.count("#"),
        text.count("...") + text.count("…"),
        len(shown),
        sum(line.lstrip().startswith(("•", "-")) for line in shown),
        sum(line.rstrip().endswith(("...", "…")) for line in shown),
        len(filled),
        sum(bool(kinds[ord(line[-1])] & TERMINAL) for line in filled),
        sum(len(line) <= 30 for line in filled),
        duplicates(filled)[1],
        len(lines),
        *duplicates(lines),
        len(paragraphs),
        *duplicates(paragraphs),
    ]


@settings(deadline=None)  # the first call compiles
@given(st.text(alphabet="ab.…-•# \n\n\n\t\u2028\x85é？", max_size=60))
def test_lines_are_those_of_the_obvious_version(text: str) -> None:
    counts = compute_lines(Texts.of([text]))
    assert [int(counts[name][0]) for name in LINE_COLUMNS] == obvious(text)
