"""What training minimises, and the one way in which it is computed, with its gradients or without.

A loss is a sum over supervised items, which is divided by their count in the whole step. Sums, not means: the mean over
a step is then the same however the step is cut into micro-batches. Averaging the means of micro-batches with unequal
counts is the commonest silent error in training code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from ontogeny.model.loss import linear_cross_entropy, penalised_cross_entropy
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch
from ontogeny.train.precision import products_in, rounded_on_cpu


class Counted(Protocol):
    """What the loop needs to know of a batch, whatever it holds."""

    @property
    def supervised(self) -> int:
        """Items that the loss is summed over."""

    @property
    def tokens(self) -> int:
        """Input tokens without padding."""


BatchT = TypeVar("BatchT", bound=Counted)
BatchT_contra = TypeVar("BatchT_contra", bound=Counted, contravariant=True)


class Objective(Protocol[BatchT_contra]):
    """A loss."""

    def __call__(self, model: Transformer, batch: BatchT_contra) -> Tensor:
        """The scalar loss summed over the supervised items of `batch`."""


def summed_loss(
    model: Transformer, batch: BatchT, objective: Objective[BatchT], dtype: torch.dtype
) -> Tensor:
    """The loss of `batch`, summed, with products in `dtype`; weights and gradients keep their type."""
    with products_in(dtype, model.device.type):
        return objective(model, batch)


def add_gradients(
    model: Transformer,
    batches: Sequence[BatchT],
    objective: Objective[BatchT],
    *,
    count: int,
    dtype: torch.dtype,
) -> Tensor:
    """Add to the weights' gradients those of the loss of all `batches` divided by `count`; that loss, a scalar.

    A batch without supervised items is gone through like any other and adds nothing.
    """
    total = torch.zeros((), device=model.device, dtype=model.dtype)
    with rounded_on_cpu(dtype, model.device.type):
        for batch in batches:
            loss = summed_loss(model, batch, objective, dtype) / (count if batch.supervised else math.inf)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
    return total


def next_token(model: Transformer, batch: Batch, *, z_loss: float = 0.0) -> Tensor:
    """Summed cross-entropy, natural log, of the batch's targets; the head is applied only where there is a target.

    The z-loss with factor `z_loss` (`model.loss`) is in the gradient of what is returned and not in its value, so that
    losses with and without it can be compared.
    """
    hidden, head = states_and_head(model, batch)
    with torch.autocast(hidden.device.type, enabled=False):  # the fused loss chooses its own types
        return _cross_entropy(hidden, head, batch.targets, z_loss)


def states_and_head(model: Transformer, batch: Batch) -> tuple[Tensor, Tensor]:
    """States (N, C) from which the targets of `batch` are predicted, and the head (V, C), in the type of products."""
    hidden = model.hidden(batch.idx, documents=batch.documents, noise=batch.noise).flatten(0, 1)  # (B * T, C)
    if batch.positions is not None:
        hidden = hidden.index_select(0, batch.positions)
    kind = hidden.device.type
    if not torch.is_autocast_enabled(kind):
        return hidden, model.head_weight
    dtype = torch.get_autocast_dtype(kind)
    return hidden.to(dtype), model.head_weight.to(dtype)


def _cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float) -> Tensor:
    if not (z_loss and torch.is_grad_enabled()):
        return linear_cross_entropy(hidden, head, targets)
    total, penalty = penalised_cross_entropy(hidden, head, targets, z_loss=z_loss)
    return total - penalty
