"""Lines of a label and a text, as three families of published sets have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.records.formats import Format
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Fault, Row


def read(path: Path, content: bytes, *, skip: int = 0) -> list[Row | BadRow]:
    path.write_bytes(content)
    return list(read_rows(path, format=Format.LINES, skip=skip))


@pytest.mark.parametrize(
    ("line", "label", "text"),
    [
        ("1 a stirring , funny film", "1", "a stirring , funny film"),
        ("DESC:manner\tHow did it  end ?  ", "DESC:manner", "How did it  end ?"),
        ("__label__baking How do I bake?", "baking", "How do I bake?"),
        ("__label__a __label__b-c How?", ["a", "b-c"], "How?"),
        ("How? __label__late", "late", "How? "),
        ("spam", "spam", ""),
        ("is__label__x no mark", "is__label__x", "no mark"),
    ],
)
def test_the_first_word_or_what_is_marked(tmp_path: Path, line: str, label: object, text: str) -> None:
    (row,) = read(tmp_path / "a.train", line.encode())
    assert isinstance(row, Row)
    assert row.values == {"label": label, "text": text}


def test_blank_lines_are_passed_over_and_rows_say_where_they_stand(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa one\r\n\n  \nb two\nc th\xf0ree\n"
    rows = read(tmp_path / "a", content)
    assert [row.number for row in rows] == [1, 4, 5]
    first, second, bad = rows
    assert isinstance(first, Row) and first.values == {"label": "a", "text": "one"}
    assert isinstance(second, Row) and content[14:19] == b"b two"
    assert second.locator == f"{tmp_path / 'a'}#bytes=14-20"
    assert isinstance(bad, BadRow) and (bad.reason, bad.detail) == (
        Fault.INVALID_UTF8,
        "byte 4 of the line (0xf0) is not UTF-8",
    )
    assert [row.number for row in read(tmp_path / "a", content, skip=2)] == [5]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = read(tmp_path / "a", b"a " + b"x" * (17 << 20))
    assert isinstance(row, BadRow) and row.reason is Fault.TOO_LONG
