"""Types and the measured rate."""

from __future__ import annotations

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.train.precision import matmul_flops_per_second, resolve_dtype


@pytest.mark.parametrize(
    ("wanted", "device", "dtype"),
    [
        ("auto", "cpu", torch.float32),
        ("auto", "cuda", torch.bfloat16),
        ("float32", "cpu", torch.float32),
        ("float32", "cuda", torch.float32),
        ("bfloat16", "cuda", torch.bfloat16),
    ],
)
def test_dtype(wanted: str, device: str, dtype: torch.dtype) -> None:
    assert resolve_dtype(wanted, device) == dtype


def test_bfloat16_on_a_cpu_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="without native support it is about 50 times slower") as caught:
        resolve_dtype("bfloat16", "cpu")
    assert caught.value.hint == "leave `train.dtype` out, or train with --device cuda"


def test_the_rate_is_one_a_computer_can_have() -> None:
    assert 1e8 < matmul_flops_per_second("cpu", torch.float32) < 1e16
