"""GPT-2's two files: its own tokens of real text, halves and misfits refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ontogeny.core.errors import ModelFormatError
from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS
from ontogeny.tokenizer.codec import Tokenizer
from tests.tokenizer.conftest import TEXTS
from tests.tokenizer.real_data import real_file

VOCAB = {character: number for number, character in enumerate(BYTE_CHARACTERS)} | {
    "th": 256,
    "the": 257,
    "<|endoftext|>": 258,
}
MERGES = "#version: 0.2\nt h\nth e\n"


def write_pair(folder: Path, vocab: object = VOCAB, merges: str | None = MERGES, **beside: object) -> Path:
    (folder / "vocab.json").write_text(json.dumps(vocab))
    if merges is not None:
        (folder / "merges.txt").write_text(merges)
    for name, content in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_gpt2_as_published_gives_its_own_tokens() -> None:
    folder = real_file("tokenizers/gpt2/encoder.json").parent
    tokenizer = Tokenizer.load(folder)
    assert (tokenizer.vocab_size, tokenizer.end_of_text_id) == (50257, 50256)
    # As openai/gpt-2's encoder.py gives them.
    assert tokenizer.encode("Hello world, this is GPT-2.") == [
        15496, 995, 11, 428, 318, 402, 11571, 12, 17, 13,
    ]  # fmt: skip
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert Tokenizer.load(folder / "encoder.json").to_json() == tokenizer.to_json()


def test_a_pair_under_the_other_names_keeps_its_special_tokens(tmp_path: Path) -> None:
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": {"content": "<|im_end|>"},
        "added_tokens_decoder": {"259": {"content": "<|im_end|>", "special": True}},
    }
    tokenizer = Tokenizer.load(write_pair(tmp_path, tokenizer_config=config))
    assert tokenizer.special_ids == {"<|endoftext|>": 258, "<|im_end|>": 259}
    assert tokenizer.encode("the th12") == [257, VOCAB[BYTE_CHARACTERS[32]], 256, VOCAB["1"], VOCAB["2"]]
    assert tokenizer.stop_ids == {258, 259}


@pytest.mark.parametrize(
    ("write_files", "message"),
    [
        (lambda folder: write_pair(folder, merges=None), "its merges are missing"),
        (lambda folder: write_pair(folder, vocab=["the"]), "expected tokens with their ids"),
        (lambda folder: write_pair(folder, vocab={"the": 0}), "256 of 256 bytes have no entry"),
        (lambda folder: write_pair(folder, vocab=VOCAB | {"a</w>": 259}), "its words end with </w>"),
        (lambda folder: write_pair(folder, merges="t h e\n"), "not a merge of two tokens"),
        (lambda folder: write_pair(folder, merges="h e\n"), "merges.txt does not fit vocab.json"),
        (lambda folder: write_pair(folder, tokenizer_config={"tokenizer_class": "Other"}), "give `pattern`"),
        (
            lambda folder: write_pair(folder, tokenizer_config={"added_tokens_decoder": {"300": "<a>"}}),
            "leaves a gap",
        ),
    ],
)
def test_halves_and_misfits_are_refused(
    tmp_path: Path, write_files: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(ModelFormatError) as error:
        Tokenizer.load(write_files(tmp_path))
    assert message in str(error.value)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (write_pair(tmp_path) / "vocab.json").write_text("{")
    with pytest.raises(ModelFormatError, match="not a vocabulary"):
        Tokenizer.load(tmp_path)
