from pathlib import Path

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.word_files import read_phrases, read_words


def test_phrases_stay_whole_and_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfFoul\n two words # here\n\n# none\nfoul\n")
    assert read_phrases(path) == ("foul", "two words")


def test_bad_lists_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with pytest.raises(DataError, match="the word list cannot be read"):
        read_words(path)
    path.write_text("fine\ntwo words\n")
    with pytest.raises(DataError, match=r"line 2: 'two words' is not one word"):
        read_words(path)
    path.write_text("# nothing\n")
    with pytest.raises(DataError, match="holds no word"):
        read_words(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="cannot be read"):
        read_words(path)
