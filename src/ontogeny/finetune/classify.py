"""Training a classifier through the one loop, and asking one: the head is applied to the last token of a text alone.

    classifying = plan_classifying(train, held_out, config=..., seq_len=..., seed=...)
    trained = train_classifier(model, classifying, folder=..., progress=...)
    logits = logits_of(model, rows)                                  # (N, K)

Nothing is computed over the vocabulary. Which weights are trained is decided before (`finetune.methods`); where those
of the first layers are not, neither gradients nor what they would need are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.labelled import ClassRows
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.heads import class_logits, class_loss
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.loop import Hook
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_whole
from ontogeny.train.precision import resolve_dtype
from ontogeny.train.snapshots import Form
from ontogeny.train.training import HeldOut, Trained, held_out_loss, train

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TOKENS_AT_ONCE, TOKENS_AT_ONCE_ON_CPU = 4096, 1024
"""Of a batch of texts that are only classified: some hundred short ones, or a few long ones. On a CPU a batch of 1,024
takes SmolLM2 3 seconds, so that a bar moves; larger ones were a tenth faster."""


@dataclass(frozen=True)
class ClassLoss:
    """The objective: the loss of each row of a batch, summed.

    Attributes:
        kind: what the head tells apart.
        weights: (K,) see `model.heads.class_loss`.
        sets: (S, K) for `multi-label`, zeros and ones: what the targets of a batch number.
    """

    kind: HeadKind
    weights: Tensor | None = None
    sets: Tensor | None = None

    def __call__(self, model: Transformer, batch: Batch) -> Tensor:
        """The scalar loss, natural log, summed over the texts of `batch`."""
        last = batch.positions
        if last is None:  # every token is the last of its text
            last = torch.arange(len(batch.targets), device=batch.idx.device)
        logits = class_logits(model, batch.idx, last, documents=batch.documents)
        targets = batch.targets if self.sets is None else self.sets.to(logits.device)[batch.targets]
        weights = None if self.weights is None else self.weights.to(logits)
        return class_loss(logits, targets, kind=self.kind, weights=weights).sum()


@dataclass(frozen=True)
class Classifying:
    """A planned training: which text is read when, what is minimised, and what is measured."""

    rows: ClassRows
    held_out: ClassRows
    objective: ClassLoss
    plan: PackingPlan
    config: TrainConfig
    seed: int

    def held_out_loss(self, model: Transformer) -> float:
        """The mean loss, nats a text, of all that are held out."""
        dtype = resolve_dtype(self.config.dtype, model.device.type)
        measured = self._measured(self.held_out.spans, model.device.type)
        return held_out_loss(model, measured, objective=self.objective, dtype=dtype)

    def some_held_out(self, device: str) -> HeldOut:
        """The part that is measured during training: always the same."""
        shuffled = self.held_out.spans.shuffled(derive_seed(self.seed, "held out"))
        return self._measured(shuffled.first_tokens(self.config.eval_tokens), device)

    def _measured(self, spans: DocumentSpans, device: str) -> HeldOut:
        plan = pack_whole(spans, seq_len=self.plan.seq_len, batch_rows=1, seed=self.seed)
        return HeldOut(self._batches(plan, self.held_out, device))

    def training_batches(self, device: str) -> Batches:
        """What is learnt from."""
        return self._batches(self.plan, self.rows, device)

    def _batches(self, plan: PackingPlan, rows: ClassRows, device: str) -> Batches:
        return Batches(
            plan,
            rows,
            micro_batch_rows=self.config.rows_at_once,
            device=device,
            masked=rows,
            end_to_end=device == "cpu",  # where texts that lie in one row cost no more than apart
        )


def balanced_weights(gold: Ints, classes: int) -> Floats:
    """(K,) factors by which each class counts as much as the others.

    For classes (N,) these are N / (K n_k), as scikit-learn's `balanced` has them (King and Zeng 2001), which average to
    one over the examples; for sets of labels (N, K) the examples without a label over those with it. A label that no
    example has counts one.
    """
    if gold.ndim == 1:
        count = np.bincount(gold, minlength=classes)
        return np.where(count > 0, len(gold) / (int((count > 0).sum()) * np.maximum(count, 1)), 1.0)
    count = gold.sum(0)
    return np.where(count > 0, np.maximum(len(gold) - count, 1) / np.maximum(count, 1), 1.0)


def plan_classifying(
    train: tuple[Sequence[str], Sequence[Sequence[int]], Ints],
    held_out: tuple[Sequence[str], Sequence[Sequence[int]], Ints],
    *,
    kind: HeadKind,
    weights: Floats | None = None,
    config: TrainConfig,
    seq_len: int,
    seed: int,
) -> Classifying:
    """One row a text, in an order that depends on `seed` alone.

    Args:
        train: N identities, N rows of token ids (1 to `seq_len` each), and their classes (N,), or (N, K) for
            `multi-label`.
        held_out: the same of texts that are never trained on.
        weights: (K,) what a class counts.

    Raises:
        UsageError: `epochs` comes to fewer steps than the schedule needs.
    """
    golds, sets = [train[2], held_out[2]], None
    if kind == "multi-label":
        known, number = np.unique(np.concatenate(golds), axis=0, return_inverse=True)
        golds, sets = np.split(number.reshape(-1), [len(train[0])]), torch.from_numpy(known)
    rows, held_out_rows = (
        ClassRows.of(part[0], part[1], gold) for part, gold in zip((train, held_out), golds, strict=True)
    )
    try:
        steps = config.steps_over(len(train[0]))
    except ValueError as error:
        raise UsageError(str(error), where="train") from error
    plan = pack_whole(rows.spans, seq_len=seq_len, batch_rows=config.batch_rows, steps=steps, seed=seed)
    objective = ClassLoss(kind, None if weights is None else torch.from_numpy(weights), sets)
    return Classifying(rows, held_out_rows, objective, plan, config, seed)


def train_classifier(
    model: Transformer,
    classifying: Classifying,
    *,
    folder: Path,
    progress: Progress,
    origin: str = "",
    form: Form | None = None,
    hooks: Sequence[Hook] = (),
) -> Trained:
    """Train `model`, which has a head, in place; resumes from `folder`. See `train.training.train` for `hooks` and the
    errors.
    """
    return train(
        model,
        classifying.training_batches(model.device.type),
        config=classifying.config,
        folder=folder,
        progress=progress,
        label="classify",
        held_out=classifying.some_held_out(model.device.type),
        objective=classifying.objective,
        origin=origin,
        form=form,
        hooks=hooks,
    )


@torch.no_grad()
def logits_of(
    model: Transformer,
    rows: Sequence[Sequence[int]],
    *,
    tokens_at_once: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Floats:
    """Logits (N, K) of N rows of token ids, each at least one long, computed with rows of about its own length.

    On a CPU those of a batch lie end to end in one row, each seeing itself alone, and elsewhere below each other,
    padded: for 100 messages of the SMS spam collection the first took SmolLM2 9 seconds, the second 15. `advance` is
    told of rows as they are done.
    """
    on_cpu = model.device.type == "cpu"
    most = tokens_at_once or (TOKENS_AT_ONCE_ON_CPU if on_cpu else TOKENS_AT_ONCE)
    found: list[Floats] = []
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    for places in _batches(rows, order, most, padded=not on_cpu):
        some = [rows[place] for place in places]
        logits = _end_to_end(model, some) if on_cpu else _padded(model, some)
        found.append(logits.double().cpu().numpy())
        if advance is not None:
            advance(len(places))
    back = np.empty(len(rows), dtype=np.int64)
    back[order] = np.arange(len(rows))
    result: Floats = np.concatenate(found)[back]
    return result


def _end_to_end(model: Transformer, rows: Sequence[Sequence[int]]) -> Tensor:
    """Logits (N, K) of N rows as one."""
    lengths = torch.tensor([len(row) for row in rows])
    idx = torch.tensor([token for row in rows for token in row])[None]
    documents = torch.repeat_interleave(torch.arange(len(rows)), lengths)[None]
    return class_logits(model, idx, lengths.cumsum(0) - 1, documents=documents)


def _padded(model: Transformer, rows: Sequence[Sequence[int]]) -> Tensor:
    """Logits (N, K) of N rows, the longest first, as so many."""
    lengths = torch.tensor([len(row) for row in rows])
    idx = torch.zeros(len(rows), int(lengths[0]), dtype=torch.int64)
    for place, row in enumerate(rows):
        idx[place, : len(row)] = torch.tensor(row)
    last = torch.arange(len(rows)) * idx.shape[1] + lengths - 1
    return class_logits(model, idx.to(model.device), last.to(model.device))


def _batches(
    rows: Sequence[Sequence[int]], order: Sequence[int], tokens_at_once: int, *, padded: bool
) -> Iterator[list[int]]:
    """`order`, longest rows first, in batches of at most `tokens_at_once` tokens, or of one row."""
    batch: list[int] = []
    tokens = 0
    for row in order:
        length = len(rows[batch[0] if padded and batch else row])
        if batch and tokens + length > tokens_at_once:
            yield batch
            batch, tokens, length = [], 0, len(rows[row])
        batch.append(row)
        tokens += length
    if batch:
        yield batch
