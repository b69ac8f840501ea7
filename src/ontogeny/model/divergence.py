"""How far a student's next tokens are from its teacher's: heads and divergence in one, chunk by chunk.

With the teacher's probabilities p and the student's q, both of logits divided by a temperature τ, a row costs

    forward-kl    Σ p log(p / q)
    reverse-kl    Σ q log(q / p)
    jsd           β Σ p log(p / m) + (1 - β) Σ q log(q / m),    m = β p + (1 - β) q

times τ², so that gradients do not shrink with the temperature (arXiv 1503.02531, section 2). The third is the
generalised Jensen-Shannon divergence of GKD (arXiv 2306.13649, section 2).

The teacher is given by its states and head, or by what was kept of it: its k likeliest tokens and what the others have
together. These others are then one token to the divergence, of which the student has the sum of theirs; that is at most
the divergence over all tokens, and equal where the student shares the others out as the teacher does.

As in `model.loss` the logits of a batch are never stored whole, and gradients are made in the forward pass. Where one
model's tables have more rows than the other's, those beyond are padding, and left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.divergence_kinds import DivergenceKind
from ontogeny.model.loss import accumulate, chunks, scaled, soften, sum_dtype

TABLES = (
    6  # of the size of a chunk's logits that are there at once: student, teacher, their logs and differences
)


@dataclass(frozen=True)
class Divergence:
    """Which divergence; `beta` (in (0, 1)) is for `jsd` alone."""

    kind: DivergenceKind
    beta: float = 0.5
    temperature: float = 1.0

    def of(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
        """Without τ²: (n,) of log-probabilities (n, K), and (n, K) q · dD/dq, up to multiples of q."""
        if self.kind == "forward-kl":
            p = log_p.exp()
            return (p * (log_p - log_q)).sum(1), -p
        q = log_q.exp()
        if self.kind == "reverse-kl":
            each = q * (log_q - log_p)
            return each.sum(1), each
        log_m = torch.logaddexp(log_p + math.log(self.beta), log_q + math.log(1 - self.beta))
        each = (1 - self.beta) * q * (log_q - log_m)
        return self.beta * (log_p.exp() * (log_p - log_m)).sum(1) + each.sum(1), each


@dataclass(frozen=True)
class TeacherStates:
    """A teacher that is asked now: its states `hidden` (N, C) and head `weight` (V, C), without gradients."""

    hidden: Tensor
    weight: Tensor

    @property
    def vocab_size(self) -> int:
        """Rows of its head."""
        return self.weight.shape[0]

    def log_probabilities(self, rows: slice, vocab_size: int, temperature: float) -> Tensor:
        """(n, V) of the first `vocab_size` tokens."""
        return _log_softmax(self.hidden[rows] @ self.weight[:vocab_size].T, temperature)

    def compare(self, rows: slice, log_q: Tensor, how: Divergence) -> tuple[Tensor, Tensor]:
        """The divergence (n,) of a student with `log_q` (n, V) in `rows`, and its gradient (n, V) by logits / τ."""
        log_p = self.log_probabilities(rows, log_q.shape[1], how.temperature)
        divergence, each = how.of(log_p, log_q)
        return divergence, each.sub_(log_q.exp().mul_(each.sum(1, keepdim=True)))


@dataclass(frozen=True)
class TopTokens:
    """What was kept of a teacher's answers at N places, at one temperature.

    Attributes:
        ids: (N, k) int64, its likeliest tokens.
        log_probabilities: (N, k) theirs.
        log_rest: (N,) that of all others together.
        vocab_size: tokens there are, more than k.
    """

    ids: Tensor
    log_probabilities: Tensor
    log_rest: Tensor
    vocab_size: int

    def compare(self, rows: slice, log_q: Tensor, how: Divergence) -> tuple[Tensor, Tensor]:
        """As `TeacherStates.compare` has it, the others being one token."""
        ids = self.ids[rows]
        log_rest = log_q.scatter(1, ids, -math.inf).logsumexp(1, keepdim=True)
        log_p = torch.cat([self.log_probabilities[rows], self.log_rest[rows].unsqueeze(1)], 1).to(log_q.dtype)
        known = log_q.gather(1, ids)
        divergence, each = how.of(log_p, torch.cat([known, log_rest], 1))
        total = each.sum(1, keepdim=True)
        gradient = (log_q - log_rest).exp_().mul_(each[:, -1:])  # the others share as the student does
        gradient.scatter_(1, ids, each[:, :-1])
        return divergence, gradient.sub_(log_q.exp().mul_(total))


Teaching: TypeAlias = TeacherStates | TopTokens


def linear_divergence(
    hidden: Tensor,
    weight: Tensor,
    teaching: Teaching,
    how: Divergence,
    *,
    labels: Tensor | None = None,
    labels_weight: float = 0.0,
) -> Tensor:
    """(1 - w) · τ² · divergence, plus w · cross-entropy of the labels at temperature 1, summed over rows, natural log.

    Args:
        hidden: (N, C), the student's states: float32 or float64 (bfloat16 on CUDA).
        weight: (V, C), its head.
        teaching: what the teacher says in these rows.
        labels: (N,) int64; None: rows without labels, of which the first part alone counts.
        labels_weight: w.

    Returns:
        A scalar of float32, or float64 where `hidden` is.
    """
    wants_hidden = torch.is_grad_enabled() and hidden.requires_grad
    wants_weight = torch.is_grad_enabled() and weight.requires_grad
    total: Tensor = _LinearDivergence.apply(  # type: ignore[no-untyped-call]
        hidden, weight, _Cost(teaching, how, labels, labels_weight), wants_hidden, wants_weight
    )
    return total


@torch.no_grad()
def top_tokens(teacher: TeacherStates, *, count: int, vocab_size: int, temperature: float) -> TopTokens:
    """The `count` likeliest of the first `vocab_size` tokens in every row; the others' sum is taken without them."""
    kept: list[tuple[Tensor, Tensor, Tensor]] = []
    for rows in chunks(teacher.hidden, teacher.weight, tables=TABLES):
        log_p = teacher.log_probabilities(rows, vocab_size, temperature)
        values, ids = log_p.topk(count, dim=1)
        kept.append((ids, values, log_p.scatter_(1, ids, -math.inf).logsumexp(1)))
    ids, values, rest = (torch.cat(each) for each in zip(*kept, strict=True))
    return TopTokens(ids, values, rest, vocab_size)


@dataclass(frozen=True)
class _Cost:
    """What rows cost, apart from the states and the head of the student."""

    teaching: Teaching
    how: Divergence
    labels: Tensor | None
    labels_weight: float

    def of_rows(self, rows: slice, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The cost of `rows`, a scalar, and its gradient (n, V) by `logits`, which may be overwritten."""
        temperature = self.how.temperature
        divergence, gradient = self.teaching.compare(rows, _log_softmax(logits, temperature), self.how)
        share = 1 - self.labels_weight
        cost = share * temperature**2 * divergence.sum()
        gradient *= share * temperature  # τ², and 1 / τ since it is that by logits / τ
        if self.labels is None or not self.labels_weight:
            return cost, gradient
        labels = self.labels[rows]
        log_z, chosen, probabilities = soften(logits, labels)
        probabilities[torch.arange(len(labels), device=labels.device), labels] -= 1
        return cost + self.labels_weight * (log_z - chosen).sum(), gradient.add_(
            probabilities, alpha=self.labels_weight
        )


class _LinearDivergence(torch.autograd.Function):
    """Second derivatives are not supported."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        hidden: Tensor,
        weight: Tensor,
        cost: _Cost,
        wants_hidden: bool,
        wants_weight: bool,
    ) -> Tensor:
        total = torch.zeros((), dtype=sum_dtype(hidden), device=hidden.device)
        d_hidden = torch.empty_like(hidden) if wants_hidden else None
        exact = hidden.dtype in (torch.float32, torch.float64)
        d_weight = (
            torch.zeros_like(weight, dtype=hidden.dtype if exact else torch.float32) if wants_weight else None
        )
        common = min(len(weight), cost.teaching.vocab_size)
        head = weight[:common]
        for rows in chunks(hidden, head, tables=TABLES):
            costs, d_logits = cost.of_rows(rows, hidden[rows] @ head.T)
            total += costs
            d_logits = d_logits.to(hidden.dtype)
            if d_hidden is not None:
                torch.mm(d_logits, head, out=d_hidden[rows])
            if d_weight is not None:
                accumulate(d_weight[:common], d_logits.T, hidden[rows])
        ctx.gradients = d_hidden, None if d_weight is None else d_weight.to(weight.dtype)  # type: ignore[attr-defined]
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_total: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        d_hidden, d_weight = ctx.gradients  # type: ignore[attr-defined]
        return scaled(d_hidden, d_total), scaled(d_weight, d_total), None, None, None


def _log_softmax(logits: Tensor, temperature: float) -> Tensor:
    """(n, V) of logits divided by `temperature`, in float32 at least."""
    if logits.dtype not in (torch.float32, torch.float64):
        logits = logits.float()
    return torch.log_softmax(logits if temperature == 1 else logits / temperature, dim=1)
