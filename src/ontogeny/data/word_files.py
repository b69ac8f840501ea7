"""Lists of words in files: a word a line, `#` for comments, capitals of no matter."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3

from ontogeny.core.errors import DataError


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a list, in small letters and alphabetical order.

    Raises:
        DataError: it cannot be read, holds no word, or a line that is not one word.
    """
    words = read_phrases(path)
    for word in words:
        if not all(char.isalnum() or char == "'" or ord(char) > 127 for char in word):
            number = next(at for at, entry in enumerate(_entries(path), start=1) if entry == word)
            raise DataError(
                f"{word[:40]!r} is not one word",
                where=f"{path}, line {number}",
                hint="a line holds one word of letters, digits and apostrophes; # begins a comment",
            )
    return words


def read_phrases(path: Path) -> tuple[str, ...]:
    """The entries of a list, of a word or several each, in small letters and alphabetical order.

    Raises:
        DataError: it cannot be read, or holds none.
    """
    entries = tuple(sorted(set(_entries(path)) - {""}))
    if not entries:
        raise DataError(
            "the word list holds no word", where=str(path), hint="give a text file, a word a line"
        )
    return entries


def version_of(words: tuple[str, ...]) -> int:
    """A number that another list would not have, so that signals are computed anew for it."""
    return int.from_bytes(blake3("\n".join(words).encode()).digest(4), "big") >> 1


def _entries(path: Path) -> list[str]:
    """What stands in each line, comments left out; a byte order mark is no part of a word."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the word list cannot be read: {error}", where=str(path), hint="give a text file, a word a line"
        ) from None
    return [line.split("#", 1)[0].strip().lower() for line in text.splitlines()]
