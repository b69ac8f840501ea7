"""Shingles without compiled code, held against the compiled ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.signals import word_runs as module
from ontogeny.data.signals.shingles import shingles_of
from ontogeny.data.signals.word_runs import word_runs
from ontogeny.data.texts import Texts

# Letters with and without case and accents, marks and joiners that are skipped, digits of two scripts, points and
# commas, spaces, scripts without spaces, and a code point beyond the table.
ALPHABET = "aBé 1203.,\n-ςΣ漢字กか한İß\u0308\u00ad٣𠀀"


def assert_same_as_compiled(texts: Sequence[str]) -> None:
    runs = word_runs(texts)
    for n_gram in (1, 2, 3, 5):
        expected = shingles_of(Texts.of(texts), n_gram)
        made = [run.shingles(n_gram) for run in runs]
        counts = [count for _, each in made for count in each.tolist()]
        assert counts == [len(each) for each in expected]
        found = [value for values, _ in made for value in values.tolist()]
        assert found == [value for each in expected for value in each.tolist()]


@settings(deadline=None)  # the first call loads compiled code
@given(st.lists(st.text(ALPHABET, max_size=30), max_size=5))
def test_any_texts_have_the_shingles_of_the_compiled_pass(texts: list[str]) -> None:
    assert_same_as_compiled(texts)


@pytest.mark.parametrize(
    "text",
    [
        "1.5 1.2.3 1.2.3.4 1,2.5 3. 4 a1.5b .5 1..2",
        "ver1.2.x 12,345,678.90 ٣.5 1\u00ad.5 1.\u00ad5",
        "one",
        "",
        "...",
    ],
)
def test_numbers_and_short_texts(text: str) -> None:
    assert_same_as_compiled([text, f"before {text}", text])


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {number} has {number}.5 words, 漢字 and more" for number in range(50)]
    whole = np.concatenate([run.hashes for run in word_runs(texts)])
    monkeypatch.setattr(module, "BATCH_CHARS", 100)
    assert len(word_runs(texts)) > 10
    assert np.array_equal(np.concatenate([run.hashes for run in word_runs(texts)]), whole)
    assert_same_as_compiled(texts)
