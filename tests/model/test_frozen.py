"""Adapters over a base in codes: those of a model that has the numbers of the codes for weights, on every path."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ontogeny.model.config_lora import Lora
from ontogeny.model.frozen import FrozenLinear
from ontogeny.model.lora import AdaptedLinear, adapters, attach, frozen_layers, merge, weight_count
from ontogeny.model.quantised_kinds import QuantisedForm
from ontogeny.model.transformer import Transformer
from tests.model.test_lora import FAMILIES, LLAMA, QWEN3, VARIANTS, gradients, loss_of, made, tokens
from tests.random_weights import randomise

FORMS: tuple[QuantisedForm, ...] = ("int8", "nf4")


def in_codes(model: Transformer, form: QuantisedForm) -> Transformer:
    """`model` with all matrices of its layers in codes."""
    for layer in frozen_layers(model).values():
        layer.keep_in(form)
    return model


def in_numbers(model: Transformer) -> Transformer:
    """The same, sharing its adapters, with the numbers that codes mean for weights."""
    shared = {id(weight): weight for weight in model.parameters() if weight.requires_grad}
    plain = copy.deepcopy(model, shared)
    for layer in frozen_layers(plain).values():
        layer.give_back(layer.base.whole())
    return plain


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_and_gradients_are_those_over_the_numbers(
    family: str, variant: str, form: QuantisedForm
) -> None:
    model = in_codes(made(FAMILIES[family], VARIANTS[variant]), form)
    plain, idx = in_numbers(model), tokens()
    torch.testing.assert_close(model(idx), plain(idx), rtol=0, atol=1e-10)
    found, expected = gradients(model, idx), gradients(plain, idx)
    assert len(found) > 0
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_with_dropout_too(form: QuantisedForm) -> None:
    model = in_codes(made(LLAMA, Lora(rank=4, dropout=0.5)), form)
    plain = in_numbers(model)
    (dropout,) = {layer.dropout for layer in adapters(model).values()}
    assert dropout is not None
    found = []
    for each in (model, plain):
        dropout.restore({}, 3)
        found.append(gradients(each, tokens()))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_micro_batches_add_up(form: QuantisedForm) -> None:
    model, idx = in_codes(made(QWEN3, Lora(rank=4)), form), tokens(4)
    halves = [gradients(model, part) for part in idx.chunk(2)]
    for both, one, other in zip(gradients(model, idx), *halves, strict=True):
        torch.testing.assert_close(one + other, both, rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", ["lora", "dora", "some"])
@pytest.mark.parametrize("family", ["qwen3", "llama, biases"])
def test_no_matrix_is_kept_as_numbers(family: str, variant: str) -> None:
    model = in_codes(made(FAMILIES[family], VARIANTS[variant]), "nf4")
    shapes = {(layer.out_features, layer.in_features) for layer in frozen_layers(model).values()}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(model, tokens())
    wide = [tensor for tensor in kept if tensor.is_floating_point() and tuple(tensor.shape) in shapes]
    assert kept
    assert wide == []


@pytest.mark.parametrize("settings", [Lora(rank=2), Lora(rank=2, dora=True)])
def test_products_in_half_precision_as_on_a_gpu(settings: Lora) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 32, generator=generator).requires_grad_()
    adapted = AdaptedLinear(nn.Linear(32, 16), settings, seed=1)  # a bias: not the way made for a CPU
    nn.init.normal_(adapted.lora_B, std=0.3, generator=generator)
    adapted.keep_in("nf4")
    sought = [x, adapted.lora_A, adapted.lora_B]
    exact = torch.autograd.grad(adapted(x).square().sum(), sought)
    with torch.autocast("cpu", torch.bfloat16):
        out = adapted(x)
    for ours, theirs in zip(torch.autograd.grad(out.float().square().sum(), sought), exact, strict=True):
        assert ours.dtype == torch.float32
        assert float((ours - theirs).norm()) < 0.02 * float(theirs.norm())


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_counted_as_such(form: QuantisedForm) -> None:
    model = made(QWEN3, Lora(rank=2, targets=("q_proj",)))
    count = sum(weight.numel() for weight in model.parameters())
    assert weight_count(model) == count
    in_codes(model, form)
    assert weight_count(model) == count != sum(weight.numel() for weight in model.parameters())
    assert weight_count(Transformer(QWEN3)) == sum(
        weight.numel() for weight in Transformer(QWEN3).parameters()
    )


def test_codes_are_not_merged_into() -> None:
    with pytest.raises(AssertionError, match="rounding would eat the adapter"):
        merge(in_codes(made(QWEN3, Lora(rank=2)), "int8"))


def test_a_weight_in_half_precision_is_float32_for_a_product() -> None:
    exact = Transformer(LLAMA)
    randomise(exact, 1)
    with torch.no_grad():
        for weight in exact.parameters():
            weight.copy_(weight.bfloat16())
    stored = copy.deepcopy(exact)
    for name, layer in list(stored.named_modules()):
        if isinstance(layer, nn.Linear) and name.startswith("layers."):
            half = nn.Parameter(layer.weight.detach().bfloat16(), requires_grad=False)
            stored.set_submodule(name, FrozenLinear(half, layer.bias))
    for model in (exact, stored):
        attach(model, Lora(rank=2), seed=1)
        for adapter in adapters(model).values():
            nn.init.constant_(adapter.lora_B, 0.1)
    torch.testing.assert_close(stored(tokens()), exact(tokens()), rtol=0, atol=1e-6)
    for ours, theirs in zip(gradients(stored, tokens()), gradients(exact, tokens()), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
