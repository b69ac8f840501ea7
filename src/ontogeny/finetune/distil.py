"""A student learns its teacher's next tokens, through the same loop and checkpoints as any tuning (GKD, 2306.13649).

    distilling = Distilling(tuning, Distillation(teacher, Divergence("forward-kl")), ...)
    trained = distil(student, distilling, folder=..., progress=...)

The divergence is taken token by token, where the answers stand: in the data's rows, or in those that the student wrote
itself. The teacher's answers to the former are asked for in every step, or were kept before (`finetune.distil_kept`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ontogeny.core.progress import Progress
from ontogeny.finetune.distil_kept import KeptAnswers, places_of
from ontogeny.finetune.distil_samples import OwnAnswers
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.finetune.instruct import Tuning
from ontogeny.model.divergence import Divergence, TopTokens, linear_divergence
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.objective import states_and_head
from ontogeny.train.packing import PackingPlan
from ontogeny.train.precision import resolve_dtype
from ontogeny.train.snapshots import Form
from ontogeny.train.training import HeldOut, Trained, held_out_loss, train


@dataclass(frozen=True)
class TaughtBatch(Batch):
    """A batch with what is known of it beside its tokens."""

    said: TopTokens | None = None
    """What the teacher said of its targets. None: it is asked."""
    labelled: bool = True
    """Whether its targets are right answers, and not the student's own."""


@dataclass(frozen=True)
class Distillation:
    """The objective."""

    teacher: Teacher
    divergence: Divergence
    labels_weight: float = 0.0

    def __call__(self, model: Transformer, batch: Batch) -> Tensor:
        """The scalar loss summed over the targets of `batch`; see `model.divergence`."""
        said = batch.said if isinstance(batch, TaughtBatch) else None
        labelled = not isinstance(batch, TaughtBatch) or batch.labelled
        teaching = said or self.teacher.states(batch)
        hidden, head = states_and_head(model, batch)
        with torch.autocast(hidden.device.type, enabled=False):  # the loss chooses its own types
            return linear_divergence(
                hidden,
                head,
                teaching,
                self.divergence,
                labels=batch.targets if labelled else None,
                labels_weight=self.labels_weight,
            )


class TaughtBatches:
    """Batches with what the teacher said of them, some steps' being the student's own answers."""

    def __init__(
        self, batches: Batches, *, kept: KeptAnswers | None = None, own: OwnAnswers | None = None
    ) -> None:
        self._batches, self._kept, self._own = batches, kept, own

    @property
    def plan(self) -> PackingPlan:
        """Which rows there are."""
        return self._batches.plan

    def part(self, number: int, parts: int) -> TaughtBatches:
        """The same: one process distils."""
        assert parts == 1, "what a student writes is not shared out"
        return self

    def micro_batches(self, step: int) -> list[Batch]:
        """The batches of a step (from 0)."""
        if self._own is not None and self._own.is_own(step):
            return [_taught(batch, labelled=False) for batch in self._own.micro_batches(step)]
        batches = self._batches.micro_batches(step)
        if self._kept is None:
            return batches
        return list(_with_said(batches, places_of(self._batches).micro_batches(step), self._kept))

    def documents(self, step: int) -> list[str]:
        """Ids of the documents that a step reads, if only their questions."""
        return self._batches.documents(step)

    def every_row(self) -> Iterator[Batch]:
        """Each row of the data once."""
        if self._kept is None:
            return self._batches.every_row()
        return _with_said(self._batches.every_row(), places_of(self._batches).every_row(), self._kept)


def _with_said(batches: Iterable[Batch], places: Iterable[Batch], kept: KeptAnswers) -> Iterator[Batch]:
    for batch, where in zip(batches, places, strict=True):
        yield _taught(batch, said=kept.at(where.targets))


def _taught(batch: Batch, *, said: TopTokens | None = None, labelled: bool = True) -> TaughtBatch:
    return TaughtBatch(**vars(batch), said=said, labelled=labelled)


@dataclass(frozen=True)
class Distilling:
    """A planned distillation.

    Attributes:
        tuning: which rows are read when.
        kept: what the teacher said of the rows to learn from, and of those held out. None: it is asked.
        own: which steps learn from what the student writes. None: no step does.
    """

    tuning: Tuning
    objective: Distillation
    kept: tuple[KeptAnswers, KeptAnswers] | None = None
    own: OwnAnswers | None = None

    def batches(self, model: Transformer) -> TaughtBatches:
        """What is trained on."""
        kept = None if self.kept is None else self.kept[0]
        return TaughtBatches(self.tuning.batches(model), kept=kept, own=self.own)

    def some_held_out(self, device: str) -> HeldOut:
        """The part that is measured during training: always the same."""
        return self._measured(self.tuning.some_held_out(device))

    def held_out_divergence(self, model: Transformer) -> float:
        """Mean divergence from the teacher where held-out answers stand, nats a token, times τ² as it is trained."""
        device = model.device.type
        return held_out_loss(
            model,
            self._measured(self.tuning.all_held_out(device)),
            objective=replace(self.objective, labels_weight=0.0),
            dtype=resolve_dtype(self.tuning.config.dtype, device),
        )

    @property
    def own_steps(self) -> int:
        """Steps that learn from what the student writes."""
        return 0 if self.own is None else sum(map(self.own.is_own, range(self.tuning.plan.order.steps)))

    @property
    def asks_nobody(self) -> bool:
        """Whether all that the teacher is needed for is kept."""
        return self.kept is not None and self.own is None

    def _measured(self, held_out: Batches) -> HeldOut:
        return HeldOut(TaughtBatches(held_out, kept=None if self.kept is None else self.kept[1]))


def distil(
    model: Transformer,
    distilling: Distilling,
    *,
    folder: Path,
    progress: Progress,
    origin: str = "",
    form: Form | None = None,
) -> Trained:
    """Train `model` in place; resumes from `folder`. What is measured on the way is the loss that is trained.

    See `train.training.train` for the errors.
    """
    tuning = distilling.tuning
    computed = f"packing={tuning.packing} neftune={tuning.neftune_alpha}"  # what a checkpoint must agree with
    return train(
        model,
        distilling.batches(model),
        config=tuning.config,
        folder=folder,
        progress=progress,
        label="distil",
        held_out=distilling.some_held_out(model.device.type),
        objective=distilling.objective,
        origin=f"{origin} {computed}",
        form=form,
    )
