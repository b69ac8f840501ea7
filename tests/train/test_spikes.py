"""Notes about spikes: when, what they say, and that nothing changes by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from ontogeny.model.transformer import Transformer
from ontogeny.train import spikes
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import Run, StepResult, TrainState
from ontogeny.train.objective import next_token
from ontogeny.train.optim import Optimizer
from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.spikes import LEAST, MOST_NOTES, NoteSpikes, gradient_norms, is_spike
from tests.notes import Notes


@pytest.fixture
def setup(documents: DocumentSpans, shards: Any) -> Run[Batch]:
    rows = pack_text(documents, seq_len=12, batch_rows=4, steps=90, seed=1)
    return Run(Batches(rows, shards, micro_batch_rows=2), next_token, steps=90, lr=lambda step: 1.0)


def feed(hook: NoteSpikes, model: Transformer, losses: list[float]) -> None:
    state = TrainState(model, Optimizer(model, AdamWConfig()))
    for step, loss in enumerate(losses, start=1):
        hook.after_step(state, StepResult(step, loss, 1.0, 0.1, 30, 20, 0.5))


@pytest.mark.parametrize(
    ("loss", "spike"), [(2.0, False), (2.2, False), (2.9, True), (1.0, False), (60.0, True)]
)
def test_far_above_the_recent_mean(loss: float, spike: bool) -> None:
    assert is_spike(loss, [2.0, 2.1] * LEAST) is spike


def test_too_little_is_known_at_first() -> None:
    assert not is_spike(100.0, [2.0] * (LEAST - 1))


def test_equal_losses_leave_room() -> None:
    assert not is_spike(2.1, [2.0] * LEAST)


def test_a_note_names_step_documents_and_part(
    make_model: Callable[[], Transformer], setup: Run[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = {19: {"layers.0.mlp": 3.0, "norm": 1.0}, 18: {"layers.0.mlp": 0.5, "norm": 1.0}}
    monkeypatch.setattr(spikes, "gradient_norms", lambda model, setup, step: norms[step])
    notes = Notes()
    hook = NoteSpikes(replace(setup, describe=lambda ids: [f"books:{each}" for each in ids]), notes)
    feed(hook, make_model(), [2.0] * 19 + [5.0])
    (said,) = notes.said
    assert said.startswith(
        "step 20: the loss rose to 5 (lately 2); the gradient grew most in layers.0.mlp, 6-fold; documents read: books:"
    )
    assert all(f"books:{each}" in said for each in setup.feed.documents(19)[:8])


def test_at_most_a_few_notes(make_model: Callable[[], Transformer], setup: Run[Batch]) -> None:
    notes = Notes()
    feed(NoteSpikes(setup, notes), make_model(), ([2.0] * 16 + [50.0**n for n in range(1, 9)]))
    assert len(notes.said) == MOST_NOTES
    assert notes.said[-1].endswith("; further spikes are not told")


def test_gradients_by_part_are_those_of_the_loss(
    make_model: Callable[[], Transformer], setup: Run[Batch]
) -> None:
    model = make_model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    norms = gradient_norms(model, setup, 3)
    assert all(weight.grad is None for weight in model.parameters())
    batches = setup.feed.micro_batches(3)
    loss = sum(next_token(model, each) for each in batches) / sum(each.supervised for each in batches)
    assert isinstance(loss, torch.Tensor)
    names, weights = zip(*model.named_parameters(), strict=True)
    gradients = dict(zip(names, torch.autograd.grad(loss, weights), strict=True))
    mlp = [each.square().sum() for name, each in gradients.items() if name.startswith("layers.1.mlp.")]
    assert norms["layers.1.mlp"] == pytest.approx(float(torch.stack(mlp).sum().sqrt()), rel=1e-5)
    assert norms["embed_tokens"] == pytest.approx(float(gradients["embed_tokens.weight"].norm()), rel=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
