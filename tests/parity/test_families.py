"""Every family with small random weights, ours against transformers: logits, cache, padding, gradients, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
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
VOCAB_SIZE, SEQ_LEN, WINDOW = 200, 96, 9
LENGTHS = (40, 33, 7, 1)  # tokens of the rows of a padded batch

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": SEQ_LEN,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
MIXED = ["sliding_attention", "full_attention", "sliding_attention"]
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 24,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 24,
    "beta_fast": 2.0,
    "beta_slow": 0.2,
}
GEMMA_ROPE = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
}


def qwen3(**own: Any) -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**{**SIZES, "head_dim": 16, **own}))


def qwen2(**own: Any) -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**{**SIZES, **own}))


def llama(**own: Any) -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**{**SIZES, **own}))


def mistral(**own: Any) -> PreTrainedModel:
    return MistralForCausalLM(MistralConfig(**{**SIZES, "sliding_window": WINDOW, **own}))


def gemma3(**own: Any) -> PreTrainedModel:
    defaults = {"head_dim": 16, "query_pre_attn_scalar": 20, "sliding_window": WINDOW, "layer_types": MIXED}
    return Gemma3ForCausalLM(Gemma3TextConfig(**{**SIZES, **defaults, **own}))


def gpt2(**own: Any) -> PreTrainedModel:
    sizes = {"vocab_size": VOCAB_SIZE, "n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": SEQ_LEN}
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(**{**sizes, **ends, **own}))


QWEN_WINDOW = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen3": (qwen3, {"tie_word_embeddings": True}),
    "qwen3, biases": (qwen3, {"attention_bias": True}),
    "qwen3, windows": (qwen3, QWEN_WINDOW),
    "qwen3, yarn": (qwen3, {"rope_parameters": YARN}),
    "qwen3, yarn, not rounded": (qwen3, {"rope_parameters": {**YARN, "truncate": False}}),
    "qwen3, yarn, own factor": (qwen3, {"rope_parameters": {**YARN, "attention_factor": 1.3}}),
    "qwen3, yarn, mscale": (qwen3, {"rope_parameters": {**YARN, "mscale": 1.0, "mscale_all_dim": 0.5}}),
    "llama": (llama, {}),
    "llama, biases": (llama, {"attention_bias": True, "mlp_bias": True}),
    "llama, linear": (llama, {"rope_parameters": LINEAR}),
    "llama, llama3": (llama, {"rope_parameters": LLAMA3}),
    "smollm2": (llama, {"tie_word_embeddings": True, "rope_parameters": {"rope_theta": 1e5}}),
    "qwen2": (qwen2, {}),
    "qwen2, windows": (qwen2, QWEN_WINDOW),
    "mistral": (mistral, {}),
    "mistral, no window": (mistral, {"sliding_window": None}),
    "gemma3": (gemma3, {}),
    "gemma3, linear": (gemma3, {"rope_parameters": GEMMA_ROPE}),
    "gemma3, wide window": (gemma3, {"sliding_window": 64}),
    "gemma3, no local layers": (gemma3, {"layer_types": ["full_attention"] * 3}),
    "gpt2": (gpt2, {}),
    "gpt2, untied, narrow": (gpt2, {"tie_word_embeddings": False, "n_inner": 60}),
}


class Pair:
    """The same model twice."""

    def __init__(self, name: str, folder: Path) -> None:
        make, own = MODELS[name]
        theirs = make(**own).eval()
        disturb(theirs)
        theirs.save_pretrained(folder)
        self.ours = huggingface.load(folder)
        self.theirs: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()

    def expected(self, idx: Tensor, mask: Tensor | None = None, **more: Any) -> Any:
        """What transformers computes, positions counted as its `generate` does."""
        if mask is not None:
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)[:, -idx.shape[1] :]
            more |= {"attention_mask": mask.long(), "position_ids": positions}
        return self.theirs(idx, **more)


@pytest.fixture(scope="module", params=MODELS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(request.param, tmp_path_factory.mktemp("model"))


def tokens(rows: int, length: int) -> Tensor:
    return torch.randint(1, VOCAB_SIZE, (rows, length), generator=torch.Generator().manual_seed(1))


def padding(side: str) -> Tensor:
    """(B, T) bool, rows of LENGTHS with their padding on one side."""
    place = torch.arange(max(LENGTHS))
    rows = [place < n if side == "right" else place >= max(LENGTHS) - n for n in LENGTHS]
    return torch.stack(rows)


@torch.no_grad()
def test_logits_are_those_of_transformers(pair: Pair) -> None:
    idx = tokens(2, SEQ_LEN)
    assert (pair.ours(idx) - pair.expected(idx).logits).abs().max() < MAX_DIFFERENCE


@torch.no_grad()
def test_logits_through_a_cache_are_those_of_transformers(pair: Pair) -> None:
    """A prompt, a few single tokens, and a long piece behind them."""
    idx = tokens(2, 60)
    whole = pair.expected(idx).logits
    cache, theirs_cache, start = pair.ours.new_cache(batch=2), None, 0
    for size in (20, 1, 1, 30, 8):
        part = idx[:, start : start + size]
        theirs = pair.expected(part, use_cache=True, past_key_values=theirs_cache)
        theirs_cache, ours = theirs.past_key_values, pair.ours(part, cache=cache)
        assert (ours - theirs.logits).abs().max() < MAX_DIFFERENCE
        assert (ours - whole[:, start : start + size]).abs().max() < MAX_DIFFERENCE
        start += size


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("cached", [False, True])
def test_logits_beside_padding_are_those_of_transformers(pair: Pair, side: str, cached: bool) -> None:
    idx, mask = tokens(len(LENGTHS), max(LENGTHS)), padding(side)
    cache = pair.ours.new_cache(batch=len(LENGTHS)) if cached else None
    ours, theirs = pair.ours(idx, cache=cache, mask=mask), pair.expected(idx, mask).logits
    assert (ours - theirs)[mask].abs().max() < MAX_DIFFERENCE
    assert ours.isfinite().all()


@torch.no_grad()
def test_what_follows_padding_on_the_left_is_that_of_transformers(pair: Pair) -> None:
    """What a batch of prompts needs: the prompts, then single tokens."""
    idx, mask = tokens(len(LENGTHS), max(LENGTHS)), padding("left")
    cache = pair.ours.new_cache(batch=len(LENGTHS))
    pair.ours(idx, cache=cache, mask=mask)
    theirs = pair.expected(idx, mask, use_cache=True)
    for step in range(3):
        part = tokens(len(LENGTHS), 10)[:, step : step + 1]
        mask = torch.cat([mask, torch.ones(len(LENGTHS), 1, dtype=torch.bool)], dim=1)
        theirs = pair.expected(part, mask, use_cache=True, past_key_values=theirs.past_key_values)
        ours = pair.ours(part, cache=cache)
        assert (ours - theirs.logits).abs().max() < MAX_DIFFERENCE


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing_for_the_rest_of_the_row(pair: Pair, side: str) -> None:
    """Against the row alone, also for what follows padding on the right, where windows must not count it."""
    idx, mask, more = tokens(len(LENGTHS), max(LENGTHS)), padding(side), tokens(len(LENGTHS), 12)
    cache = pair.ours.new_cache(batch=len(LENGTHS))
    first, then = pair.ours(idx, cache=cache, mask=mask), pair.ours(more, cache=cache)
    for row, length in enumerate(LENGTHS):
        alone = pair.ours(torch.cat([idx[row][mask[row]], more[row]])[None])[0]
        torch.testing.assert_close(first[row][mask[row]], alone[:length], rtol=1e-4, atol=MAX_DIFFERENCE)
        torch.testing.assert_close(then[row], alone[length:], rtol=1e-4, atol=MAX_DIFFERENCE)


def test_gradients_are_those_of_transformers(pair: Pair) -> None:
    """Of one padded batch, by the logits before and after one step against them."""
    idx, mask = tokens(len(LENGTHS), max(LENGTHS)), padding("left")
    targets = idx[:, 1:].masked_fill(~mask[:, :-1], -100)
    gradients = []
    for model, logits in (
        (pair.ours, pair.ours(idx, mask=mask)),
        (pair.theirs, pair.expected(idx, mask).logits),
    ):
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())
        named = dict(model.named_parameters())
        found = torch.autograd.grad(loss, list(named.values()))
        gradients.append(dict(zip(named, found, strict=True)))
    ours, theirs = gradients
    translated = huggingface.to_theirs(pair.ours.config, ours)
    assert translated.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(translated[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_what_we_write_is_the_same_model_in_transformers(pair: Pair, tmp_path: Path) -> None:
    huggingface.save(pair.ours, tmp_path)
    again, report = AutoModelForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    loaded, idx = huggingface.load(tmp_path), tokens(2, SEQ_LEN)
    assert loaded.config == pair.ours.config
    with torch.no_grad():
        assert (again.eval()(idx).logits - pair.theirs(idx).logits).abs().max() < MAX_DIFFERENCE
        assert torch.equal(loaded(idx), pair.ours(idx))


@torch.no_grad()
def test_gpt2_is_read_without_its_prefix_and_with_its_stored_masks(tmp_path: Path) -> None:
    """As the first published weights are stored."""
    from safetensors.torch import load_file, save_file

    theirs = gpt2().eval()
    disturb(theirs)
    theirs.save_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    bare |= {f"h.{layer}.attn.bias": torch.ones(1, 1, 8, 8) for layer in range(3)}
    save_file(bare, tmp_path / "model.safetensors")
    idx = tokens(2, SEQ_LEN)
    assert (huggingface.load(tmp_path)(idx) - theirs(idx).logits).abs().max() < MAX_DIFFERENCE


@torch.no_grad()
def test_a_long_mistral_row_is_trained_with_its_window(tmp_path: Path) -> None:
    """Where rows are longer than what causal attention is cut into pieces from."""
    config = ModelConfig(
        vocab_size=VOCAB_SIZE,
        d_model=32,
        n_layers=2,
        n_heads=2,
        n_kv_heads=1,
        head_dim=16,
        d_ff=64,
        seq_len=400,
        qk_norm=False,
        window=300,
        local_layers=(0, 1),
    )
    ours = Transformer(config)
    randomise(ours, 3, std=0.2)
    huggingface.save(ours, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    for length in (300, 400):
        idx = tokens(2, length)
        assert (ours(idx) - theirs(idx).logits).abs().max() < MAX_DIFFERENCE
