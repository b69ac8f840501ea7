"""C4's rules for lines: each outcome, citation marks, sentences; golden cases computed with datatrove 0.10.1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.edits.c4_lines import COLUMNS, LINE_COLUMNS, OUTCOMES, C4Lines, edit_c4_lines
from ontogeny.data.edits.edited import Edited
from ontogeny.data.signals.group import Ragged
from ontogeny.data.texts import Texts

ALL = C4Lines(type="c4-lines")


def outcomes(text: str, rule: C4Lines = ALL) -> list[str]:
    return [OUTCOMES[code] for code in lines_of(edit_c4_lines(Texts.of([text]), rule), "c4_line_codes")]


def lines_of(edited: Edited, name: str) -> list[int]:
    column = edited.columns[name]
    assert isinstance(column, Ragged)
    values: list[int] = column.values.tolist()
    return values


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("A line that stays.", "kept"),
        ('  He said "yes, I will."  ', "kept"),
        ("Is this one to stay?", "kept"),
        ("This has no last sign", "no_terminal_punctuation"),
        ("This one trails off...", "no_terminal_punctuation"),
        (" ", "no_terminal_punctuation"),
        ("Two words.", "too_few_words"),
        (f"A word of {'x' * 1001} is long.", "too_long_word"),
        (f"A word of {'é' * 1000} is not.", "kept"),
        ("Please turn on JavaScript now.", "javascript"),
        ("Read our Privacy Policy first.", "policy"),
        ("This site uses cookies, too.", "policy"),
        ("By the Terms of Use, yes.", "policy"),
        ("We like cookies a lot.", "kept"),
    ],
)
def test_each_outcome(line: str, outcome: str) -> None:
    assert outcomes(line) == [outcome]


@pytest.mark.parametrize(
    ("switch", "line"),
    [
        ({"terminal_punctuation": False}, "This has no last sign"),
        ({"min_words": None}, "Two words."),
        ({"max_word_chars": None}, f"A word of {'x' * 1001} is long."),
        ({"javascript": False}, "Please turn on JavaScript now."),
        ({"policy": False}, "Read our Privacy Policy first."),
    ],
)
def test_what_is_off_lets_every_line_pass(switch: dict[str, object], line: str) -> None:
    assert outcomes(line) != ["kept"]
    assert outcomes(line, C4Lines.model_validate({"type": "c4-lines", **switch})) == ["kept"]


def test_text_and_counts_after_the_edit() -> None:
    text = (
        "\n Menu | Home\nFirst line[1] is here[edit].\r\nToo short.\nIt has lorem ipsum { in it. So?\n"
        "  Last[citation needed] one stays![2]\n"
    )
    edited = edit_c4_lines(Texts.of([text, ""]), ALL)
    assert edited.texts.strings() == [
        "First line is here.\nIt has lorem ipsum { in it. So?\nLast one stays!",
        "",
    ]
    assert {
        name: np.asarray(edited.columns[name]).tolist()
        for name in COLUMNS
        if np.asarray(edited.columns[name]).any()
    } == {
        "c4_lines": [6, 0],
        "c4_kept_lines": [3, 0],
        "c4_no_terminal_punctuation_lines": [2, 0],
        "c4_too_few_words_lines": [1, 0],
        "c4_lorem_ipsum_lines": [1, 0],
        "c4_curly_bracket_lines": [1, 0],
        "c4_citations": [4, 0],
        "c4_sentences": [4, 0],
    }
    codes = edited.columns["c4_line_codes"]
    assert isinstance(codes, Ragged) and codes.offsets.tolist() == [0, 6, 6]


def test_citation_marks_stay_when_they_are_wanted() -> None:
    kept = edit_c4_lines(Texts.of(["A line [1] with a mark."]), C4Lines(type="c4-lines", citations=False))
    assert kept.texts.strings() == ["A line [1] with a mark."]
    assert kept.columns["c4_citations"].tolist() == [0]


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("One. Two! Three? Four", 4),
        ("Mr. Smith went... home. He slept.", 2),
        ('"Quoted." Then "more!" said I. (See fig.) End.', 4),
        ("Wait... what?! Yes. e.g. this one.", 3),
        (". . . ok", 2),
    ],
)
def test_sentences_are_those_of_spacys_sentencizer(line: str, sentences: int) -> None:
    rule = C4Lines(type="c4-lines", terminal_punctuation=False, min_words=None)
    assert edit_c4_lines(Texts.of([line]), rule).columns["c4_sentences"].tolist() == [sentences]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(alphabet='ab. [1]{\n"é\u2028', max_size=50), min_size=1, max_size=5))
def test_batches_do_not_matter_and_lines_close(strings: list[str]) -> None:
    together = edit_c4_lines(Texts.of(strings), ALL)
    apart = [edit_c4_lines(Texts.of([string]), ALL) for string in strings]
    assert together.texts.strings() == [one.texts.strings()[0] for one in apart]
    for name in LINE_COLUMNS:
        assert lines_of(together, name) == [value for one in apart for value in lines_of(one, name)]
    lines = [line for string in strings for line in string.splitlines()]
    assert lines_of(together, "c4_line_bytes") == [len(line.encode()) for line in lines]
    assert lines_of(together, "c4_line_words") == [len(line.split()) for line in lines]
    assert together.columns["c4_lines"].tolist() == [len(string.splitlines()) for string in strings]
    outcome_counts = [together.columns[f"c4_{outcome}_lines"] for outcome in OUTCOMES]
    assert np.array_equal(sum(outcome_counts), together.columns["c4_lines"])
