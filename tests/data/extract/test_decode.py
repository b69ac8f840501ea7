"""Which encoding a page is read in: its bytes overrule what is claimed only where they cannot be meant so."""

from __future__ import annotations

import pytest

from ontogeny.data.extract.decode import decode_page

JAPANESE = "これは日本語で書かれた文章です。文字コードを調べるために使います。" * 5
RUSSIAN = "Это предложение написано по-русски, чтобы узнать кодировку страницы. " * 5


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (JAPANESE, "shift_jis", "Shift_JIS"),
        (JAPANESE, "euc_jp", "x-euc-jp"),
        (JAPANESE, "shift_jis", None),
        (RUSSIAN, "windows-1251", "cp1251"),
        (RUSSIAN, "koi8-r", None),
        (RUSSIAN, "utf-8", "windows-1251"),
        (RUSSIAN, "windows-1251", "no-such-encoding"),
        ("naïve café", "windows-1252", "utf-8"),
    ],
)
def test_pages_are_read_as_they_were_written(text: str, encoding: str, declared: str | None) -> None:
    assert decode_page(text.encode(encoding), declared)[0] == text


def test_the_page_itself_may_say_it() -> None:
    page = f'<meta charset="euc-jp"><p>{JAPANESE}'
    assert decode_page(page.encode("euc_jp")) == (page, "euc_jp")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_decides(encoding: str) -> None:
    assert decode_page(RUSSIAN.encode(encoding), "windows-1251")[0] == RUSSIAN


def test_a_page_of_utf8_with_one_broken_character_stays_utf8() -> None:
    data = (RUSSIAN * 10).encode() + b"\xff"
    assert decode_page(data, "utf-8") == (RUSSIAN * 10 + "\ufffd", "utf-8")


def test_any_bytes_become_text() -> None:
    assert isinstance(decode_page(bytes(range(256)) * 4)[0], str)
    assert decode_page(b"") == ("", "utf-8")
