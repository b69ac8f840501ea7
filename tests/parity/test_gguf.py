"""GGUF files that we write, in llama.cpp itself: the same tokens, and with whole types the same words.

llama.cpp runs through `xllamacpp`, one request at a time, in a process of its own, since it prints what it likes.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ontogeny.model.config import ModelConfig
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.formats.gguf_export import GgufType, write_gguf_export
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None,
    reason="llama.cpp is not installed: pip install xllamacpp",
)

NEW_TOKENS = 24
VOCAB_SIZE = 320
YARN = {"kind": "yarn", "factor": 4, "original_seq_len": 64}
GEMMA3: dict[str, Any] = {
    "qk_norm": True, "activation": "gelu_tanh", "norm_unit_offset": True, "post_norms": True,
    "scale_embeddings": True, "query_pre_attn_scalar": 32.0, "window": 16, "local_layers": (0, 1),
    "local_rope_base": 10_000.0, "rope_base": 1_000_000.0,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {"qk_norm": False, "tie_embeddings": False, "norm_eps": 1e-5},
    "llama3": {
        "qk_norm": False, "rope_base": 10_000.0,
        "rope_scaling": {"kind": "llama3", "factor": 8, "original_seq_len": 64},
    },
    "qwen2": {"qk_norm": False, "qkv_bias": True, "head_dim": 16},
    "gemma3": GEMMA3,
    "llama, biases": {"qk_norm": False, "qkv_bias": True, "o_bias": True, "mlp_bias": True},
    "llama, linear": {"qk_norm": False, "rope_scaling": {"kind": "linear", "factor": 4}},
    "llama, few between": {
        "qk_norm": False, "rope_base": 500_000.0,
        "rope_scaling": {
            "kind": "llama3", "factor": 8, "original_seq_len": 64, "low_freq_factor": 2, "high_freq_factor": 3,
        },
    },
    "llama, yarn": {"qk_norm": False, "rope_scaling": YARN},
    "llama, yarn, attention": {"qk_norm": False, "rope_scaling": {**YARN, "attention_factor": 0.6}},
    "qwen3, yarn, attention": {"rope_scaling": {**YARN, "attention_factor": 1.5}},
    "gemma3, linear": {**GEMMA3, "local_layers": (0,), "rope_scaling": {"kind": "linear", "factor": 8}},
    "gemma3, yarn": {**GEMMA3, "local_layers": (0,), "rope_scaling": YARN},
    "gemma3, another local base": {**GEMMA3, "local_rope_base": 500.0},
}  # fmt: skip
THEIRS = """
import json, sys
import xllamacpp

path, request = sys.argv[1], json.loads(sys.argv[2])
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.warmup = path, 256, 1, False
params.cpuparams.n_threads = 1
params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
print("\\n" + json.dumps(xllamacpp.Server(params).handle_completions(request)), flush=True)
"""


def theirs(path: Path, prompt: list[int] | str, **more: Any) -> dict[str, Any]:
    """What llama.cpp answers to a request for completion."""
    request = {"prompt": prompt, "max_tokens": NEW_TOKENS, "temperature": 0, **more}
    command = [sys.executable, "-c", THEIRS, str(path), json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**answer["choices"][0], **answer["usage"]}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(["to be or not to be, that is the question: " * 20] * 4, vocab_size=300)


def saved(family: str, folder: Path, tokenizer: Tokenizer) -> Transformer:
    config = ModelConfig(
        vocab_size=VOCAB_SIZE, d_model=64, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=128, seq_len=256,
        **{"head_dim": 32, **FAMILIES[family]},
    )  # fmt: skip
    model = Transformer(config)
    randomise(model, 3, std=0.3)
    huggingface.save(model, folder, tokenizer=tokenizer)
    return huggingface.load(folder)


def greedy(model: Transformer, ids: list[int], barred: list[int]) -> list[int]:
    """The next tokens, none of them `barred`."""
    prompt = len(ids)
    for _ in range(NEW_TOKENS):
        with torch.inference_mode():
            logits = model(torch.tensor([ids]))[0, -1]
            logits[barred] = -torch.inf
        ids = [*ids, int(logits.argmax())]
    return ids[prompt:]


def without_text(tokenizer: Tokenizer) -> list[int]:
    """Tokens that end a text, have none of their own, or only a part of a character's bytes: an answer hides them."""
    texts = {number: tokenizer.decode([number], skip_special=True) for number in range(tokenizer.vocab_size)}
    idle = [number for number, text in texts.items() if not (text.isascii() and text.isprintable() and text)]
    return [*idle, *range(tokenizer.vocab_size, VOCAB_SIZE)]


@pytest.mark.parametrize(
    ("family", "weight_type"), [*((family, "f32") for family in FAMILIES), ("llama", "f16")]
)
def test_greedy_text_is_equal(
    family: str, weight_type: GgufType, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    saved(family, tmp_path / "source", tokenizer)
    write_gguf_export(tmp_path / "source", tmp_path / "model.gguf", weight_type=weight_type)
    (tmp_path / "back").mkdir()
    unpack(tmp_path / "model.gguf", tmp_path / "back")
    prompt = tokenizer.encode("to be or not to be, that is the question")
    barred = without_text(tokenizer)
    ours = greedy(huggingface.load(tmp_path / "back"), prompt, barred)
    answer = theirs(tmp_path / "model.gguf", prompt, logit_bias=[[number, False] for number in barred])
    assert answer["text"] == tokenizer.decode(ours)


def test_text_is_cut_into_as_many_tokens(tokenizer: Tokenizer, tmp_path: Path) -> None:
    saved("qwen3", tmp_path / "source", tokenizer)
    write_gguf_export(tmp_path / "source", tmp_path / "model.gguf", weight_type="f16")
    for text in ("to be, or not to be?", "naïve \N{SNOWMAN} 1234  x\n\n\ty's", "that\u00a0IS it"):
        assert theirs(tmp_path / "model.gguf", text)["prompt_tokens"] == len(tokenizer.encode(text))


@pytest.mark.parametrize(("weight_type", "bound"), [("q8_0", 0.01), ("q4_0", 0.03), ("q4_k_m", 0.03)])
def test_quantised_types_give_nearly_the_same_probabilities(
    weight_type: GgufType, bound: float, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """llama.cpp multiplies them with quantised activations, so KL is small rather than zero."""
    saved("llama", tmp_path / "source", tokenizer)
    write_gguf_export(tmp_path / "source", tmp_path / "model.gguf", weight_type=weight_type)
    (tmp_path / "back").mkdir()
    unpack(tmp_path / "model.gguf", tmp_path / "back")
    prompt = tokenizer.encode("to be or not to be")
    with torch.inference_mode():
        ours = huggingface.load(tmp_path / "back")(torch.tensor([prompt]))[0, -1].log_softmax(0)
    answer = theirs(tmp_path / "model.gguf", prompt, max_tokens=1, logprobs=VOCAB_SIZE)
    found = torch.full((VOCAB_SIZE,), -torch.inf)
    for entry in answer["logprobs"]["content"][0]["top_logprobs"]:
        found[entry["id"]] = entry["logprob"]
    assert torch.isfinite(found).all()
    assert float((ours.exp() * (ours - found)).sum()) < bound
