"""The way from the base to the tuned model: its ends to the bit, the line between them, and what is suggested."""

from __future__ import annotations

import copy

import pytest
import torch

from ontogeny.finetune.config_guards import Forgetting
from ontogeny.finetune.forgetting import Rise
from ontogeny.finetune.interpolation import Line, Point, curve_of, suggest
from ontogeny.finetune.methods import LastBlocks, Method, choose_trained
from ontogeny.model.config import ModelShape
from ontogeny.model.config_lora import Lora
from ontogeny.model.heads import add_head
from ontogeny.model.lora import merge
from ontogeny.model.transformer import Transformer
from ontogeny.statistics.intervals import Interval
from tests.random_weights import randomise

METHODS: list[Method] = [
    "full",
    LastBlocks(type="last-blocks", blocks=1),
    Lora(rank=2),
    Lora(rank=2, dora=True),
]


def base() -> Transformer:
    model = Transformer(ModelShape(d_model=16, n_layers=2, n_heads=2, d_ff=32, seq_len=32).resolve(40))
    randomise(model, 1)
    return model


def tuned(method: Method) -> Transformer:
    """What is trained of the base, moved."""
    model = base()
    choose_trained(model, method, seed=3)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def merged(model: Transformer) -> dict[str, torch.Tensor]:
    whole = copy.deepcopy(model)
    merge(whole)
    return {name: weight.detach() for name, weight in whole.named_parameters()}


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_ends_are_the_base_and_the_tuned_model_to_the_bit(method: Method) -> None:
    model = tuned(method)
    end, written = merged(model), {name: weight.clone() for name, weight in model.named_parameters()}
    line = Line(model, base)
    line.put(0.3)
    line.put(0.0)
    start = merged(base())
    assert all(torch.equal(weight, start[name]) for name, weight in merged(model).items())
    line.put(1.0)
    assert all(torch.equal(weight, end[name]) for name, weight in merged(model).items())
    assert all(torch.equal(weight, written[name]) for name, weight in model.named_parameters())


@pytest.mark.parametrize("method", METHODS[:3], ids=str)
def test_between_them_lies_a_line(method: Method) -> None:
    model = tuned(method)
    start, end = merged(base()), merged(model)
    Line(model, base).put(0.25)
    for name, weight in merged(model).items():
        torch.testing.assert_close(weight, 0.75 * start[name] + 0.25 * end[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_head_stays_as_it_was_trained(method: Method) -> None:
    model = tuned(method)
    head = add_head(model, classes=3, kind="single")
    randomise(head, 2)
    before = head.weight.clone()
    Line(model, base).put(0.0)
    assert torch.equal(head.weight, before)


def point(alpha: float, loss: float, share: float, above: float = 0.01) -> Point:
    rise = Rise(1.0, 1 + share, share, Interval(share - above, share + above), 30)
    return Point(alpha, loss, None, rise)


CURVE = [point(0, 3.0, 0.0, 0.0), point(0.25, 2.2, 0.01), point(0.5, 2.0, 0.03), point(1, 1.9, 0.2)]


def test_with_a_gate_the_best_of_those_that_it_passes() -> None:
    assert suggest(CURVE, Forgetting(margin=0.05))[0] == 0.5  # 0.03 + 0.01 is within it
    assert suggest(CURVE, Forgetting(margin=0.03))[0] == 0.25
    assert suggest(CURVE, Forgetting(margin=0.0))[0] == 0
    assert suggest(CURVE, Forgetting(margin=1.0))[0] == 1


def test_without_one_the_knee() -> None:
    alpha, rule = suggest(CURVE, None)
    # Shares of gain less shares of cost: 0, 0.727 - 0.05, 0.909 - 0.15, 1 - 1.
    assert (alpha, rule) == (0.5, "the knee of the curve")


def test_where_nothing_was_forgotten_or_gained() -> None:
    better = [point(0, 3.0, 0.0), point(0.5, 2.0, -0.01), point(1, 2.1, -0.02)]
    assert suggest(better, None)[0] == 0.5
    worse = [point(0, 3.0, 0.0), point(0.5, 3.1, 0.01), point(1, 3.2, 0.02)]
    assert suggest(worse, None)[0] == 0


def test_what_is_taken() -> None:
    assert curve_of(CURVE, None, "suggested").taken == 0.5
    curve = curve_of(CURVE, None, 1.0)
    assert (curve.taken, curve.suggested) == (1.0, 0.5)
    assert curve.words.startswith(
        "Suggested: 0.5 of the way, the knee of the curve. There: held-out loss 2.0000"
    )
    assert [row["alpha"] for row in curve.figures()["interpolation"]] == [0, 0.25, 0.5, 1]
