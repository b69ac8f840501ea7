from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.model.config import ModelConfig, ModelShape, default_d_ff
from tests.model.conftest import FAMILIES, GPT2


def test_a_shape_fills_in_what_was_not_given() -> None:
    config = ModelShape(d_model=384, n_layers=6, n_heads=6).resolve(8192)
    assert (config.n_kv_heads, config.head_dim, config.d_ff) == (6, 64, 1024)
    assert config.vocab_size == 8192
    assert config.qk_norm
    assert not config.qkv_bias


def test_a_shape_keeps_what_was_given() -> None:
    shape = ModelShape(d_model=96, n_layers=2, n_heads=4, n_kv_heads=2, head_dim=32, d_ff=100, seq_len=512)
    config = shape.resolve(1000)
    assert (config.n_kv_heads, config.head_dim, config.d_ff, config.seq_len) == (2, 32, 100, 512)


def test_heads_that_do_not_divide_the_width_are_refused_with_those_that_do() -> None:
    with pytest.raises(
        ValidationError, match=r"n_heads \(5\) does not divide d_model \(12\).*1, 2, 3, 4, 6, 12"
    ):
        ModelShape(d_model=12, n_layers=1, n_heads=5)


def test_heads_need_not_divide_the_width_when_their_size_is_given() -> None:
    assert ModelShape(d_model=12, n_layers=1, n_heads=5, head_dim=4).resolve(300).head_dim == 4


def test_key_heads_that_do_not_divide_query_heads_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"n_kv_heads \(3\) does not divide n_heads \(4\)"):
        ModelShape(d_model=32, n_layers=1, n_heads=4, n_kv_heads=3)


def test_an_odd_head_is_refused() -> None:
    with pytest.raises(ValidationError, match="a head of size 3 cannot be split in halves"):
        ModelShape(d_model=12, n_layers=1, n_heads=4)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="n_head"):
        ModelShape(d_model=12, n_layers=1, n_heads=2, n_head=2)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", FAMILIES)
def test_switches_name_a_family(name: str) -> None:
    assert _config(**FAMILIES[name]).family == name.split(",")[0]


@pytest.mark.parametrize(
    "switches",
    [
        {"qkv_bias": True},
        {"post_norms": True},
        {"qk_norm": False, "window": 4, "local_layers": (0,)},
        {**GPT2, "n_kv_heads": 2},
        {**GPT2, "head_dim": 16},
    ],
)
def test_switches_that_no_family_has_together_are_refused(switches: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="these switches together belong to no family"):
        _config(**switches)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"window": 4}, "window and local_layers belong together"),
        ({"local_layers": (0,)}, "window and local_layers belong together"),
        (
            {"window": 4, "local_layers": (0, 2)},
            r"local_layers \[0, 2\] are not ascending numbers below n_layers",
        ),
        ({"window": 4, "local_layers": (1, 0)}, r"local_layers \[1, 0\] are not ascending"),
        ({"local_rope_base": 100.0}, "local_rope_base is for local layers"),
        ({**GPT2, "rope_scaling": {"kind": "linear", "factor": 2}}, "learned positions have no RoPE"),
        ({"rope_scaling": {"kind": "yarn", "factor": 2}}, "kind yarn needs original_seq_len"),
        (
            {"rope_scaling": {"kind": "linear", "factor": 2, "low_freq_factor": 4}},
            r"low_freq_factor \(4\.0\) is not below",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config(**switches)


@pytest.mark.parametrize("field", ["rope_base", "norm_eps", "local_rope_base", "query_pre_attn_scalar"])
def test_infinite_settings_are_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        _config(**{field: float("inf")})


def test_the_feed_forward_width_is_eight_thirds_in_steps_of_64() -> None:
    assert default_d_ff(384) == 1024
    assert default_d_ff(256) == 704
    assert all(default_d_ff(width) % 64 == 0 for width in range(32, 512, 32))


def _config(**switches: Any) -> ModelConfig:
    sizes: dict[str, Any] = {
        "vocab_size": 300,
        "d_model": 32,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 2,
        "head_dim": 8,
        "d_ff": 64,
        "seq_len": 16,
    }
    return ModelConfig(**{**sizes, **switches})
