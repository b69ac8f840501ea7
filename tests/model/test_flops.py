from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ontogeny.model.flops import flops_per_token, forward_flops_per_token, matmul_weights, parameter_count
from tests.model.conftest import Make

SWITCHES = [{}, {"tie_embeddings": False}, {"qk_norm": False, "qkv_bias": True}]


@pytest.mark.parametrize("switches", SWITCHES)
def test_parameters_are_those_that_the_model_has(make: Make, switches: dict[str, bool]) -> None:
    model = make(**switches)
    assert parameter_count(model.config) == sum(parameter.numel() for parameter in model.parameters())


def test_operations_are_those_that_torch_counts(make: Make, idx: torch.Tensor) -> None:
    model = make(n_kv_heads=4)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(idx)
    # torch's counter leaves out the attention kernel of the CPU.
    assert counter.get_total_flops() == 2 * matmul_weights(model.config) * idx.numel()
    attention = (
        4 * 2 * 40 * 32
    )  # 2 layers; queries with keys, then weights with values; 40 tokens of width 32
    assert forward_flops_per_token(model.config, 40) == 2 * matmul_weights(model.config) + attention
    assert flops_per_token(model.config, 40) == 3 * forward_flops_per_token(model.config, 40)
