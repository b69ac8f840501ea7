"""Instruction tuning: the loss is on the answers only, through the same loop and checkpoints as pretraining.

    tuning = plan_tuning(conversations, held_out, config=..., seq_len=..., seed=...)
    trained = tune(model, tuning, folder=..., progress=...)

A step reads `batch_rows` conversations, chosen by (seed, step). How they are computed changes nothing but rounding:
packed, the conversations of a micro-batch lie end to end and see themselves alone; else those of like lengths share a
micro-batch and are padded to the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.conversations import Conversations
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.loop import Hook
from ontogeny.train.noise import EmbeddingNoise
from ontogeny.train.objective import next_token, summed_loss
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_whole
from ontogeny.train.precision import resolve_dtype
from ontogeny.train.snapshots import Form
from ontogeny.train.training import HeldOut, Trained, held_out_loss, train


@dataclass(frozen=True)
class Tuning:
    """A planned tuning: which conversation is read when, and what is measured."""

    conversations: Conversations
    held_out: Conversations
    plan: PackingPlan
    config: TrainConfig
    seed: int
    packing: bool = True
    neftune_alpha: float | None = None
    """Size of the noise while training; None for none. Nothing is ever measured with it."""

    def batches(self, model: Transformer) -> Batches:
        """What is trained on."""
        noise = None
        if self.neftune_alpha is not None:
            seed = derive_seed(self.seed, "neftune")
            noise = EmbeddingNoise(self.neftune_alpha, model.config.d_model, seed)
        return self._batches(self.plan, self.conversations, model.device.type, noise)

    def held_out_loss(self, model: Transformer) -> float:
        """Mean loss, nats a token, of all held-out answers."""
        dtype = resolve_dtype(self.config.dtype, model.device.type)
        return held_out_loss(model, HeldOut(self.all_held_out(model.device.type)), dtype=dtype)

    def all_held_out(self, device: str) -> Batches:
        """The whole part that is never trained on."""
        return self._measured(self.held_out.spans, device)

    def held_out_losses(self, model: Transformer) -> list[tuple[float, int]]:
        """Of each held-out conversation the loss, nats summed over its answers, and how many tokens these are."""
        dtype = resolve_dtype(self.config.dtype, model.device.type)
        one_by_one = replace(self, config=self.config.model_copy(update={"micro_batch_rows": 1}))
        with torch.no_grad():
            return [
                (float(summed_loss(model, batch, next_token, dtype)), batch.supervised)
                for batch in one_by_one.all_held_out(model.device.type).every_row()
            ]

    def some_held_out(self, device: str) -> Batches:
        """The part that is measured during training: always the same."""
        shuffled = self.held_out.spans.shuffled(derive_seed(self.seed, "held out"))
        return self._measured(shuffled.first_tokens(self.config.eval_tokens), device)

    def _measured(self, spans: DocumentSpans, device: str) -> Batches:
        plan = pack_whole(spans, seq_len=self.plan.seq_len, batch_rows=1, seed=self.seed)
        return self._batches(plan, self.held_out, device, None)

    def _batches(
        self, plan: PackingPlan, source: Conversations, device: str, noise: EmbeddingNoise | None
    ) -> Batches:
        return Batches(
            plan,
            source,
            micro_batch_rows=self.config.rows_at_once,
            device=device,
            masked=source,
            end_to_end=self.packing,
            noise=noise,
        )


def plan_tuning(
    conversations: Conversations,
    held_out: Conversations,
    *,
    config: TrainConfig,
    seq_len: int,
    seed: int,
    packing: bool = True,
    neftune_alpha: float | None = None,
) -> Tuning:
    """One row a conversation, in an order that depends on `seed` alone.

    Raises:
        DataError: nothing to learn from, or nothing held out to measure on.
        UsageError: `epochs` comes to fewer steps than the schedule needs.
    """
    if not len(conversations):
        account = conversations.account
        raise DataError(
            f"no example has an answer within `seq_len` ({seq_len:,} tokens): of {account.read:,} to learn from, "
            f"{account.without_answer:,} have no answer, {account.out_of_reach + account.dropped:,} are too long",
            hint="raise `train.seq_len`, or look at the examples",
        )
    if not len(held_out):
        raise DataError(
            "no example is held out, so nothing could be measured",
            hint="raise `held_out_fraction` in the `examples` step, or bring more examples",
        )
    try:
        steps = config.steps_over(len(conversations))
    except ValueError as error:
        raise UsageError(str(error), where="train") from error
    plan = pack_whole(
        conversations.spans, seq_len=seq_len, batch_rows=config.batch_rows, steps=steps, seed=seed
    )
    return Tuning(conversations, held_out, plan, config, seed, packing, neftune_alpha)


def tune(
    model: Transformer,
    tuning: Tuning,
    *,
    folder: Path,
    progress: Progress,
    origin: str = "",
    form: Form | None = None,
    hooks: Sequence[Hook] = (),
) -> Trained:
    """Train `model` in place; resumes from `folder`. See `train.training.train` for `hooks` and the errors."""
    computed = f"packing={tuning.packing} neftune={tuning.neftune_alpha}"  # what a checkpoint must agree with
    return train(
        model,
        tuning.batches(model),
        config=tuning.config,
        folder=folder,
        progress=progress,
        label="finetune",
        held_out=HeldOut(tuning.some_held_out(model.device.type)),
        origin=f"{origin} {computed}",
        form=form,
        hooks=hooks,
    )
