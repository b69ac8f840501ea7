"""The switch of the process, and what it does where there are tiles."""

from __future__ import annotations

import pytest
import torch

from ontogeny.model.amx import has_amx, is_rounding, rounding


def test_it_holds_within_and_no_longer() -> None:
    before = torch.get_float32_matmul_precision()
    with rounding(True):
        assert is_rounding()
        with rounding(False):
            assert not is_rounding()
        assert is_rounding()
        with pytest.raises(ZeroDivisionError), rounding(False):
            raise ZeroDivisionError
        assert is_rounding()
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.skipif(not has_amx(), reason="this processor has no matrix tiles")
def test_products_are_those_of_rounded_factors_summed_in_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=generator) for _ in range(2))
    expected = (a.bfloat16().double() @ b.bfloat16().double()).float()
    with rounding(True):
        found = a @ b
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    with rounding(False):
        torch.testing.assert_close(a @ b, (a.double() @ b.double()).float(), rtol=1e-4, atol=1e-4)
