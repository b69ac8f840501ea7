from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.formats.gguf_export import GGUF_TYPES, chosen_type, write_gguf_export
from ontogeny.model.formats.gguf_file import GgufFile, Value
from ontogeny.model.formats.gguf_names import halves_to_pairs, pairs_to_halves
from ontogeny.model.formats.gguf_writer import Stored, write_gguf
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.model.conftest import VOCAB_SIZE, Make

GEMMA = {
    "qk_norm": True, "activation": "gelu_tanh", "norm_unit_offset": True, "post_norms": True,
    "scale_embeddings": True, "query_pre_attn_scalar": 8.0, "window": 16, "local_layers": (0, 1),
    "local_rope_base": 10_000.0, "norm_eps": 1e-6,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {"qk_norm": False, "tie_embeddings": False, "norm_eps": 1e-5, "rope_base": 500_000.0},
    "qwen2": {"qk_norm": False, "qkv_bias": True},
    "gemma3": GEMMA,
}
Saved = Any


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Byte level, some merges, three special tokens."""
    return train_bpe(["to be or not to be, that is the question: " * 20] * 4, vocab_size=280)


@pytest.fixture
def saved(make: Make, tokenizer: Tokenizer, tmp_path: Path) -> Saved:
    """Writes a model of a family, with sizes changed, as a folder."""

    def write(family: str = "qwen3", **changes: Any) -> Path:
        folder = tmp_path / f"saved-{family}"
        huggingface.save(make(**{**FAMILIES[family], **changes}), folder, tokenizer=tokenizer)
        return folder

    return write


def back(source: Path, tmp_path: Path, weight_type: Any = "f32") -> Path:
    """`source` through a GGUF file and back."""
    write_gguf_export(source, tmp_path / "model.gguf", weight_type=weight_type)
    (tmp_path / "back").mkdir()
    unpack(tmp_path / "model.gguf", tmp_path / "back")
    return tmp_path / "back"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_comes_back_bit_for_bit(family: str, saved: Saved, tmp_path: Path) -> None:
    source = saved(family)
    folder = back(source, tmp_path)
    assert GgufFile(tmp_path / "model.gguf").text("general.architecture") == family
    assert huggingface.read_config(folder) == huggingface.read_config(source)
    ours, theirs = load_file(source / "model.safetensors"), load_file(folder / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():  # a norm of Gemma is stored as 1 + w, which rounds
        exact = not (family == "gemma3" and name.endswith("norm.weight"))
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=0 if exact else 2e-7)


@pytest.mark.parametrize(("weight_type", "dtype"), [("f16", torch.float16), ("bf16", torch.bfloat16)])
def test_whole_types_keep_their_width(
    weight_type: str, dtype: torch.dtype, saved: Saved, tmp_path: Path
) -> None:
    source = saved("llama")
    theirs = load_file(back(source, tmp_path, weight_type) / "model.safetensors")
    for name, tensor in load_file(source / "model.safetensors").items():
        assert torch.equal(theirs[name], tensor.to(dtype) if tensor.ndim > 1 else tensor)


@pytest.mark.parametrize("weight_type", ["q8_0", "q4_0", "q4_k_m"])
def test_quantised_weights_are_those_that_the_reference_decodes(
    weight_type: str, saved: Saved, tmp_path: Path
) -> None:
    source = saved("qwen3", d_model=256, d_ff=256, head_dim=64)
    theirs = load_file(back(source, tmp_path, weight_type) / "model.safetensors")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    stored = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    for ours, name in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"),
        ("model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight"),
    ):
        assert np.array_equal(theirs[ours].numpy(), stored[name])
        original = load_file(source / "model.safetensors")[ours]
        assert float((theirs[ours] - original).std() / original.std()) < {"q8_0": 0.01}.get(weight_type, 0.11)


def test_rows_change_places_for_rope_on_pairs_as_the_converter_of_llama_cpp_has_it() -> None:
    """convert_hf_to_gguf.py, LlamaModel.permute, for two heads of four."""
    rows = np.arange(8)
    assert halves_to_pairs(rows, 4).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert pairs_to_halves(halves_to_pairs(rows, 4), 4).tolist() == rows.tolist()


def test_the_tokenizer_and_the_template_come_back(saved: Saved, tokenizer: Tokenizer, tmp_path: Path) -> None:
    found = Tokenizer.load(back(saved(), tmp_path))
    for text in ("to be or not", "Where's 1234 naïve \N{SNOWMAN}\n\n  x", "<|im_end|>"):
        assert found.encode(text) == tokenizer.encode(text)
        assert found.decode(found.encode(text)) == text
    assert found.chat_template == tokenizer.chat_template
    assert (found.vocab_size, found.stop_ids) == (tokenizer.vocab_size, tokenizer.stop_ids)
    assert found.end_of_text_id == tokenizer.end_of_text_id
    reader = GgufFile(tmp_path / "model.gguf")
    tokens = reader.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list) and len(tokens) == VOCAB_SIZE  # one for each embedding, whatever it is
    assert reader.text("tokenizer.ggml.pre") == "qwen2"
    ends = json.loads((tmp_path / "back" / "generation_config.json").read_text())["eos_token_id"]
    assert ends == sorted(tokenizer.stop_ids)


@pytest.mark.parametrize("special", [True, False])
def test_a_special_token_without_an_embedding_is_left_out(
    special: bool, saved: Saved, tmp_path: Path
) -> None:
    """Gemma 3's mark for images; a token that text can bring up is refused."""
    source = saved()
    path = source / "tokenizer.json"
    definition = json.loads(path.read_text())
    vocabulary = definition["model"]["vocab"]
    vocabulary |= {f"<unused{number}>": number for number in range(len(vocabulary), VOCAB_SIZE)}
    mark = dict(definition["added_tokens"][0], id=VOCAB_SIZE, content="<image>", special=special)
    definition["added_tokens"].append(mark)
    path.write_text(json.dumps(definition))
    assert Tokenizer.load(source).vocab_size == VOCAB_SIZE + 1
    if special:
        assert Tokenizer.load(back(source, tmp_path)).vocab_size == VOCAB_SIZE
        return
    with pytest.raises(ModelFormatError, match=f"token {VOCAB_SIZE} has no embedding"):
        write_gguf_export(source, tmp_path / "model.gguf", weight_type="f32")


def test_provenance_stands_in_the_file(saved: Saved, tmp_path: Path) -> None:
    origin: dict[str, Value] = {"general.name": "tutor", "general.license": "PSF-2.0"}
    write_gguf_export(saved(), tmp_path / "model.gguf", weight_type="q8_0", provenance=origin)
    file = GgufFile(tmp_path / "model.gguf")
    assert (file.text("general.name"), file.text("general.license")) == ("tutor", "PSF-2.0")
    assert file.count("general.file_type") == 7


def test_the_mix_is_that_of_llama_cpp() -> None:
    """As a file that llama.cpp made has it: gemma-3-270m Q4_K_M; 18 layers, rows of 640 and 2,048."""
    down = [chosen_type(f"blk.{layer}.ffn_down.weight", (640, 2048), "q4_k_m", 18, ()) for layer in range(18)]
    assert [layer for layer in range(18) if down[layer] == "Q6_K"] == [0, 1, 4, 7, 10, 13, 15, 16, 17]
    for name, shape, chosen in (
        ("token_embd.weight", (262144, 640), "Q8_0"),
        ("blk.0.attn_v.weight", (256, 640), "Q8_0"),
        ("blk.2.attn_v.weight", (256, 640), "Q5_0"),
        ("blk.0.attn_q.weight", (1024, 640), "Q5_0"),
        ("blk.0.attn_output.weight", (640, 1024), "Q4_K"),
        ("blk.0.attn_norm.weight", (640,), "F32"),
        ("blk.0.attn_q.weight", (48, 40), "F16"),
    ):
        assert chosen_type(name, shape, "q4_k_m", 18, ()) == chosen
    assert chosen_type("token_embd.weight", (300, 256), "q4_0", 2, ("output.weight",)) == "Q4_0"
    assert chosen_type("output.weight", (300, 256), "q4_0", 2, ("output.weight",)) == "Q6_K"
    assert [chosen_type("blk.0.attn_q.weight", (64, 64), kind, 2, ()) for kind in GGUF_TYPES] == [
        "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_0",
    ]  # fmt: skip


def edited(path: Path, metadata: dict[str, Value | None], tensors: dict[str, str | None]) -> None:
    """Rewrite a file with metadata set (None: left out) and tensors renamed (None: left out)."""
    file = GgufFile(path)
    values = {key: value for key, value in {**file.metadata, **metadata}.items() if value is not None}
    names = {name: tensors.get(name, name) for name in file.tensors}
    kept = {new: name for name, new in names.items() if new is not None}
    stored = {
        new: Stored(file.tensors[name].type.name, file.tensors[name].shape) for new, name in kept.items()
    }
    data = [(new, file.raw(name).copy()) for new, name in kept.items()]
    write_gguf(path, values, stored, data)


@pytest.mark.parametrize(
    ("metadata", "tensors", "reason"),
    [
        ({"general.architecture": "qwen4"}, {}, r"architecture 'qwen4' is not supported. Did you mean 'qwen"),
        ({"split.count": 3}, {}, "the first of 3 parts, and its name does not say"),
        ({}, {"output_norm.weight": "rope_freqs.weight"}, r"rope_freqs.weight of shape \[32\] and type F32"),
        ({"qwen3.block_count": None}, {}, "qwen3.block_count is missing"),
        ({"qwen3.attention.head_count": 0}, {}, "no heads"),
        ({"qwen3.block_count": 9000}, {}, "asks for 9,000 layers, it has 2"),
        ({"qwen3.rope.dimension_count": 4}, {}, "RoPE turns 4 of 8 numbers"),
        ({"qwen3.attention.value_length": 4}, {}, "values have 4 numbers a head, keys 8"),
        ({"qwen3.expert_count": 8}, {}, "mixes experts"),
        ({"qwen3.attention.head_count_kv": np.array([2, 1], np.int32)}, {}, "differs between layers"),
        ({"qwen3.rope.scaling.type": "longrope"}, {}, "longrope"),
        ({"qwen3.feed_forward_length": 96}, {}, r"has shape \[64, 32\], its metadata asks for \[96, 32\]"),
        ({}, {"blk.1.ffn_up.weight": None}, "missing tensors: blk.1.ffn_up.weight"),
        ({}, {"blk.1.ffn_up.weight": "blk.1.ffn_more.weight"}, "missing tensors: blk.1.ffn_up.weight"),
        ({"tokenizer.ggml.model": "bert"}, {}, "kind 'bert' is not supported"),
        ({"tokenizer.ggml.pre": "qwem2"}, {}, "Did you mean 'qwen2'"),
        ({"tokenizer.ggml.merges": ["a"]}, {}, "merge 'a' '' is not of tokens"),
        ({"tokenizer.ggml.tokens": ["a", "a"]}, {}, "not one number for each token"),
        ({"tokenizer.ggml.eos_token_id": 4000}, {}, "eos_token_id is 4000"),
        ({"tokenizer.ggml.tokens": [f"{n}" for n in range(400)], "tokenizer.ggml.token_type": None,
          "tokenizer.ggml.merges": []}, {}, "the tokenizer has 400 entries, the model 300"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_such_a_model_is_refused(
    metadata: dict[str, Any], tensors: dict[str, Any], reason: str, saved: Saved, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write_gguf_export(saved(), path, weight_type="f32")
    edited(path, metadata, tensors)
    (tmp_path / "back").mkdir()
    with pytest.raises(ModelFormatError, match=reason) as refusal:
        unpack(path, tmp_path / "back")
    assert refusal.value.hint
    assert not list((tmp_path / "back").iterdir())


def test_values_that_a_type_cannot_hold_are_refused(saved: Saved, make: Make, tmp_path: Path) -> None:
    source = saved()
    model = make()
    with torch.no_grad():
        model.layers[0].mlp.up_proj.weight[0, 0] = 1e6
    huggingface.save(model, source, tokenizer=Tokenizer.load(source))
    with pytest.raises(ModelFormatError, match=r"up_proj\.weight holds values that Q8_0 cannot"):
        write_gguf_export(source, tmp_path / "model.gguf", weight_type="q8_0")


def test_a_family_without_a_form_in_gguf_is_refused(saved: Saved, tmp_path: Path) -> None:
    source = saved("llama")
    path = source / "config.json"
    values = json.loads(path.read_text())
    scaled = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0}
    path.write_text(json.dumps({**values, "rope_parameters": scaled}))
    with pytest.raises(ModelFormatError, match="dynamic"):
        write_gguf_export(source, tmp_path / "model.gguf", weight_type="f32")


def test_a_width_that_llama_cpp_would_not_load_is_refused(saved: Saved, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="4 heads of 16 are not as wide as the model"):
        write_gguf_export(saved("qwen2", head_dim=16), tmp_path / "model.gguf", weight_type="f32")
