from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ontogeny.model.norm import rms_norm

EPS = 1e-6


def reference(x: Tensor, weight: Tensor) -> Tensor:
    """Equation 4 of arXiv 1910.07467."""
    return x / (x.pow(2).mean(-1, keepdim=True) + EPS).sqrt() * weight


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8), (2, 3, 4, 8)])
def test_values_and_gradients_are_those_of_the_definition(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, d_out = (torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    weight = torch.rand(8, dtype=torch.float64, generator=generator)
    results = []
    for function in (reference, lambda x, weight: rms_norm(x, weight, EPS)):
        inputs = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
        out = function(*inputs)
        results.append([out, *torch.autograd.grad(out, inputs, d_out)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_pass_the_numerical_check() -> None:
    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, weight: rms_norm(x, weight, EPS), (x, weight))


def test_a_gradient_that_is_not_contiguous_is_taken() -> None:
    x = torch.randn(6, 4, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.ones(8, dtype=torch.float64)
    d_out = torch.randn(4, 6, 8, dtype=torch.float64).transpose(0, 1)
    (ours,) = torch.autograd.grad(rms_norm(x, weight, EPS), x, d_out)
    (theirs,) = torch.autograd.grad(reference(x, weight), x, d_out)
    torch.testing.assert_close(ours, theirs)
