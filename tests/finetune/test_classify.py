"""Training a classifier: micro-batches, resume, frozen parts, padding, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune import classify
from ontogeny.finetune.classify import (
    Classifying,
    balanced_weights,
    logits_of,
    plan_classifying,
    train_classifier,
)
from ontogeny.model.config import ModelShape
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.heads import add_head, class_loss, head_of
from ontogeny.model.transformer import Transformer
from ontogeny.train import training
from ontogeny.train.batches import Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.objective import add_gradients
from tests.finetune.stop_after import StoppedError, stop_after
from tests.random_weights import randomise

SEQ_LEN, CLASSES, VOCAB = 24, 3, 61
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_rows": 8,
    "micro_batch_rows": 4,
    "optimizer": {"lr": 0.02},
    "schedule": {"warmup_steps": 2},
    "eval_every": 5,
    "checkpoint_seconds": 0,
}
KINDS: tuple[HeadKind, ...] = ("single", "multi-label", "ordinal")


def make_model(kind: HeadKind = "single", *, seed: int = 1) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=2, n_heads=2, d_ff=32, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(VOCAB))
    randomise(model, seed)
    add_head(model, classes=CLASSES, kind=kind)
    return model


def make_rows(kind: HeadKind, count: int = 60) -> tuple[list[list[int]], np.ndarray]:
    """Rows of 1 to SEQ_LEN tokens; which of three tokens stands somewhere in a row is its class."""
    generator = np.random.default_rng(3)
    rows, gold = [], []
    for _ in range(count):
        row = generator.integers(CLASSES, VOCAB, generator.integers(1, SEQ_LEN + 1)).tolist()
        label = int(generator.integers(CLASSES))
        row[int(generator.integers(len(row)))] = label
        rows.append(row)
        gold.append(label)
    several = kind == "multi-label"
    return rows, np.array([[int(t in row) for t in range(CLASSES)] for row in rows] if several else gold)


def make_plan(kind: HeadKind = "single", *, weights: Any = None, **change: Any) -> Classifying:
    rows, gold = make_rows(kind)
    ids = [f"{number:032x}" for number in range(len(rows))]
    config = TrainConfig.model_validate({**SETTINGS, **change})
    return plan_classifying(
        (ids[:44], rows[:44], gold[:44]),
        (ids[44:], rows[44:], gold[44:]),
        kind=kind,
        weights=weights,
        config=config,
        seq_len=SEQ_LEN,
        seed=1,
    )


def make_batches(plan: Classifying, rows_at_once: int, *, end_to_end: bool) -> Batches:
    return Batches(
        plan.plan, plan.rows, micro_batch_rows=rows_at_once, masked=plan.rows, end_to_end=end_to_end
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end_to_end", [True, False])
def test_micro_batches_equal_one(kind: HeadKind, *, end_to_end: bool) -> None:
    plan = make_plan(kind, weights=np.array([0.5, 1.0, 2.0]))
    found: list[tuple[float, list[Tensor]]] = []
    for rows_at_once in (8, 4, 1):
        model = make_model(kind).double()
        randomise(head_of(model), 4)
        batches = make_batches(plan, rows_at_once, end_to_end=end_to_end).micro_batches(0)
        assert len(batches) == 8 // rows_at_once
        loss = add_gradients(model, batches, plan.objective, count=8, dtype=torch.float32)
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        found.append((float(loss), gradients))
    for loss, gradients in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-10)
        for one, other in zip(found[0][1], gradients, strict=True):
            assert torch.allclose(one, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_over_texts_alone(kind: HeadKind) -> None:
    plan, model = make_plan(kind), make_model(kind)
    randomise(head_of(model), 4)
    rows, gold = make_rows(kind)
    losses = class_loss(
        torch.from_numpy(logits_of(model, rows[44:], tokens_at_once=1)),
        torch.from_numpy(gold[44:]),
        kind=kind,
    )
    assert plan.held_out_loss(model) == pytest.approx(float(losses.mean()), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(tmp_path: Path, kind: HeadKind) -> None:
    plan, model = make_plan(kind, epochs=25, checkpoint_seconds=60), make_model(kind)
    rows, gold = make_rows(kind)
    trained = train_classifier(model, plan, folder=tmp_path, progress=QuietProgress())
    logits = logits_of(model, rows[:44])
    right = (logits > 0) == gold[:44] if kind == "multi-label" else logits.argmax(1) == gold[:44]
    assert right.mean() > 0.9
    assert trained.figures["supervised_tokens_per_second"] < trained.figures["tokens_per_second"]


def test_neither_neighbours_nor_padding_matter() -> None:
    model = make_model()
    randomise(head_of(model), 4)
    rows, _ = make_rows("single")
    alone = np.concatenate([logits_of(model, [row]) for row in rows])
    for tokens_at_once in (1, 50, 10_000):
        assert np.abs(logits_of(model, rows, tokens_at_once=tokens_at_once) - alone).max() < 1e-5
    backwards = logits_of(model, rows[::-1])[::-1]
    assert np.abs(backwards - alone).max() < 1e-5


def test_stopped_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)
    plan, whole = make_plan(), make_model()
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    train_classifier(whole, plan, folder=tmp_path / "whole", progress=QuietProgress())
    for calls in (5, 13, 21):
        with monkeypatch.context() as patch:
            patch.setattr(classify, "class_loss", stop_after(calls, classify.class_loss))
            with pytest.raises(StoppedError):
                train_classifier(make_model(), plan, folder=tmp_path / "broken", progress=QuietProgress())
    resumed = make_model()
    train_classifier(resumed, plan, folder=tmp_path / "broken", progress=QuietProgress())
    pairs = zip(whole.parameters(), resumed.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_what_is_frozen_stays_and_costs_no_gradient(tmp_path: Path) -> None:
    plan, model = make_plan(), make_model()
    model.requires_grad_(requires_grad=False)
    for part in (model.layers[-1], head_of(model)):
        part.requires_grad_(requires_grad=True)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    trained = train_classifier(model, plan, folder=tmp_path, progress=QuietProgress())
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert {name.split(".")[0] for name in moved} == {"layers", "score"}
    assert not [name for name in moved if name.startswith("layers.0.")]
    assert trained.figures["trainable_parameters"] < trained.figures["parameters"] / 2


def test_it_ends_early(tmp_path: Path) -> None:
    plan = make_plan(epochs=60, eval_every=2, early_stopping={"patience": 2})
    figures = train_classifier(make_model(), plan, folder=tmp_path, progress=QuietProgress()).figures
    assert figures["steps"] < plan.plan.order.steps
    assert "the held-out loss has not fallen" in figures["ended"]


def test_balanced_weights_make_classes_count_alike() -> None:
    gold = np.array([0, 0, 0, 1])
    weights = balanced_weights(gold, 3)
    assert weights.tolist() == [4 / 6, 2.0, 1.0]
    assert weights[gold].mean() == 1.0
    assert balanced_weights(np.array([[1, 0], [0, 0], [0, 0]]), 2).tolist() == [2.0, 1.0]


def test_too_few_steps_for_the_schedule() -> None:
    with pytest.raises(UsageError, match="do not fit into"):
        make_plan(schedule={"warmup_steps": 50})
