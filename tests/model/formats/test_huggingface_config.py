from __future__ import annotations

from typing import Any

import pytest

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats.huggingface_config import config_from_json, config_to_json
from tests.model.conftest import Make

SWITCHES = [{}, {"tie_embeddings": False}, {"qk_norm": False}, {"qk_norm": False, "qkv_bias": True}]


@pytest.fixture
def values(make: Make) -> dict[str, Any]:
    """A configuration that can be read."""
    return config_to_json(make().config, dtype="float32", end_id=0)


@pytest.mark.parametrize("switches", SWITCHES)
def test_what_is_written_is_read(make: Make, switches: dict[str, bool]) -> None:
    config = make(**switches).config
    assert config_from_json(config_to_json(config, dtype="float32", end_id=0), "config.json") == config


def test_older_places_of_the_rope_base_are_read(values: dict[str, Any]) -> None:
    del values["rope_parameters"]
    values["rope_theta"] = 5e5
    assert config_from_json(values, "config.json").rope_base == 5e5


def test_defaults_of_llama_are_filled_in(values: dict[str, Any]) -> None:
    older = {**values, "model_type": "llama"}
    del older["head_dim"], older["num_key_value_heads"]
    config = config_from_json(older, "config.json")
    assert (config.head_dim, config.n_kv_heads) == (8, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "qwen33"}, r"'qwen33' is not supported\. Did you mean 'qwen3'"),
        ({"model_type": "gpt2"}, "'gpt2' is not supported"),
        ({"model_type": None}, "None is not supported"),
        ({"hidden_act": "gelu"}, "hidden_act: 'gelu' is not supported"),
        ({"attention_bias": True}, "attention_bias: True is not supported"),
        ({"mlp_bias": True}, "mlp_bias: True is not supported"),
        ({"use_sliding_window": True}, "use_sliding_window: True is not supported"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "sliding-window attention"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "RoPE of type 'yarn'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear"}}, "RoPE of type 'linear'"),
        ({"num_key_value_heads": 3}, r"n_kv_heads \(3\) does not divide n_heads \(4\)"),
        ({"hidden_size": 0}, "d_model: Input should be greater than 0"),
        ({"hidden_size": "wide"}, "d_model: "),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    values: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelFormatError, match=message) as refusal:
        config_from_json({**values, **changes}, "some/config.json")
    assert refusal.value.where == "some/config.json"
    assert refusal.value.hint


def test_missing_sizes_are_named(values: dict[str, Any]) -> None:
    del values["hidden_size"], values["vocab_size"]
    with pytest.raises(ModelFormatError, match="vocab_size, hidden_size not given"):
        config_from_json(values, "config.json")
