from __future__ import annotations

from typing import Any

import pytest

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats.huggingface_config import MODEL_TYPES, config_from_json, config_to_json
from tests.model.conftest import FAMILIES, GEMMA3, GPT2, Make


@pytest.fixture
def values(make: Make) -> dict[str, Any]:
    """A configuration that can be read."""
    return config_to_json(make().config, dtype="float32", end_id=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_written_is_read(make: Make, name: str) -> None:
    config = make(**FAMILIES[name]).config
    assert config.family == name.split(",")[0]
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
        ({"model_type": "mamba"}, r"'mamba' is not supported\n"),
        ({"model_type": "qwen3_moe"}, "'qwen3_moe' with experts: a mixture of experts is not supported"),
        ({"model_type": "mixtral"}, "'mixtral' with experts: a mixture of experts is not supported"),
        ({"num_local_experts": 8}, "'qwen3' with experts: a mixture of experts is not supported"),
        ({"model_type": None}, "None is not supported"),
        ({"hidden_act": "gelu"}, "hidden_act: 'gelu' is not supported"),
        ({"mlp_bias": True}, "mlp_bias: True is not supported"),
        ({"partial_rotary_factor": 0.5}, r"partial_rotary_factor: 0\.5 is not supported"),
        ({"logit_scale": 8}, "logit_scale: 8 is not a field of this family that is known here"),
        ({"final_logit_softcapping": 30.0}, r"final_logit_softcapping: 30\.0 is not supported"),
        ({"hidden_activation": "gelu"}, "hidden_activation: 'gelu' is not a field of this family"),
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            "quantization_config: the weights are quantised by gptq, 4 bits, which cannot be read",
        ),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            "the weights are quantised by bitsandbytes, which",
        ),
        (
            {"layer_types": ["full_attention", "sliding_attention"]},
            "layer_types: 2 entries, .*full_attention.*, where num_hidden_layers is 2 and sliding_window None",
        ),
        ({"layer_types": [[1]]}, r"layer_types: \[\[1\]\] is not a list of names"),
        ({"layer_types": "full_attention"}, "layer_types: 'full_attention' is not a list of names"),
        ({"attention_bias": "no"}, "attention_bias: 'no' is neither true nor false"),
        ({"use_sliding_window": 0}, "use_sliding_window: 0 is neither true nor false"),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads: .* is not supported"),
        ({"rms_norm_eps": 0}, "rms_norm_eps: 0 should be greater than 0"),
        ({"rms_norm_eps": "x"}, "rms_norm_eps: 'x' should be a valid number"),
        ({"rope_parameters": {"rope_theta": float("inf")}}, "rope_theta: inf should be a finite number"),
        ({"rope_parameters": {"rope_theta": -5}}, r"rope_theta: -5\.0 should be greater than 1"),
        ({"layer_types": ["full_attention", "chunked_attention"]}, "layer_types: .*'chunked_attention'"),
        ({"layer_types": ["full_attention"]}, "layer_types: 1 entries, .* where num_hidden_layers is 2"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "RoPE of type 'longrope'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "dynamic"}}, "RoPE of type 'dynamic'"),
        ({"rope_parameters": {"rope_type": "linear"}}, "factor: not given"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 0.5}}, r"factor: 0\.5 should be greater"),
        (
            {"rope_parameters": {"partial_rotary_factor": 0.5}},
            r"partial_rotary_factor: 0\.5 of RoPE 'default'",
        ),
        ({"rope_parameters": {"mrope_section": [1, 1, 2]}}, "mrope_section: .* of RoPE 'default'"),
        (
            {"num_key_value_heads": 3},
            r": num_key_value_heads \(3\) does not divide num_attention_heads \(4\)",
        ),
        ({"hidden_size": 0}, "hidden_size: 0 is not a whole number between 1 and"),
        ({"hidden_size": "wide"}, "hidden_size: 'wide' is not a whole number"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers: 1000000000000 is not .* between 1 and 10,000"),
        ({"max_position_embeddings": 1 << 40}, "max_position_embeddings: .* is not"),
        ({"rope_parameters": "linear"}, "rope_parameters: 'linear' is not an object"),
        (
            {"max_window_layers": "all", "use_sliding_window": True, "sliding_window": 4},
            "a field is of another type",
        ),
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


def test_an_unknown_family_is_refused_with_those_that_can_be_read(values: dict[str, Any]) -> None:
    with pytest.raises(ModelFormatError) as refusal:
        config_from_json({**values, "model_type": "mamba"}, "config.json")
    assert refusal.value.hint == f"the families that can be read are {', '.join(MODEL_TYPES)}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("some_tool", None),
        ("_name_or_path", "here"),
        ("attention_dropout", 0.1),
        ("use_cache", False),
        ("hidden_act", "swish"),
        ("diversity_penalty", 0.0),
        ("pruned_heads", {}),
        ("model_name", "unsloth/qwen3"),
        ("auto_map", {"AutoModelForCausalLM": "m.M"}),
    ],
)
def test_fields_without_effect_are_passed_over(values: dict[str, Any], field: str, value: object) -> None:
    config = config_from_json(values, "config.json")
    assert config_from_json({**values, field: value}, "config.json") == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx: True is not supported"),
        ({"scale_attn_weights": False}, "scale_attn_weights: False is not supported"),
        ({"activation_function": "relu"}, "activation_function: 'relu' is not supported"),
        ({"add_cross_attention": True}, "add_cross_attention: True is not supported"),
        ({"n_embd": None}, "n_embd not given"),
        ({"n_head": 5}, "these switches together belong to no family"),
    ],
)
def test_other_gpt2s_are_refused(make: Make, changes: dict[str, Any], message: str) -> None:
    values = config_to_json(make(**GPT2).config, dtype="float32", end_id=0)
    with pytest.raises(ModelFormatError, match=message):
        config_from_json({**values, **changes}, "config.json")


def test_a_gpt2_may_name_its_activation_otherwise(make: Make) -> None:
    values = config_to_json(make(**GPT2).config, dtype="float32", end_id=0)
    config = config_from_json({**values, "activation_function": "gelu_pytorch_tanh"}, "config.json")
    assert config == make(**GPT2).config


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}


def test_rope_in_two_places_is_read_where_both_say_the_same(values: dict[str, Any]) -> None:
    theta = values["rope_theta"]
    config = config_from_json({**values, "rope_parameters": {**YARN, "rope_theta": theta}}, "config.json")
    assert config.rope_scaling is not None
    both = {
        **values,
        "rope_parameters": {**YARN, "rope_theta": theta},
        "rope_scaling": {**YARN, "type": "yarn"},
    }
    assert config_from_json(both, "config.json") == config


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scaling": YARN},
        {"rope_scaling": {**YARN, "rope_theta": 777.0}, "rope_parameters": {**YARN, "rope_theta": 888.0}},
        # transformers drops the base in `rope_parameters` with it
        {"rope_scaling": YARN, "rope_parameters": {**YARN, "rope_theta": 888.0}, "rope_theta": None},
    ],
)
def test_rope_in_two_places_that_disagree_is_refused(values: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFormatError, match=r"rope_scaling \{.*\} and rope_parameters \{.*\} disagree"):
        config_from_json({**values, **changes}, "config.json")


def test_older_spellings_of_gemma_are_read(make: Make) -> None:
    config = make(**GEMMA3, n_layers=12).config
    values = config_to_json(config, dtype="float32", end_id=0)
    older = {
        **{key: value for key, value in values.items() if key not in ("rope_parameters", "layer_types")},
        "sliding_window_pattern": 6,
        "rope_scaling": {"rope_type": "linear", "factor": 8},
    }
    found = config_from_json(older, "config.json")
    assert found.local_layers == (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)
    assert (found.rope_base, found.local_rope_base) == (config.rope_base, config.local_rope_base)
    assert found.rope_scaling is not None
    assert found.rope_scaling.factor == 8


def test_scaled_rope_in_local_layers_of_gemma_is_refused(make: Make) -> None:
    values = config_to_json(make(**GEMMA3).config, dtype="float32", end_id=0)
    values["rope_parameters"]["sliding_attention"] = {"rope_type": "linear", "factor": 2}  # type: ignore[index]
    with pytest.raises(ModelFormatError, match="RoPE of type 'linear' in sliding_attention layers"):
        config_from_json(values, "config.json")


def test_absent_fields_are_what_transformers_assumes(make: Make) -> None:
    values = config_to_json(make(qk_norm=False).config, dtype="float32", end_id=0)
    absent = ("num_key_value_heads", "head_dim", "tie_word_embeddings")
    values = {key: value for key, value in values.items() if key not in absent}
    changes = {"model_type": "mistral", "num_attention_heads": 8, "hidden_size": 64, "mlp_bias": False}
    config = config_from_json({**values, **changes}, "config.json")
    assert (config.n_kv_heads, config.head_dim, config.window, config.tie_embeddings) == (8, 8, 4096, False)


def refused_or_read(values: dict[str, Any]) -> bool:
    """Whether reading ends in a refusal with a place, or in a whole config; any other error passes through."""
    try:
        return isinstance(config_from_json(values, "config.json"), ModelConfig)
    except ModelFormatError as error:
        return error.where is not None


@pytest.mark.parametrize("name", ["qwen2, windows", "llama, llama3", "qwen3, yarn", "gemma3", "gpt2"])
def test_nonsense_in_any_field_is_refused_or_read_but_never_a_crash(make: Make, name: str) -> None:
    values = config_to_json(make(**FAMILIES[name]).config, dtype="float32", end_id=0)
    nonsense = (None, True, -1, 0, 0.5, float("nan"), 1e400, 10**30, "", "x", [], [1], {}, {"rope_type": 3})
    for field in values:
        for value in nonsense:
            assert refused_or_read({**values, field: value})
    for field, rope in values.items():
        for key in rope if isinstance(rope, dict) else ():
            for value in nonsense:
                assert refused_or_read({**values, field: {**rope, key: value}})
