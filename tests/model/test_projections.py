from __future__ import annotations

import torch
from torch import nn

from ontogeny.model.projections import are_plain, project


def test_values_and_gradients_are_those_of_the_layers_one_by_one() -> None:
    layers = [nn.Linear(6, size, bias=False).double() for size in (4, 5, 3)]
    x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    inputs = [x, *(layer.weight for layer in layers)]
    together = project(x, layers)
    apart = [layer(x) for layer in layers]
    weights = [torch.randn_like(out) for out in together]
    ours = torch.autograd.grad(sum((out * w).sum() for out, w in zip(together, weights, strict=True)), inputs)
    theirs = torch.autograd.grad(sum((out * w).sum() for out, w in zip(apart, weights, strict=True)), inputs)
    for one, other in zip([*together, *ours], [*apart, *theirs], strict=True):
        torch.testing.assert_close(one, other)


def test_frozen_weights_get_no_gradient() -> None:
    frozen, free = nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)
    frozen.requires_grad_(requires_grad=False)
    first, second = project(torch.randn(2, 3, 6), [frozen, free])
    (first.sum() + second.sum()).backward()
    assert frozen.weight.grad is None
    assert free.weight.grad is not None


def test_a_layer_with_a_bias_or_around_another_is_called_as_it_is() -> None:
    plain, biased = nn.Linear(6, 4, bias=False), nn.Linear(6, 4)
    wrapped = nn.Sequential(plain)
    assert are_plain([plain])
    assert not are_plain([plain, biased])
    assert not are_plain([plain, wrapped])
    x = torch.randn(2, 3, 6)
    torch.testing.assert_close(project(x, [plain, biased])[1], biased(x))
