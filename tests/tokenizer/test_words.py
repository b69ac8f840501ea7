from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.texts import Texts
from ontogeny.tokenizer import words
from ontogeny.tokenizer.config import QWEN2_PATTERN
from ontogeny.tokenizer.words import WordCounts, count_words


def as_counter(counts: WordCounts) -> Counter[str]:
    return Counter(dict(zip(counts.words.strings(), counts.times.tolist(), strict=True)))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(alphabet="ab c1\n.é"), max_size=8), st.integers(1, 3))
def test_counts_are_those_of_a_plain_counter(texts: list[str], workers: int) -> None:
    batches = [Texts.of(texts[at : at + 3]) for at in range(0, len(texts), 3)]
    expected = Counter(word for text in texts for word in regex.findall(QWEN2_PATTERN, text))
    assert as_counter(count_words(batches, workers=workers)) == expected


def test_a_table_grows_in_every_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "FIRST_WORDS", 4)
    text = " ".join(f"w{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}" * (1 + n % 7) for n in range(500))
    text += " " + "long" * 100_000
    one, other = WordCounts(), WordCounts()
    one.add(Texts.of([text]))
    other.add(Texts.of(["wak", text]))
    one.join(other)
    expected = Counter(regex.findall(QWEN2_PATTERN, text)) + Counter(regex.findall(QWEN2_PATTERN, text))
    assert as_counter(one) == expected + Counter(["wak"])


def test_counts_above_32_bits_are_kept() -> None:
    counts, more = WordCounts(), WordCounts()
    more.add(Texts.of(["a"]))
    more.times[:] = np.int64(1) << 40
    counts.add(Texts.of(["a"]))
    counts.join(more)
    assert as_counter(counts) == Counter({"a": (1 << 40) + 1})


def test_an_error_while_reading_reaches_the_caller() -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield Texts.of(["a"])
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        count_words(broken(), workers=2)
