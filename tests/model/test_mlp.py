"""The gated layer in pieces: outputs and gradients as autograd has them from the formula, whatever is trained."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.model import mlp as module
from ontogeny.model.amx import rounding
from ontogeny.model.config import ModelShape
from ontogeny.model.mlp import ACTIVATIONS, MLP
from ontogeny.model.norm import RMSNorm

C, WIDE = 12, 20


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_STATES", 4)


def layer(activation: str = "silu") -> MLP:
    torch.manual_seed(3)
    shape = ModelShape(d_model=C, n_layers=1, n_heads=2, d_ff=WIDE)
    return MLP(shape.resolve(16).model_copy(update={"activation": activation})).double()


def norm() -> RMSNorm:
    made = RMSNorm(C, 1e-6).double()
    torch.nn.init.normal_(made.weight)
    return made


def by_the_formula(mlp: MLP, x: Tensor, before: RMSNorm, activation: str) -> Tensor:
    assert mlp.gate_proj is not None
    x = before(x)
    bent = F.silu if activation == "silu" else lambda wide: F.gelu(wide, approximate="tanh")
    gate, up, down = (each.weight for each in (mlp.gate_proj, mlp.up_proj, mlp.down_proj))
    return F.linear(bent(F.linear(x, gate)) * F.linear(x, up), down)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", [(1, 1), (2, 4), (3, 5)])  # below, at and beyond whole pieces
def test_as_the_formula_has_it(activation: str, rows: tuple[int, int]) -> None:
    mlp, before = layer(activation), norm()
    gradients = []
    x = torch.randn(*rows, C, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(*rows, C, dtype=torch.float64)
    for out in (mlp(x, before), by_the_formula(mlp, x, before, activation)):
        learnt = [x, before.weight, *mlp.parameters()]
        gradients.append((out, *torch.autograd.grad((out * weights).sum(), learnt)))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(mlp(x, before), gradients[1][0].detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("trained", list(product([True, False], repeat=5))[:-1])
def test_only_what_is_trained_gets_a_gradient(trained: tuple[bool, ...]) -> None:
    mlp, before = layer(), norm()
    x = torch.randn(2, 5, C, dtype=torch.float64)
    tensors = [x, before.weight, *mlp.parameters()]
    for tensor, wanted in zip(tensors, trained, strict=True):
        tensor.requires_grad_(wanted)
    mlp(x, before).sum().backward()
    expected = torch.autograd.grad(
        by_the_formula(mlp, x, before, "silu").sum(), [tensor for tensor in tensors if tensor.requires_grad]
    )
    found = [tensor.grad for tensor in tensors if tensor.grad is not None]
    assert [tensor.grad is not None for tensor in tensors] == list(trained)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_two_wide_tensors_and_the_input_are_kept() -> None:
    mlp = layer()
    x = torch.randn(2, 5, C, dtype=torch.float64, requires_grad=True)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        mlp(x, norm())
    assert [tensor is x for tensor in kept if tensor.numel() == x.numel()] == [True]
    assert [tuple(each.shape) for each in kept if len(each) == 10].count((10, WIDE)) == 2


def test_where_products_are_rounded_wide_states_are_kept_in_half() -> None:
    mlp, before = layer().float(), norm().float()
    x = torch.randn(2, 5, C, requires_grad=True)
    learnt = [x, before.weight, *mlp.parameters()]
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with rounding(True), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = mlp(x, before)
        rounded = (out, *torch.autograd.grad(out.sum(), learnt))
    assert [each.dtype for each in kept if each.shape == (10, WIDE)] == [torch.bfloat16] * 2
    exact = mlp(x, before)
    for ours, theirs in zip(rounded, (exact, *torch.autograd.grad(exact.sum(), learnt)), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.03 * float(theirs.detach().abs().max()))
