"""Models we write, read by transformers; models transformers writes, read by us; the same logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from ontogeny.model.config import ModelConfig
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from tests.random_weights import disturb, randomise

MAX_DIFFERENCE = 1e-4
VOCAB_SIZE, SEQ_LEN = 500, 300

OURS: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "qwen3, untied": {"tie_embeddings": False},
    "qwen3, one key head": {"n_kv_heads": 1},
    "qwen3, wide heads": {"head_dim": 32, "rope_base": 1e6, "norm_eps": 1e-5},
    "llama": {"qk_norm": False},
    "qwen2": {"qk_norm": False, "qkv_bias": True},
}
THEIRS: dict[str, tuple[type[Any], type[Any]]] = {
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
}


@pytest.fixture
def idx() -> torch.Tensor:
    return torch.randint(VOCAB_SIZE, (2, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def difference(ours: Transformer, theirs: PreTrainedModel, idx: torch.Tensor) -> float:
    with torch.no_grad():
        return float((ours(idx) - theirs(idx).logits).abs().max())


@pytest.mark.parametrize("name", OURS)
def test_our_folder_in_transformers(name: str, idx: torch.Tensor, tmp_path: Path) -> None:
    sizes: dict[str, Any] = {
        "d_model": 64,
        "n_layers": 3,
        "n_heads": 4,
        "n_kv_heads": 2,
        "head_dim": 16,
        "d_ff": 128,
        **OURS[name],
    }
    ours = Transformer(ModelConfig(vocab_size=VOCAB_SIZE, seq_len=SEQ_LEN, **sizes))
    randomise(ours, 1)
    huggingface.save(ours, tmp_path)
    theirs, report = AutoModelForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float32, output_loading_info=True
    )
    assert type(theirs).__name__.lower() == f"{ours.config.family}forcausallm"
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert difference(ours, theirs.eval(), idx) < MAX_DIFFERENCE
    assert difference(huggingface.load(tmp_path), theirs, idx) < MAX_DIFFERENCE


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", THEIRS)
def test_their_folder_in_ontogeny(family: str, tied: bool, idx: torch.Tensor, tmp_path: Path) -> None:
    make_config, make_model = THEIRS[family]
    config = make_config(
        vocab_size=VOCAB_SIZE,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=SEQ_LEN,
        tie_word_embeddings=tied,
        **({"head_dim": 16} if family == "qwen3" else {}),
    )
    theirs = make_model(config).eval()
    disturb(theirs)
    theirs.save_pretrained(tmp_path, max_shard_size="100KB")  # several shards and their index
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert difference(huggingface.load(tmp_path), theirs, idx) < MAX_DIFFERENCE


def test_a_written_reply_is_the_same(tmp_path: Path) -> None:
    """Greedy continuation through both caches."""
    ours = Transformer(
        ModelConfig(
            vocab_size=VOCAB_SIZE,
            d_model=64,
            n_layers=2,
            n_heads=4,
            n_kv_heads=2,
            head_dim=16,
            d_ff=96,
            seq_len=SEQ_LEN,
        )
    )
    randomise(ours, 2)
    huggingface.save(ours, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    prompt = torch.tensor([[5, 6, 7, 8]])
    expected = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False
    )
    cache, idx, written = ours.new_cache(), prompt, prompt[0].tolist()
    with torch.no_grad():
        for _ in range(20):
            written.append(int(ours(idx, cache=cache)[0, -1].argmax()))
            idx = torch.tensor([[written[-1]]])
    assert written == expected[0].tolist()
