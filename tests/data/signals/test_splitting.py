"""Words: as spaCy's blank English tokenizer cuts them; golden cases computed with spaCy 3.8.18."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.signals.characters import character_classes
from ontogeny.data.signals.special_cases import english_cases, special_cases
from ontogeny.data.signals.splitting import split_by_classes, split_chunk
from ontogeny.data.signals.words import measure_words
from ontogeny.data.texts import Texts

GOLDEN = {
    "He said: “Don't go to St. Mary's, it's 5km away!” (Mr. Smith-Jones agreed.)": (
        "He said : “ Do n't go to St. Mary 's , it 's 5 km away ! ” ( Mr. Smith - Jones agreed . )"
    ),
    "See http://example.com/a-b:c?x=1, user@site.org, or www.a-b.co.uk/x,y. E.g. 3.5% of $4,000...": (
        "See http://example.com/a-b:c?x=1 , user@site.org , or www.a-b.co.uk/x,y . E.g. 3.5 % of $ 4,000 ..."
    ),
    "I cannot—won't—believe it :) w/o proof, e.g. the U.S.A. and id. 10am-11pm; 1990-2000": (
        "I cannot — won't — believe it :) w/o proof , e.g. the U.S.A. and i d. 10am-11pm ; 1990 - 2000"
    ),
    "naïve café “ÉCOLE”… 你好，世界。 Привет,мир! 100°C. ##a_b## ==x== [1] {y}": (
        "naïve café “ ÉCOLE ” … 你好，世界 。 Привет , мир ! 100 ° C . # # a_b # # = = x== [ 1 ] { y }"
    ),
    "x=1+2 a.b.c end.The next... -_- C++ 'em rock'n'roll O'Neil's 12'' US$5 5US$ 20€": (
        "x=1 + 2 a.b.c end . The next ... -_- C++ 'em rock'n'roll O'Neil 's 12 '' US$ 5 5 US$ 20 €"
    ),
    "cannot gonna dont I'd've y'all ’tis don’t he’s": "can not gon na do nt I 'd 've y' all ’ tis do n’t he ’s",
    "1980''''' bs-x@127.0.0.1 bs-x@8.8.8.8": "1980 '' ' ' ' bs - x@127.0.0.1 bs-x@8.8.8.8",
}


def words_of(text: str) -> list[str]:
    words = []
    for chunk in text.split():
        data = np.frombuffer(chunk.encode(), np.uint8)
        ends = np.empty(len(data) + 1, np.int64)
        count = split_chunk(data, 0, len(data), character_classes(), special_cases(), ends)
        starts = [0, *ends[: count - 1]]
        words += [data[a:b].tobytes().decode() for a, b in zip(starts, ends[:count], strict=True)]
    return words


@pytest.mark.parametrize("text", GOLDEN)
def test_words_are_those_of_spacy(text: str) -> None:
    assert words_of(text) == GOLDEN[text].split()


@pytest.mark.parametrize("text", GOLDEN)
def test_the_pass_over_words_counts_the_same_words(text: str) -> None:
    assert measure_words(Texts.of([text]), repetition=False)["words"].tolist() == [len(GOLDEN[text].split())]


def test_a_special_case_has_the_parts_it_is_listed_with() -> None:
    for chunk, parts in english_cases().items():
        assert words_of(chunk) == list(parts)


@settings(deadline=None)  # the first call compiles
@given(st.text(alphabet="aB1.,'’“()-/:@$%…é你° \n", max_size=60))
def test_words_put_together_are_the_chunk_and_both_ways_of_counting_agree(text: str) -> None:
    words = words_of(text)
    assert "".join(words) == "".join(text.split()) and all(words)
    texts = Texts.of([text])
    for repetition in (False, True):
        counts = measure_words(texts, repetition=repetition)
        assert counts["words"].tolist() == [len(words)]
        letters = [word for word in words if any(character.isalpha() for character in word)]
        assert counts["alphabetic_words"].tolist() == [len(letters)]


def test_other_scripts_are_cut_by_classes() -> None:
    data = np.frombuffer("नमस्ते,世界abc1!".encode(), np.uint8)
    ends = np.empty(len(data) + 1, np.int64)
    count = split_by_classes(data, 0, len(data), character_classes(), ends)
    starts = [0, *ends[: count - 1]]
    words = [data[a:b].tobytes().decode() for a, b in zip(starts, ends[:count], strict=True)]
    assert words == ["नमस्ते", ",", "世", "界", "abc1", "!"]
    counts = measure_words(Texts.of(["नमस्ते,世界abc1!"]), repetition=False, splitter="unicode")
    assert counts["words"].tolist() == [6]
