"""The separator of a file is the one that its rows bear out; where none does, the usual one stays."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.records.separator import SAMPLE_ROWS, SEPARATORS, quotes_are_letters, separator_of


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


@given(
    st.sampled_from(SEPARATORS),
    st.sampled_from(SEPARATORS),
    st.lists(st.tuples(*[st.text('abc,;|\t"\n .', min_size=1)] * 3), min_size=1, max_size=50),
)
def test_what_was_written_with_a_separator_is_read_with_it(
    written: str, usual: str, rows: list[tuple[str, ...]]
) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=written).writerows([("id", "title", "text"), *rows])
    assert separator_of(lines_of(file.getvalue()), usual, complete=True) == written


@pytest.mark.parametrize(
    "text",
    [
        "text\nonly one column; with marks\nand another, with more\n",
        "id,text;note\n1,a;b\n2,c;d\n",  # both fit: nothing speaks against the usual one
        "question|answer\none\ntwo\nthree|four\n",  # the header alone is not enough
        "id~text\n1~a\n",
        "id;text\n",
        "",
    ],
)
def test_the_usual_separator_stays(text: str) -> None:
    assert separator_of(lines_of(text), ",", complete=True) == ","


def test_decimal_commas_do_not_divide() -> None:
    assert separator_of(lines_of("id;price\n1;2,50\n2;3,00\n"), ",", complete=True) == ";"


def test_some_bad_rows_do_not_hide_the_separator() -> None:
    rows = "".join("1;a\n" if number % 3 else "1\n" for number in range(2 * SAMPLE_ROWS))
    assert separator_of(lines_of("id;text\n" + rows), ",", complete=False) == ";"


def test_a_row_that_is_cut_off_does_not_count() -> None:
    lines = lines_of('id;text\n1;a\n2;"b\nand')
    assert separator_of(lines, ",", complete=False) == ";"
    assert separator_of(lines[:1] + lines[2:], ",", complete=False) == ","


LOOSE = 'ham\t"Gimme a few" was minutes ago\nham\t"hi"\n' + "spam\twin\n" * 5


def test_quotes_that_hold_nothing_together_are_letters() -> None:
    assert quotes_are_letters(lines_of(LOOSE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ham\thi\nspam\twin\n",  # nothing speaks against quotes
        LOOSE + "spam\n",  # a line of another number of fields: it may be a field with a line end
        LOOSE + 'ham\t"he said ""hi"""\n',  # a program wrote this
        'ham\t"a" b\n' + 'ham\t"hi"\n' * 5,  # most are quoted: one of them is wrong
        "spam\twin\n" * 5 + 'ham\t"goes on\n',  # behind the sample
    ],
)
def test_quotes_hold_fields_together_unless_they_cannot(text: str) -> None:
    assert not quotes_are_letters(lines_of(text))


@given(st.lists(st.tuples(*[st.text('abc"\t\n .', min_size=1)] * 2), min_size=1, max_size=30))
def test_what_a_program_wrote_with_quotes_is_read_with_them(rows: list[tuple[str, ...]]) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter="\t").writerows(rows)
    assert not quotes_are_letters(lines_of(file.getvalue()))
