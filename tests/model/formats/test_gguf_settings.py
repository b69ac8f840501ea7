"""A model's description through GGUF metadata: out and in the same, or refused by name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.formats.gguf_export import write_gguf_export
from ontogeny.model.formats.gguf_file import GgufFile
from ontogeny.model.formats.gguf_names import ARCHITECTURE_OF
from ontogeny.model.formats.gguf_settings import metadata_values
from ontogeny.model.formats.gguf_writer import Stored, write_gguf
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.model.conftest import Make

BIASES = {"qkv_bias": True, "o_bias": True}
GEMMA: dict[str, Any] = {
    "n_layers": 8, "activation": "gelu_tanh", "norm_unit_offset": True, "post_norms": True,
    "scale_embeddings": True, "query_pre_attn_scalar": 8.0, "window": 16, "local_layers": (0, 1, 2, 3, 4, 6, 7),
    "local_rope_base": 10_000.0, "rope_base": 1_000_000.0,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "qwen3, biases": BIASES,
    "llama": {"qk_norm": False, "norm_eps": 1e-5, "head_dim": 16, "tie_embeddings": False},
    "llama, attention biases": {"qk_norm": False, **BIASES},
    "llama, biases": {"qk_norm": False, **BIASES, "mlp_bias": True},
    "llama, mlp biases": {"qk_norm": False, "mlp_bias": True},
    "qwen2": {"qk_norm": False, "qkv_bias": True},
    "gemma3": GEMMA,
    "gemma3, every third": {**GEMMA, "local_layers": (0, 1, 3, 4, 6, 7)},
    "gemma3, all local": {**GEMMA, "n_layers": 7, "local_layers": tuple(range(7))},
    "gemma3, few layers": {**GEMMA, "n_layers": 2, "local_layers": (0, 1)},
    "gemma3, another local base": {**GEMMA, "local_rope_base": 50_000.0},
    "gemma3, no rule": {**GEMMA, "local_layers": (0, 2, 4)},
    "gemma3, no window": {**GEMMA, "window": None, "local_layers": (), "local_rope_base": None},
    "gemma3, another scale": {**GEMMA, "query_pre_attn_scalar": 24.0},
    "gemma3, biases": {**GEMMA, **BIASES},
}
YARN = {"kind": "yarn", "factor": 4.0, "original_seq_len": 16}
ROPES: dict[str, dict[str, Any] | None] = {
    "default": None,
    "linear": {"kind": "linear", "factor": 2.3},
    "llama3": {"kind": "llama3", "factor": 8.0, "original_seq_len": 16},
    "llama3, few between": {
        "kind": "llama3", "factor": 8.0, "original_seq_len": 24, "low_freq_factor": 2.0, "high_freq_factor": 3.0,
    },
    "yarn": YARN,
    "yarn, attention": {**YARN, "attention_factor": 0.6},
    "yarn, of no length": {**YARN, "factor": 1.0, "attention_factor": 1.3},
    "yarn, betas": {**YARN, "beta_fast": 8.0, "beta_slow": 2.0},
    "yarn, slow": {**YARN, "beta_slow": 2.0},
    "yarn, not truncated": {**YARN, "truncate": False},
}  # fmt: skip
# What refusals name, by what they are of; everything else comes back.
REFUSED_FAMILIES = {
    "qwen3, biases": "attention_bias",
    "gemma3, biases": "attention_bias",
    "gemma3, no rule": r"layers \[0, 2, 4\] of 8",
    "gemma3, no window": r"layers \[\] of 8",
    "gemma3, another scale": "query_pre_attn_scalar 24",
}
REFUSED_ROPES = {
    "yarn, betas": "beta_fast: 8.0",
    "yarn, slow": "beta_slow: 2.0",
    "yarn, not truncated": "truncate: False",
}


def refusal(family: str, rope: str) -> str | None:
    """What the refusal of such a model names; None where it comes back."""
    if family in REFUSED_FAMILIES:
        return REFUSED_FAMILIES[family]
    if rope.startswith("llama3") and not family.startswith("llama"):
        return "type 'llama3'"
    if rope in ("yarn, attention", "yarn, of no length") and family.startswith("gemma3"):
        return "attention_factor"
    return REFUSED_ROPES.get(rope)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(["to be or not to be, that is the question: " * 20] * 4, vocab_size=280)


@pytest.fixture
def source(make: Make, tokenizer: Tokenizer, tmp_path: Path) -> Any:
    def write(**changes: Any) -> Path:
        huggingface.save(make(**changes), tmp_path / "source", tokenizer=tokenizer)
        return tmp_path / "source"

    return write


def back(source: Path, tmp_path: Path) -> ModelConfig:
    """The description of `source` after a way through a GGUF file."""
    write_gguf_export(source, tmp_path / "model.gguf", weight_type="f32")
    (tmp_path / "back").mkdir()
    return unpack(tmp_path / "model.gguf", tmp_path / "back")


@pytest.mark.parametrize(("family", "rope"), list(itertools.product(FAMILIES, ROPES)))
def test_a_description_comes_back_or_is_refused_by_name(
    family: str, rope: str, source: Any, tmp_path: Path
) -> None:
    folder = source(**FAMILIES[family], rope_scaling=ROPES[rope])
    reason = refusal(family, rope)
    if reason is None:
        assert back(folder, tmp_path) == huggingface.read_config(folder)
        return
    with pytest.raises(ModelFormatError, match=f"{reason}.* cannot be stored in GGUF") as error:
        back(folder, tmp_path)
    assert error.value.where and error.value.hint
    assert not (tmp_path / "model.gguf").exists()


def rewritten(folder: Path, **changes: Any) -> Path:
    """`folder` with fields of its config.json set, or taken out where None."""
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return folder


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "rope_theta": 5e5,
}
ABSENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llama3 without its length": ({"qk_norm": False}, {"rope_parameters": LLAMA3}),
    "yarn without a factor": (
        {"qk_norm": False},
        {"rope_parameters": {"rope_type": "yarn", "original_max_position_embeddings": 16, "rope_theta": 5e5}},
    ),
    "yarn with its length beside it": (
        {"qk_norm": False},
        {
            "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5e5},
            "original_max_position_embeddings": 16,
        },
    ),
    "yarn with mscale": (
        {"qk_norm": False},
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 16,
                "rope_theta": 5e5,
                "mscale": 1.0,
                "mscale_all_dim": 0.5,
            },
        },
    ),
    "a llama without norm_eps and head_dim": ({"qk_norm": False}, {"rms_norm_eps": None, "head_dim": None}),
    "qwen3 as older files spell it": (
        {},
        {
            "rope_parameters": None,
            "rope_theta": 1e6,
            "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
        },
    ),
    "gemma3 without RoPE": (
        GEMMA,
        {"rope_parameters": None, "rope_theta": None, "rope_local_base_freq": None},
    ),
    "gemma3 without layer_types": (GEMMA, {"layer_types": None}),
    "gemma3 with a pattern": (GEMMA, {"layer_types": None, "sliding_window_pattern": 3}),
    "gemma3 without a window": (GEMMA, {"sliding_window": None}),
    "gemma3 as older files spell it": (
        GEMMA,
        {
            "rope_parameters": None,
            "rope_theta": 1e6,
            "rope_local_base_freq": 2e4,
            "rope_scaling": {"type": "linear", "factor": 8.0},
        },
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_what_import_assumes_of_an_absent_field_is_written(case: str, source: Any, tmp_path: Path) -> None:
    switches, changes = ABSENT[case]
    folder = rewritten(source(**switches, rope_scaling=None), rope_scaling=None)
    rewritten(folder, **changes)
    found, meant = back(folder, tmp_path), huggingface.read_config(folder)
    if case == "yarn with mscale":  # a ratio of logarithms, of which float32 keeps seven digits
        assert found.rope_scaling is not None and meant.rope_scaling is not None
        assert found.rope_scaling.attention_factor == pytest.approx(
            meant.rope_scaling.attention_factor, rel=1e-6
        )
    else:
        assert found == meant
    idx = torch.arange(12)[None]
    with torch.inference_mode():
        ours, theirs = huggingface.load(folder)(idx), huggingface.load(tmp_path / "back")(idx)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)


def test_what_gemma3_needs_is_asked_for_where_it_is_absent(source: Any, tmp_path: Path) -> None:
    """transformers then assumes 256, which llama.cpp would take from the size of a head."""
    folder = rewritten(source(**GEMMA), query_pre_attn_scalar=None)
    with pytest.raises(ModelFormatError, match="query_pre_attn_scalar 256, for which a gemma3 has 8"):
        write_gguf_export(folder, tmp_path / "model.gguf", weight_type="f32")


def test_gemma3_of_62_layers_is_scaled_by_its_width(make: Make) -> None:
    """The 27B alone; llama.cpp tells it by its layers."""
    many: dict[str, Any] = {
        "n_layers": 62, "head_dim": 16, "query_pre_attn_scalar": 8.0,
        "local_layers": tuple(layer for layer in range(62) if (layer + 1) % 6),
    }  # fmt: skip
    with torch.device("meta"):
        config = make(**{**GEMMA, **many}).config
    assert config.d_model // config.n_heads == 8
    assert metadata_values(config, "gemma3", where="x")["gemma3.block_count"] == 62
    with pytest.raises(ModelFormatError, match="query_pre_attn_scalar 16, for which a gemma3 has 8"):
        metadata_values(config.model_copy(update={"query_pre_attn_scalar": 16.0}), "gemma3", where="x")


@pytest.mark.parametrize("family", ["mistral", "qwen2", "qwen3"])
def test_a_window_that_gguf_has_no_key_for_bounds_the_context(family: Any, make: Make) -> None:
    switches: dict[str, Any] = {"window": 16, "local_layers": (0, 1), "qk_norm": family == "qwen3"}
    config = make(**switches, qkv_bias=family == "qwen2").config
    assert config.family == family
    prefix = ARCHITECTURE_OF[family]
    assert metadata_values(config, prefix, where="here")[f"{prefix}.context_length"] == 16


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("llama", {"attention.causal": False}, "attention.causal: False is not supported, only True"),
    ("llama", {"attention.scale": 0.5}, "attention.scale: 0.5 is not a setting of this architecture"),
    ("llama", {"logit_scale": 0.5}, "logit_scale: 0.5 is not a setting"),
    ("llama", {"attention.sliding_window": 4}, "a window of 4 tokens, which is not supported"),
    ("llama", {"attention.sliding_window_pattern": 2}, "sliding_window_pattern: 2 is not a setting"),
    ("llama", {"rope.scaling.attn_factor": 0.5}, "attn_factor: 0.5 beside RoPE of type 'none'"),
    ("llama", {"rope.scaling.yarn_beta_fast": 8.0}, "yarn_beta_fast: 8.0 is not supported, only 32.0"),
    ("llama", {"rope.scaling.yarn_attn_factor": 0.6}, "yarn_attn_factor: 0.6.* is not a setting"),
    ("llama", {"rope.freq_base": 0.0}, "RoPE has base 0"),
    ("llama", {"labels": np.arange(1000)}, "labels: array.* is not a setting"),
    ("gemma3", {"final_logit_softcapping": 30.0}, "final_logit_softcapping: 30.0 is not supported"),
    ("gemma3", {"attention.sliding_window_pattern": 0}, "sliding_window_pattern is 0"),
    (
        "gemma3",
        {"attention.sliding_window_pattern": np.array([1, 0])},
        "sliding_window_pattern is not a whole",
    ),
    ("gemma3", {"rope.scaling.type": "yarn", "rope.scaling.attn_factor": 2.0}, "attn_factor: 2 beside RoPE"),
]


def with_metadata(path: Path, metadata: dict[str, Any]) -> None:
    file = GgufFile(path)
    stored = {name: Stored(info.type.name, info.shape) for name, info in file.tensors.items()}
    data = [(name, file.raw(name).copy()) for name in file.tensors]
    write_gguf(path, {**file.metadata, **metadata}, stored, data)


@pytest.mark.parametrize(("family", "metadata", "reason"), REFUSED)
def test_metadata_that_may_change_what_is_computed_is_refused_by_name(
    family: str, metadata: dict[str, Any], reason: str, source: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write_gguf_export(source(**FAMILIES[family]), path, weight_type="f32")
    with_metadata(path, {f"{family}.{key}": value for key, value in metadata.items()})
    (tmp_path / "back").mkdir()
    with pytest.raises(ModelFormatError, match=reason) as error:
        unpack(path, tmp_path / "back")
    assert error.value.hint and len(str(error.value)) < 500


def test_metadata_of_llama_cpps_converter_is_read(source: Any, tmp_path: Path) -> None:
    """What it writes beside sizes, and what nobody reads (convert_hf_to_gguf.py, TextModel.set_gguf_parameters)."""
    path = tmp_path / "model.gguf"
    folder = source(**GEMMA)
    write_gguf_export(folder, path, weight_type="f32")
    more = {
        "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16,
        "rope.scaling.yarn_beta_fast": 32.0, "rope.scaling.yarn_beta_slow": 1.0, "rope.scaling.finetuned": True,
        "rope.scaling.yarn_ext_factor": 1.0, "rope.freq_base_swa": 20_000.0, "attention.sliding_window_pattern": 3,
        "expert_count": 0, "expert_used_count": 0, "expert_gating_func": 1, "pooling_type": 0,
        "attention.causal": True, "attention.layer_norm_epsilon": 1e-5, "final_logit_softcapping": 0.0,
    }  # fmt: skip
    with_metadata(path, {f"gemma3.{key}": value for key, value in more.items()})
    (tmp_path / "back").mkdir()
    config = unpack(path, tmp_path / "back")
    assert config.rope_scaling is not None and config.rope_scaling.kind == "yarn"
    assert (config.local_rope_base, config.local_layers) == (20_000.0, (0, 1, 3, 4, 6, 7))


@pytest.mark.parametrize("key", ["rope.scaling.factor", "rope.scale_linear"])
def test_a_factor_without_a_type_is_linear(key: str, source: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf_export(source(qk_norm=False), path, weight_type="f32")
    with_metadata(path, {f"llama.{key}": 4.0})
    (tmp_path / "back").mkdir()
    scaling = unpack(path, tmp_path / "back").rope_scaling
    assert scaling is not None and (scaling.kind, scaling.factor) == ("linear", 4.0)


def test_settings_that_do_not_give_the_stored_factors_are_not_believed(source: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    folder = source(qk_norm=False, rope_scaling=ROPES["llama3"])
    write_gguf_export(folder, path, weight_type="f32")
    for told in (3.0, -1.0, float("nan")):
        with_metadata(path, {"ontogeny.rope.factor": told})
        (tmp_path / f"back{told}").mkdir()
        assert unpack(path, tmp_path / f"back{told}") == huggingface.read_config(folder)
