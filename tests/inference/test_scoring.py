import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.inference import scoring
from ontogeny.inference.scoring import _windows, bits_per_byte, token_logprobs
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from tests.inference.conftest import reference


def test_tokens_are_scored_given_those_before_them(model: Transformer, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Shuffle list x in place.")
    assert token_logprobs(model, ids) == pytest.approx(reference(model, ids, 1), abs=1e-5)
    assert token_logprobs(model, ids[:1]) == []


@given(length=st.integers(0, 200), window=st.integers(2, 50), data=st.data())
def test_windows_score_every_token_once_with_as_much_context_as_fits(length: int, window: int, data) -> None:
    stride = data.draw(st.integers(1, window))
    ids = list(range(length))
    windows = list(_windows(ids, window=window, stride=stride))
    assert [token for one in windows for token in one.ids[one.scored :]] == ids[1:]
    assert all(len(one.ids) <= window + 1 and one.scored >= 1 for one in windows)
    for one in windows[1:]:
        assert len(one.ids) == window + 1


def test_bits_per_byte_counts_every_byte_once(
    model: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Shuffle list x in place.", "naïve 🙂", "", "Split the string s. " * 12]
    found = bits_per_byte(model, tokenizer, texts)
    assert [document.bytes for document in found.per_document] == [len(text.encode()) for text in texts]
    assert found.per_document[2].bits == 0
    first = reference(model, [tokenizer.end_of_text_id, *tokenizer.encode(texts[0])], 1)
    assert found.per_document[0].bits == pytest.approx(-sum(first) / math.log(2), rel=1e-5)
    assert found.value == pytest.approx(found.bits / found.bytes)
    monkeypatch.setattr(scoring, "BATCH_TOKENS", 1)
    assert bits_per_byte(model, tokenizer, texts).bits == pytest.approx(found.bits, rel=1e-6)


def test_a_stride_of_one_token_is_the_definition(model: Transformer, tokenizer: Tokenizer) -> None:
    text = "Split the string s. " * 20
    exact = bits_per_byte(model, tokenizer, [text], window=16, stride=1)
    ids = [tokenizer.end_of_text_id, *tokenizer.encode(text)]
    expected = -sum(
        reference(model, ids[max(0, i - 16) : i + 1], len(ids[max(0, i - 16) : i + 1]) - 1)[0]
        for i in range(1, len(ids))
    )
    assert exact.bits == pytest.approx(expected / math.log(2), rel=1e-5)
