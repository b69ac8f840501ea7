"""What is left of a text reads as one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.dedup.cutting import without


def cut(marked: str) -> str:
    """`marked` without the words between brackets like these: [[words]]."""
    pieces = re.split(r"\[\[|\]\]", marked)
    text, cuts = "", []
    for number, piece in enumerate(pieces):
        begin = len(text.encode())
        text += piece
        if number % 2:
            cuts.append((begin, len(text.encode())))
    left, gone = without(text.encode(), cuts)
    assert len(gone) == len(cuts)
    rest, last = b"", 0
    for start, end in gone:
        rest, last = rest + text.encode()[last:start], end
    rest += text.encode()[last:]
    assert left.replace(b" ", b"") == rest.replace(b" ", b"")
    return left.decode()


@pytest.mark.parametrize(
    ("marked", "left"),
    [
        ("One. [[Two words]]. Three.", "One. Three."),
        ("Another start; [[shared words]]! And an end.", "Another start; And an end."),
        ("He said: \u201c[[shared words]].\u201d Then he left.", "He said: Then he left."),
        ("[[Shared words]] first.", "first."),
        ("\u201c[[Shared words]],\u201d first.", "first."),
        ("The last [[shared words]].", "The last"),
        ("The last\n\n[[shared words]].\n", "The last\n"),
        ("[[All of it]]!\n", ""),
        ("One.\n\n[[A paragraph]].\n\nTwo.", "One.\n\nTwo."),
        ("One.\n\n[[A paragraph]].\n\n\nTwo.", "One.\n\n\nTwo."),
        ("One.\n[[A line]].\nTwo.", "One.\nTwo."),
        ("One\n- [[an item]];\n- two\n", "One\n- two\n"),
        ("One\n- [[an item]] and more\n", "One\n- and more\n"),
        ("One. [[Two\n\nThree]] four.", "One. four."),
        ("One.\n\n[[Two]] three.", "One.\n\nthree."),
        ("One [[two]].\n\nThree.", "One\n\nThree."),
        ("    if x:\n        [[a = 1]]\n        b = 2\n", "    if x:\n        b = 2\n"),
        ("well-[[known words]], then", "well-known then"),
        ("one name_[[of two words and a_name]]_more, then", "one name_of a_name_more, then"),
        ("def start([[one, two) or stop(three]]=3)", "def start(one, stop(three=3)"),
        ("well-[[known]], then", "well- then"),
        ("a-[[b]]-c [[d e]]-f", "a--c e-f"),
        ("abc[[\u6f22\u5b57]]def", "abc def"),
        ("\u524d\u6587[[\u6f22\u5b57]]\u540e\u6587", "\u524d\u6587\u540e\u6587"),
        ("a [[e]]\u0301 b", "a b"),
        ("\ufeff[[Shared]] b", "\ufeff b"),
        ("one [[two]] three [[four]] five", "one three five"),
        ("one [[two]]. Three. [[Four]]. Five.", "one Three. Five."),
    ],
)
def test_what_is_left_reads_as_a_text(marked: str, left: str) -> None:
    assert cut(marked) == left


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([" ", "\n", "\n\n", ", ", ". ", ".\n", "-", "\n- ", " (", ") ", "  "]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_words_that_stay_are_as_they_were_and_no_blank_lines_are_made(words: list[tuple[bool, str]]) -> None:
    marked, kept = "", []
    for number, (goes, after) in enumerate(words):
        word = f"w{number}"
        marked += f"{'[[' if goes and not (number and words[number - 1][0]) else ''}{word}"
        next_goes = number + 1 < len(words) and words[number + 1][0]
        marked += f"{']]' if goes and not next_goes else ''}{after}"
        kept += [] if goes else [word]
    left = cut(marked)
    names = {
        f"w{number + side}" for number, (_, after) in enumerate(words) if after == "-" for side in (0, 1)
    }
    stayed = re.findall(r"w\d+", left)
    assert [word for word in stayed if word in kept] == kept
    assert set(stayed) - set(kept) <= names  # divided by the cut
    assert "\n\n\n" not in left
