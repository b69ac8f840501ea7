"""A head that names a class: one linear map of the state of a text's last token, where a decoder has read all of it.

    head = add_head(model, classes=3, kind="single")
    logits = class_logits(model, idx, last)                 # (N, K)
    class_loss(logits, targets, kind="single")              # (N,)

It is a submodule of the model, so that optimizers and checkpoints hold it like any other weight; `without_head` lets
the model be the plain one for a while. Which token is the last is told for each row, never assumed: a row's last column
is padding more often than not. The head and its sums are of float32, whatever products before it are computed in.

`single` is a softmax over K classes, `multi-label` a sigmoid for each. `ordinal` is the cumulative logit model with one
slope (proportional odds; McCullagh 1980, "Regression models for ordinal data", J. R. Stat. Soc. B 42, 109-142):
P(y > k) = sigmoid(w·h - t_k) with thresholds t_0 < t_1 < ..., which are kept in order as sums of positive distances.
What stands for its logits are the logs of its probabilities, so that the same softmax and temperature go for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats.safetensors_folder import write_tensors
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.transformer import Transformer

HEAD_FILE = "head.safetensors"
NAME = "score"  # what transformers calls the head of its decoders for classification
LEAST_CLASSES = 2


class ClassHead(nn.Module):
    """States (N, C) to logits (N, K). Zero at the beginning: every class is as likely as the others."""

    def __init__(self, d_model: int, classes: int, kind: HeadKind) -> None:
        super().__init__()
        self.kind: HeadKind = kind
        self.classes = classes
        rows = 1 if kind == "ordinal" else classes
        self.weight = nn.Parameter(torch.zeros(rows, d_model))
        self.bias = nn.Parameter(_even_steps(classes) if kind == "ordinal" else torch.zeros(classes))

    def forward(self, states: Tensor) -> Tensor:
        """Logits (N, K) of `states` (N, C), in the type of the weights."""
        states = states.to(self.weight.dtype)
        if self.kind != "ordinal":
            return F.linear(states, self.weight, self.bias)
        return _ordinal_logs(F.linear(states, self.weight), self.bias)


def _even_steps(classes: int) -> Tensor:
    """(K - 1,): the first threshold, and of the others the distance to the one before, as softplus gives it, for
    classes that are equally likely.
    """
    shares = torch.arange(1, classes) / classes
    thresholds = torch.logit(shares)
    return torch.cat([thresholds[:1], thresholds.diff().expm1().log()])


def _ordinal_logs(score: Tensor, steps: Tensor) -> Tensor:
    """log P(y = k) (N, K) of scores (N, 1): with a = t_k - score above b = t_(k-1) - score,

    log(sigmoid(a) - sigmoid(b)) = logsigmoid(a) + logsigmoid(-b) + log(1 - exp(b - a)).
    """
    distances = F.softplus(steps[1:])
    thresholds = torch.cat([steps[:1], steps[:1] + distances.cumsum(0)])
    edges = thresholds - score  # (N, K - 1)
    below, above = F.logsigmoid(edges), F.logsigmoid(-edges)
    between = below[:, 1:] + above[:, :-1] + torch.log(-torch.expm1(-distances))
    return torch.cat([below[:, :1], between, above[:, -1:]], dim=1)


def add_head(model: Transformer, *, classes: int, kind: HeadKind) -> ClassHead:
    """Give `model` a new head, on its device.

    Raises:
        ValueError: fewer than two classes.
    """
    if classes < LEAST_CLASSES:
        raise ValueError(f"{classes} classes: there is nothing to choose")
    head = ClassHead(model.config.d_model, classes, kind)
    model.add_module(NAME, head.to(model.device, torch.promote_types(model.dtype, torch.float32)))
    return head


def has_head(model: Transformer) -> bool:
    """Whether `model` tells classes, and no words."""
    return hasattr(model, NAME)


def head_of(model: Transformer) -> ClassHead:
    """The head of a model that has one."""
    head = getattr(model, NAME)
    assert isinstance(head, ClassHead)
    return head


@contextmanager
def without_head(model: Transformer) -> Iterator[ClassHead]:
    """The head of `model`, which is the plain one while the context lasts."""
    head = head_of(model)
    delattr(model, NAME)
    try:
        yield head
    finally:
        model.add_module(NAME, head)


def class_logits(model: Transformer, idx: Tensor, last: Tensor, *, documents: Tensor | None = None) -> Tensor:
    """Logits (N, K) for N texts in rows of token ids `idx` (B, T).

    Args:
        last: (N,) int64, where in the flattened (B * T) inputs the last tokens of the texts stand, in their order.
        documents: (B, T) numbers the texts of a row that holds several; None: each row is one, padded on the right.
    """
    states = model.hidden(idx, documents=documents).flatten(0, 1).index_select(0, last)  # (N, C)
    with torch.autocast(states.device.type, enabled=False):
        logits: Tensor = head_of(model)(states)
    return logits


def class_loss(logits: Tensor, targets: Tensor, *, kind: HeadKind, weights: Tensor | None = None) -> Tensor:
    """The loss (N,) of each row, natural log.

    Args:
        logits: (N, K), as the head gives them.
        targets: (N,) int64 classes; for `multi-label` (N, K), 1 for the labels that a text has and 0 for the others.
        weights: (K,) factors of the losses of rows of a class; for `multi-label` of those of labels that are there.
    """
    if kind == "multi-label":
        wanted = targets.to(logits.dtype)
        losses = F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weights, reduction="none")
        return losses.sum(1)
    return F.cross_entropy(logits, targets, weight=weights, reduction="none")


def save_head(head: ClassHead, folder: Path) -> None:
    """Write `head.safetensors`: `score.weight` and `score.bias`."""
    tensors = {
        f"{NAME}.{name}": weight.detach().cpu().contiguous() for name, weight in head.named_parameters()
    }
    write_tensors(folder / HEAD_FILE, tensors)


def fill_head(head: ClassHead, folder: Path) -> None:
    """Give `head` what `save_head` wrote.

    Raises:
        ModelFormatError: no such file, or one that holds another head.
    """
    path = folder / HEAD_FILE
    state = {f"{NAME}.{name}": weight for name, weight in head.named_parameters()}
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFormatError(
            f"the head cannot be read ({error})", where=str(path), hint="restore the file, or train again"
        ) from error
    expected = {name: tuple(weight.shape) for name, weight in state.items()}
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if found != expected or not all(bool(torch.isfinite(tensor).all()) for tensor in stored.values()):
        raise ModelFormatError(
            f"expected finite tensors {expected}, found {found}",
            where=str(path),
            hint="the file does not belong to this model: restore it, or train again",
        )
    with torch.no_grad():
        for name, tensor in stored.items():
            state[name].copy_(tensor)
