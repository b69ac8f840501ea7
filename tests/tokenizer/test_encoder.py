"""The fast encoder: the same tokens, special tokens never, and what happens when it differs or is absent."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.texts import Texts
from ontogeny.tokenizer import encoder as encoder_module
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import SPECIAL_TOKENS
from ontogeny.tokenizer.encoder import (
    PROBES,
    SAMPLE_BYTES,
    SAMPLES,
    BatchEncoder,
    EncodersDisagreeError,
    TokenBatch,
    sample,
)
from tests.tokenizer.real_data import real_file, real_texts

pytest.importorskip("gigatoken", reason="needs the extra ontogeny[gigatoken]")


def lists(batch: TokenBatch) -> list[list[int]]:
    return [batch.ids[a:b].tolist() for a, b in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


@pytest.fixture(scope="module")
def fast(tokenizer: Tokenizer) -> BatchEncoder:
    encoder = BatchEncoder(tokenizer)
    assert encoder.reason is None
    assert encoder.name.startswith("gigatoken ")
    return encoder


@settings(deadline=None)  # the first call compiles
@given(texts=st.lists(st.text(), max_size=6))
def test_any_texts_have_the_tokens_of_tokenizers(
    tokenizer: Tokenizer, fast: BatchEncoder, texts: list[str]
) -> None:
    assert lists(fast.encode(Texts.of(texts))) == tokenizer.encode_batch(texts)


@settings(deadline=None)  # the first call compiles
@given(text=st.lists(st.sampled_from([*SPECIAL_TOKENS, "a", "\n", " ", "<|"])).map("".join))
def test_special_tokens_in_a_text_are_text(tokenizer: Tokenizer, fast: BatchEncoder, text: str) -> None:
    batch = fast.encode(Texts.of([text]))
    assert not set(batch.ids.tolist()) & set(tokenizer.special_ids.values())
    assert tokenizer.decode(batch.ids.tolist()) == text


def test_threads_give_the_same_tokens(tokenizer: Tokenizer, fast: BatchEncoder) -> None:
    texts = Texts.of([f"{n} {probe}" for n in range(50) for probe in PROBES])
    one, many = fast.encode(texts), BatchEncoder(tokenizer, parallel=True).encode(texts)
    assert np.array_equal(one.ids, many.ids)
    assert np.array_equal(one.offsets, many.offsets)


def test_a_published_tokenizer_on_real_text() -> None:
    tokenizer = Tokenizer.load(real_file("tokenizers/gpt-neox/tokenizer.json"))
    encoder = BatchEncoder(tokenizer)
    assert encoder.reason is None
    texts = [text[:20_000] for text in real_texts("python-docs/python-docs.jsonl.gz", 600_000)]
    texts += ["<|endoftext|>", "<|padding|> a<|endoftext|>b"]
    batch = encoder.encode(Texts.of(texts))
    assert lists(batch) == tokenizer.encode_batch(texts)
    assert tokenizer.end_of_text_id not in batch.ids


def test_without_gigatoken_the_reason_is_told(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gigatoken", None)
    encoder = BatchEncoder(tokenizer)
    assert encoder.reason is not None
    assert "gigatoken is not installed (pip install 'ontogeny[gigatoken]')" in encoder.reason
    assert encoder.name.startswith("tokenizers ")
    assert lists(encoder.encode(Texts.of(["one", ""]))) == tokenizer.encode_batch(["one", ""])


def test_a_tokenizer_that_it_cannot_read_is_told(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_module, "_without_special_tokens", lambda _: '{"model": {"type": "Strange"}}')
    reason = BatchEncoder(tokenizer).reason
    assert reason is not None
    assert reason.startswith("gigatoken cannot read this tokenizer (")
    # The library says further down where in its source it was said, which is of no use to anybody here.
    assert reason.endswith(")") and "Location" not in reason and "\n" not in reason


def test_one_that_differs_on_hard_texts_is_not_used(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encoder_module._Gigatoken.encode

    def wrong(self: Any, texts: Texts) -> TokenBatch:
        batch = real(self, texts)
        return TokenBatch(batch.ids ^ 1, batch.offsets)

    monkeypatch.setattr(encoder_module._Gigatoken, "encode", wrong)
    encoder = BatchEncoder(tokenizer)
    assert "gigatoken and tokenizers differ on ' '" in str(encoder.reason)
    assert lists(encoder.encode(Texts.of(["one"]))) == [tokenizer.encode("one")]


def test_one_that_differs_on_a_sample_is_told(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BatchEncoder(tokenizer)
    real = encoder_module._Gigatoken.encode
    monkeypatch.setattr(
        encoder_module._Gigatoken,
        "encode",
        lambda self, texts: TokenBatch(real(self, texts).ids[:-1], real(self, texts).offsets),
    )
    with pytest.raises(EncodersDisagreeError, match="differ"):
        encoder.encode(Texts.of(["a difference at the end"]))


def test_a_sample_is_small_valid_and_from_everywhere() -> None:
    texts = ["é" * 10_000, *(f"short {n}" for n in range(98)), "東" * 5_000]
    pieces = sample(Texts.of(texts))
    assert len(pieces) == SAMPLES
    assert all(0 < len(piece.encode()) <= SAMPLE_BYTES for piece in pieces)
    assert pieces[0] == "é" * (SAMPLE_BYTES // 2)
    assert set(pieces[-1]) == {"東"}
    assert sample(Texts.of([])) == []
    assert sample(Texts.of([""])) == [""]


def test_the_encoder_is_renewed_before_it_remembers_too_much(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = encoder_module._Gigatoken._renew
    monkeypatch.setattr(encoder_module._Gigatoken, "_renew", lambda self: (made.append(1), real(self))[1])
    monkeypatch.setattr(encoder_module, "RENEW_TEXT_BYTES", 20_000)
    encoder = BatchEncoder(tokenizer)
    text = "some words " * 500
    expected = tokenizer.encode(text)
    for _ in range(20):
        assert lists(encoder.encode(Texts.of([text]))) == [expected]
    assert len(made) >= 5
    monkeypatch.setattr(encoder_module, "RENEW_TEXT_BYTES", 1 << 40)
    monkeypatch.setattr(encoder_module, "RENEW_GROWTH_BYTES", -1)
    before = len(made)
    encoder.encode(Texts.of([text]))
    assert len(made) > before


def growth_while_encoding(folder: Path, bound: int) -> int | None:
    """By how many bytes a fresh process grows over words that never come twice; None where it cannot tell."""
    encoder_module.RENEW_GROWTH_BYTES = bound
    encoder = BatchEncoder(Tokenizer.load(folder))
    generator = np.random.default_rng(0)
    before = encoder_module._resident_bytes()
    highest = before
    for _ in range(24):
        letters = generator.integers(97, 123, 2 << 20, dtype=np.uint8)
        letters[::9] = 32
        encoder.encode(Texts(letters, np.linspace(0, len(letters), 65).astype(np.int64)))
        highest = max(highest, encoder_module._resident_bytes())
    return highest - before if before else None


def test_memory_stays_bounded_on_words_never_seen_twice(tokenizer: Tokenizer, tmp_path: Path) -> None:
    bound = 64 << 20
    tokenizer.save(tmp_path)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        growth = pool.submit(growth_while_encoding, tmp_path, bound).result()
    if growth is None:
        pytest.skip("the system does not tell a process's memory")
    assert growth < 4 * bound  # without renewal: above half a gigabyte
