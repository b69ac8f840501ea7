"""Distilling: the loss of the definition, however it is computed; what it comes to; stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.progress import QuietProgress
from ontogeny.finetune import distil as distil_module
from ontogeny.finetune.distil import Distillation, Distilling, distil
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.model.divergence import Divergence, linear_divergence
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train import training
from ontogeny.train.objective import summed_loss
from tests.finetune.distilled import Examples, make_distilling, make_student, make_teacher, make_tuning
from tests.finetune.stop_after import StoppedError, stop_after

WAYS: list[dict[str, Any]] = [
    {"labels_weight": 0.3},
    {"how": Divergence("reverse-kl", temperature=2.0), "top_tokens": 5},
    {"how": Divergence("jsd", beta=0.3), "own": {"share": 0.5, "max_tokens": 7}, "labels_weight": 0.2},
    {"own": {"share": 0.5, "max_tokens": 7}, "top_tokens": 5},
]


@pytest.fixture(autouse=True)
def _rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine can compute is not measured here."""
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)


def distilled(
    folder: Path,
    tokenizer: Tokenizer,
    examples: Examples,
    way: dict[str, Any],
    *,
    dtype: torch.dtype = torch.float32,
    **change: Any,
) -> tuple[Transformer, Distilling]:
    """A student after a distillation in `folder`, which may have begun there."""
    folder.mkdir(parents=True, exist_ok=True)
    student, teacher = make_student(tokenizer).to(dtype), make_teacher(tokenizer, dtype)
    tuning = make_tuning(tokenizer, examples, **change)
    distilling = make_distilling(student, teacher, tuning, tokenizer, folder, **way)
    distil(student, distilling, folder=folder, progress=QuietProgress())
    return student, distilling


def test_the_loss_is_that_of_every_answer_and_so_is_its_gradient(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples
) -> None:
    student, teacher = make_student(tokenizer).double(), make_teacher(tokenizer, torch.float64)
    tuning = make_tuning(tokenizer, examples)
    objective = Distillation(teacher, Divergence("forward-kl"), labels_weight=0.25)
    total = torch.zeros((), dtype=torch.float64)
    for row in tuning.plan.order.rows_for_step(0):
        span = (0, int(tuning.plan.start[row]), int(tuning.plan.length[row]))
        ids = torch.tensor(tuning.conversations.read(*span).tolist())
        learnt = torch.from_numpy(tuning.conversations.read_mask(*span))[1:]
        logits, said = student(ids[None, :-1])[0][learnt], teacher.model(ids[None, :-1])[0][learnt]
        log_p, log_q = said.log_softmax(1), logits.log_softmax(1)
        divergence = (log_p.exp() * (log_p - log_q)).sum()
        labels = torch.nn.functional.cross_entropy(logits, ids[1:][learnt], reduction="sum")
        total = total + 0.75 * divergence + 0.25 * labels
    weights = list(student.parameters())
    expected = torch.autograd.grad(total, weights)
    batches = Distilling(tuning, objective).batches(student).micro_batches(0)
    losses = [objective(student, batch) for batch in batches]
    torch.testing.assert_close(sum(losses), total, rtol=1e-10, atol=1e-10)
    for one, other in zip(torch.autograd.grad(sum(losses), weights), expected, strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
def test_how_rows_are_computed_changes_nothing_but_rounding(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, way: dict[str, Any]
) -> None:
    found = {
        (packing, rows): distilled(
            tmp_path / f"{packing}{rows}",
            tokenizer,
            examples,
            way,
            dtype=torch.float64,
            packing=packing,
            micro_batch_rows=rows,
            steps=4,
            epochs=None,
        )
        for packing, rows in ((True, 1), (True, 4), (False, 1), (False, 2))
    }
    expected = list(found[False, 1][0].parameters())
    for student, _ in found.values():
        for one, other in zip(student.parameters(), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
def test_stopped_and_resumed(
    tmp_path: Path,
    tokenizer: Tokenizer,
    examples: Examples,
    monkeypatch: pytest.MonkeyPatch,
    way: dict[str, Any],
) -> None:
    whole, _ = distilled(tmp_path / "whole", tokenizer, examples, way)
    for calls in (5, 21):
        with monkeypatch.context() as patch:
            patch.setattr(distil_module, "linear_divergence", stop_after(calls, linear_divergence))
            with pytest.raises(StoppedError):
                distilled(tmp_path / "broken", tokenizer, examples, way)
    resumed, _ = distilled(tmp_path / "broken", tokenizer, examples, way)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_the_student_comes_nearer_to_its_teacher(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, way: dict[str, Any]
) -> None:
    student, distilling = distilled(tmp_path, tokenizer, examples, {**way, "labels_weight": 0.0})
    before = distilling.held_out_divergence(make_student(tokenizer))
    assert distilling.held_out_divergence(student) < 0.7 * before


def test_a_student_that_is_its_teacher_has_no_divergence(tokenizer: Tokenizer, examples: Examples) -> None:
    student = make_student(tokenizer)
    teacher = Teacher(lambda: make_student(tokenizer), vocab_size=tokenizer.vocab_size)
    objective = Distillation(teacher, Divergence("reverse-kl"), labels_weight=0.5)
    distilling = Distilling(make_tuning(tokenizer, examples), objective)
    assert distilling.held_out_divergence(student) == pytest.approx(0.0, abs=1e-6)  # labels are not in it


def test_products_in_half_precision_are_near_those_in_full(tokenizer: Tokenizer, examples: Examples) -> None:
    student = make_student(tokenizer)
    objective = Distillation(make_teacher(tokenizer), Divergence("jsd", beta=0.5), labels_weight=0.25)
    (batch,) = (
        Distilling(make_tuning(tokenizer, examples, micro_batch_rows=4), objective)
        .batches(student)
        .micro_batches(0)
    )
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        loss = summed_loss(student, batch, objective, dtype)
        found[dtype] = [loss.detach(), *torch.autograd.grad(loss, list(student.parameters()))]
    for one, other in zip(*found.values(), strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert float((one - other).norm()) < 0.05 * float(one.norm())


def test_nobody_asks_a_teacher_whose_answers_are_kept(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = make_student(tokenizer), make_teacher(tokenizer)
    tuning = make_tuning(tokenizer, examples)
    distilling = make_distilling(student, teacher, tuning, tokenizer, tmp_path, top_tokens=5)

    def asked(*_: object) -> Tensor:
        raise AssertionError

    monkeypatch.setattr(Teacher, "states", asked)
    before = distilling.held_out_divergence(student)
    distil(student, distilling, folder=tmp_path, progress=QuietProgress())
    assert distilling.held_out_divergence(student) < before


def test_some_steps_learn_from_own_answers_without_labels(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples
) -> None:
    student, teacher = make_student(tokenizer), make_teacher(tokenizer)
    tuning = make_tuning(tokenizer, examples)
    own = {"share": 0.5, "max_tokens": 7}
    distilling = make_distilling(student, teacher, tuning, tokenizer, tmp_path, own=own)
    batches = distilling.batches(student)
    labelled = [
        all(getattr(batch, "labelled", True) for batch in batches.micro_batches(step)) for step in range(17)
    ]
    assert labelled.count(False) == distilling.own_steps
    assert 0 < distilling.own_steps < 17
