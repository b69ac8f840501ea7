"""Muon against a slow, obvious one; its iteration against singular values; who gets which optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.model.amx import rounding
from ontogeny.model.transformer import Transformer
from ontogeny.train.config_optimizer import MuonConfig
from ontogeny.train.optim import Optimizer, sort_weights
from ontogeny.train.optim.group import Group
from ontogeny.train.optim.muon import QUINTIC, Muon, orthogonalise


def slow_orthogonalise(matrix: Tensor, steps: int) -> Tensor:
    """The quintic applied to the singular values themselves."""
    a, b, c = QUINTIC
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / values.norm()
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    return left @ torch.diag(values) @ right


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("shape", [(8, 8), (11, 8), (24, 8), (8, 24), (1, 5)])
def test_orthogonalise_moves_only_the_singular_values(shape: tuple[int, int], steps: int) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    found = orthogonalise(matrices, steps=steps)
    for matrix, result in zip(matrices, found, strict=True):
        torch.testing.assert_close(result.double(), slow_orthogonalise(matrix, steps), atol=1e-4, rtol=1e-4)


def test_a_matrix_of_low_rank_stays_one() -> None:
    """As the gradients of a first step are, where output projections begin at zero."""
    generator = torch.Generator().manual_seed(4)
    left, right = torch.randn(2, 48, 3, generator=generator), torch.randn(2, 3, 128, generator=generator)
    found = orthogonalise(left @ right, steps=5)
    for matrix, result in zip(left @ right, found, strict=True):
        assert int(torch.linalg.matrix_rank(result, rtol=1e-3)) == 3
        torch.testing.assert_close(result.double(), slow_orthogonalise(matrix, 5), atol=1e-3, rtol=1e-3)


def test_orthogonalise_brings_singular_values_near_one() -> None:
    matrices = torch.randn(4, 32, 64, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonalise(matrices, steps=5))
    assert 0.65 < float(values.min()) <= float(values.max()) < 1.25


def test_lower_precision_is_for_the_iteration_alone() -> None:
    """As on CUDA: the products are in bfloat16, what comes out is not, and singular values end near one still."""
    matrices = torch.randn(2, 32, 64, generator=torch.Generator().manual_seed(2))
    with rounding(True):
        found = orthogonalise(matrices, steps=5)
        assert orthogonalise(matrices.double(), steps=5).dtype == torch.float64
    assert found.dtype == torch.float32
    assert torch.equal(found, found.bfloat16().float())
    values = torch.linalg.svdvals(found)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3


def test_a_zero_gradient_moves_nothing() -> None:
    assert orthogonalise(torch.zeros(2, 3, 4), steps=5).abs().max() == 0


@pytest.mark.parametrize("cautious", [False, True])
def test_against_a_slow_one(cautious: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = [(6, 4), (4, 6), (6, 4), (5, 5)]
    weights = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    expected = [weight.detach().double().clone() for weight in weights]
    momenta = [torch.zeros_like(weight) for weight in expected]
    group = Group(weights, lr=0.1, weight_decay=0.2)
    optimizer = Muon(group, momentum=0.9, newton_schulz_steps=5, cautious=cautious)
    for _ in range(3):
        for i, weight in enumerate(weights):
            gradient = torch.randn(weight.shape, generator=generator)
            weight.grad = gradient.clone()
            momenta[i] = 0.9 * momenta[i] + 0.1 * gradient.double()
            update = slow_orthogonalise(0.1 * gradient.double() + 0.9 * momenta[i], 5)
            rows, columns = weight.shape
            decays = (update * expected[i] >= 0) if cautious else torch.ones_like(update)
            expected[i] = (1 - 0.1 * 0.2 * decays) * expected[i]
            expected[i] -= 0.1 * 0.2 * math.sqrt(max(rows, columns)) * update
        optimizer.step()
    for weight, value in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.double(), value, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tie_embeddings", [False, True])
def test_every_weight_has_one_optimizer(make_model: Callable[..., Transformer], tie_embeddings: bool) -> None:
    model = make_model(tie_embeddings=tie_embeddings)
    weights = sort_weights(model)
    assert len(weights.embeddings) == (1 if tie_embeddings else 2)
    assert all(weight.ndim == 2 for weight in weights.matrices)
    assert all(weight.ndim == 1 for weight in weights.gains)
    optimizer = Optimizer(model, MuonConfig(type="muon"))
    assert len(optimizer.parameters) == len(list(model.parameters()))
    assert set(optimizer.parameters) == set(model.parameters())


def test_the_embedding_has_a_rate_of_its_own(make_model: Callable[..., Transformer]) -> None:
    """AdamW's first step is its rate, whatever the gradient."""
    model = make_model(tie_embeddings=False)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = Optimizer(model, MuonConfig(type="muon", adam_lr=0.01, embedding_lr=0.03))
    assert set(optimizer.parameters) == set(model.parameters())
    optimizer.set_lr(0.5)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        rate = {"embed_tokens.weight": 0.015, "lm_head.weight": 0.005, "norm.weight": 0.005}.get(name)
        if rate is not None:
            torch.testing.assert_close(before[name] - parameter, torch.full_like(parameter, rate))


def test_a_rate_for_an_embedding_that_is_the_head_is_refused(make_model: Callable[..., Transformer]) -> None:
    with pytest.raises(UsageError, match="`embedding_lr` has no effect") as caught:
        Optimizer(make_model(tie_embeddings=True), MuonConfig(type="muon", embedding_lr=0.03))
    assert caught.value.hint == "give `adam_lr`, which is that of both"


def test_state_comes_back(make_model: Callable[..., Transformer]) -> None:
    """An optimizer that took its state back moves the weights to the same bits."""
    results = []
    for interrupted in (False, True):
        model = make_model()
        optimizer = Optimizer(model, MuonConfig(type="muon"))
        generator = torch.Generator().manual_seed(5)
        for step in range(4):
            if interrupted and step == 2:
                state = {name: value.clone() for name, value in optimizer.state().items()}
                optimizer = Optimizer(model, MuonConfig(type="muon"))
                optimizer.load_state(state)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.step()
        results.append([parameter.detach().clone() for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
