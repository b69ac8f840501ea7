from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.signals.bad_words import bad_word_signals
from ontogeny.data.texts import Texts


def test_letters_count_in_any_case_and_lots_follow_the_text(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# mine\nFoul\ntwo words\nÜbel\n")
    group = bad_word_signals(path)
    assert group.columns == ("bad_words", "bad_words_lot")
    texts = ["FOUL!", "fine", "Two Words, übel", "FOUL!"]
    columns = group.compute(Texts.of(texts))
    counts, lots = np.asarray(columns["bad_words"]), np.asarray(columns["bad_words_lot"])
    assert counts.tolist() == [1, 0, 2, 1]
    assert lots[1] == 0 and 0 < lots[0] < 1 and lots[0] == lots[3] != lots[2]
    alone = group.compute(Texts.of([texts[2]]))
    assert np.asarray(alone["bad_words_lot"])[0] == lots[2]


def test_lots_are_spread_evenly(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("foul\n")
    columns = bad_word_signals(path).compute(Texts.of([f"foul {number}" for number in range(4000)]))
    lots = np.asarray(columns["bad_words_lot"])
    assert abs((lots < 0.25).mean() - 0.25) < 0.03


def test_another_list_has_another_version(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("foul\n")
    before = bad_word_signals(path).version
    path.write_text("foul\nvile\n")
    assert bad_word_signals(path).version != before


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the word list cannot be read"):
        bad_word_signals(tmp_path / "list.txt")
