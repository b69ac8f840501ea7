"""Types and the measured rate."""

from __future__ import annotations

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.model import amx
from ontogeny.model.amx import has_amx, is_rounding
from ontogeny.train import precision
from ontogeny.train.precision import (
    faster_dtype,
    matmul_flops_per_second,
    products_in,
    resolve_dtype,
    rounded_on_cpu,
)


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


def test_bfloat16_on_a_cpu_that_is_slow_in_it_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(amx, "has_amx", lambda: True)
    assert resolve_dtype("bfloat16", "cpu") == torch.bfloat16
    monkeypatch.setattr(amx, "has_amx", lambda: False)
    with pytest.raises(UsageError, match=r"without matrix tiles \(AMX\) its products are slower") as caught:
        resolve_dtype("bfloat16", "cpu")
    assert caught.value.hint == "leave `train.dtype` out, or train with --device cuda"


def test_the_rate_is_one_a_computer_can_have() -> None:
    assert 1e8 < matmul_flops_per_second("cpu", torch.float32) < 1e16


@pytest.mark.skipif(not has_amx(), reason="this processor has no matrix tiles")
def test_the_rate_is_that_of_the_type() -> None:
    assert matmul_flops_per_second("cpu", torch.bfloat16) > 1.5 * matmul_flops_per_second(
        "cpu", torch.float32
    )


def test_on_a_cpu_products_are_rounded_and_tensors_are_not() -> None:
    a = torch.randn(4, 4)
    for context in (products_in, rounded_on_cpu):
        with context(torch.bfloat16, "cpu"):
            assert is_rounding()
            assert (a @ a).dtype == torch.float32
        with context(torch.float32, "cpu"):
            assert not is_rounding()
    with rounded_on_cpu(torch.bfloat16, "cuda"):
        assert not is_rounding()


def test_a_faster_type_is_told_of_where_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_amx", lambda: True)
    told = faster_dtype("auto", "cpu")
    assert told is not None and "`train.dtype: bfloat16`" in told
    assert faster_dtype("float32", "cpu") is faster_dtype("auto", "cuda") is None
    monkeypatch.setattr(precision, "has_amx", lambda: False)
    assert faster_dtype("auto", "cpu") is None
