"""Heads: against obvious versions of the same, and that padding and neighbours do not matter."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import ModelShape
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.heads import (
    HEAD_FILE,
    ClassHead,
    add_head,
    class_logits,
    class_loss,
    fill_head,
    head_of,
    save_head,
    without_head,
)
from ontogeny.model.transformer import Transformer
from tests.random_weights import randomise

KINDS: tuple[HeadKind, ...] = ("single", "multi-label", "ordinal")


def model_with_head(kind: HeadKind = "single", classes: int = 4) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=2, n_heads=2, d_ff=24, seq_len=12)
    model = Transformer(shape.resolve(61))
    add_head(model, classes=classes, kind=kind)
    randomise(model, 3)
    return model


def test_a_new_head_finds_every_class_equally_likely() -> None:
    states = torch.randn(5, 16)
    assert ClassHead(16, 4, "single")(states).softmax(1).allclose(torch.full((5, 4), 0.25))
    assert ClassHead(16, 4, "ordinal")(states).exp().allclose(torch.full((5, 4), 0.25), atol=1e-6)
    assert ClassHead(16, 4, "multi-label")(states).sigmoid().allclose(torch.full((5, 4), 0.5))


def test_ordinal_probabilities_are_differences_of_cumulative_ones() -> None:
    head = ClassHead(16, 5, "ordinal").double()
    randomise(head, 1, std=1.0)
    states = torch.randn(7, 16, dtype=torch.float64)
    logs = head(states)
    steps = torch.cat([head.bias[:1], torch.nn.functional.softplus(head.bias[1:])])
    thresholds = steps.cumsum(0)
    below = torch.sigmoid(thresholds - states @ head.weight.T)  # P(y <= k)
    edges = torch.cat([torch.zeros(7, 1), below, torch.ones(7, 1)], dim=1)
    assert logs.exp().allclose(edges.diff(dim=1), atol=1e-12)
    assert logs.exp().sum(1).allclose(torch.ones(7, dtype=torch.float64))


def test_ordinal_logs_are_finite_far_out() -> None:
    head = ClassHead(1, 4, "ordinal")
    with torch.no_grad():
        head.weight.fill_(1.0)
    logs = head(torch.tensor([[-80.0], [0.0], [80.0]]))
    assert torch.isfinite(logs).all()
    assert logs.argmax(1).tolist()[::2] == [0, 3]


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0, 3.0])])
def test_losses_are_those_of_the_definitions(weights: torch.Tensor | None) -> None:
    logits, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 3, 1])
    one = -logits.log_softmax(1)[torch.arange(6), targets] * (1 if weights is None else weights[targets])
    assert class_loss(logits, targets, kind="single", weights=weights).allclose(one, atol=1e-6)
    sets = torch.randint(0, 2, (6, 4))
    there, away = logits.sigmoid().log(), (-logits).sigmoid().log()
    several = -(sets * there * (1 if weights is None else weights) + (1 - sets) * away).sum(1)
    assert class_loss(logits, sets, kind="multi-label", weights=weights).allclose(several, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_token_is_read_wherever_it_stands(kind: HeadKind) -> None:
    model = model_with_head(kind)
    texts = [torch.randint(0, 61, (length,)) for length in (1, 12, 5, 7)]
    alone = torch.cat([class_logits(model, text[None], torch.tensor([len(text) - 1])) for text in texts])
    for padding in (0, 60):
        idx = torch.full((4, 12), padding)
        for row, text in enumerate(texts):
            idx[row, : len(text)] = text
        last = torch.tensor([row * 12 + len(text) - 1 for row, text in enumerate(texts)])
        assert class_logits(model, idx, last).allclose(alone, atol=1e-5)
    documents = torch.cat([torch.full((len(text),), row) for row, text in enumerate(texts)])[None]
    ends = torch.tensor([len(text) for text in texts]).cumsum(0) - 1
    laid = class_logits(model, torch.cat(texts)[None], ends, documents=documents)
    assert laid.allclose(alone, atol=1e-5)


def test_without_its_head_a_model_is_the_plain_one() -> None:
    model = model_with_head()
    head = head_of(model)
    with without_head(model):
        assert not [name for name in model.state_dict() if "score" in name]
    assert head_of(model) is head


@pytest.mark.parametrize("kind", KINDS)
def test_out_and_in(tmp_path: Path, kind: HeadKind) -> None:
    head, other = head_of(model_with_head(kind)), head_of(model_with_head(kind))
    save_head(head, tmp_path)
    torch.nn.init.zeros_(other.weight)
    fill_head(other, tmp_path)
    assert torch.equal(head.weight, other.weight)
    assert torch.equal(head.bias, other.bias)


def test_nothing_to_choose() -> None:
    model = Transformer(ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=24, seq_len=12).resolve(61))
    with pytest.raises(ValueError, match="1 classes: there is nothing to choose"):
        add_head(model, classes=1, kind="single")


def test_a_damaged_head(tmp_path: Path) -> None:
    head = ClassHead(16, 4, "single")
    with pytest.raises(ModelFormatError, match="the head cannot be read"):
        fill_head(head, tmp_path)
    save_head(ClassHead(16, 3, "single"), tmp_path)
    with pytest.raises(ModelFormatError, match="expected finite tensors") as caught:
        fill_head(head, tmp_path)
    assert caught.value.where == str(tmp_path / HEAD_FILE)
    spoilt = {f"score.{name}": weight.detach() / 0 for name, weight in head.named_parameters()}
    save_file(spoilt, tmp_path / HEAD_FILE)
    with pytest.raises(ModelFormatError, match="expected finite tensors"):
        fill_head(head, tmp_path)
