from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ontogeny.model.flops import flops_per_token, forward_flops_per_token, matmul_weights, parameter_count
from tests.model.conftest import FAMILIES, GPT2, Make


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_are_those_that_the_model_has(make: Make, name: str) -> None:
    model = make(**FAMILIES[name])
    assert parameter_count(model.config) == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("switches", [{"n_kv_heads": 4}, GPT2])
def test_operations_are_those_that_torch_counts(
    make: Make, idx: torch.Tensor, switches: dict[str, Any]
) -> None:
    model = make(**switches)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(idx)
    # torch's counter leaves out the attention kernel of the CPU.
    assert counter.get_total_flops() == 2 * matmul_weights(model.config) * idx.numel()
    attention = (
        4 * 2 * 40 * 32
    )  # 2 layers; queries with keys, then weights with values; 40 tokens of width 32
    assert forward_flops_per_token(model.config, 40) == 2 * matmul_weights(model.config) + attention
    assert flops_per_token(model.config, 40) == 3 * forward_flops_per_token(model.config, 40)


def test_a_local_layer_multiplies_within_its_window(make: Make) -> None:
    whole = make(qk_norm=False).config
    local = make(qk_norm=False, qkv_bias=True, window=10, local_layers=(1,)).config
    per_token = 4 * 32  # queries with keys, then weights with values; a multiplication and an addition each
    assert forward_flops_per_token(whole, 40) - forward_flops_per_token(local, 40) == 30 * per_token
    assert forward_flops_per_token(whole, 8) == forward_flops_per_token(local, 8)
