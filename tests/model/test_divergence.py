"""Divergences from a teacher: values and gradients of the definition, whole and with a few tokens kept."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.model import loss
from ontogeny.model.divergence import (
    Divergence,
    TeacherStates,
    Teaching,
    TopTokens,
    linear_divergence,
    top_tokens,
)
from ontogeny.model.divergence_kinds import DivergenceKind

N, C, V, TEACHER_C = 301, 5, 17, 7
KINDS = [
    Divergence("forward-kl"),
    Divergence("reverse-kl", temperature=2.5),
    Divergence("jsd", beta=0.5, temperature=0.7),
    Divergence("jsd", beta=0.1),
]


@pytest.fixture(autouse=True)
def _several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "CHUNK_LOGITS", {"cpu": 1})  # three of MIN_CHUNK_ROWS rows, the last one short


class Case(NamedTuple):
    hidden: Tensor
    head: Tensor
    teacher: TeacherStates
    labels: Tensor


@pytest.fixture
def case() -> Case:
    """A student and a teacher of another width; float64."""
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    teacher = TeacherStates(normal(N, TEACHER_C), normal(V, TEACHER_C))
    labels = torch.randint(V, (N,), generator=generator)
    return Case(normal(N, C).requires_grad_(), normal(V, C).requires_grad_(), teacher, labels)


def by_definition(log_p: Tensor, log_q: Tensor, how: Divergence) -> Tensor:
    """Summed over rows of (N, K), with the factor τ²."""
    p, q = log_p.exp(), log_q.exp()
    if how.kind == "forward-kl":
        value = p * (log_p - log_q)
    elif how.kind == "reverse-kl":
        value = q * (log_q - log_p)
    else:
        m = how.beta * p + (1 - how.beta) * q
        value = how.beta * p * (log_p - m.log()) + (1 - how.beta) * q * (log_q - m.log())
    return how.temperature**2 * value.sum()


def log_probabilities(hidden: Tensor, head: Tensor, how: Divergence) -> Tensor:
    return torch.log_softmax(hidden @ head.T / how.temperature, dim=1)


def bucketed(log_p: Tensor, ids: Tensor) -> Tensor:
    """(N, k + 1): the tokens at `ids`, and the sum of all others."""
    others = torch.ones_like(log_p).scatter(1, ids, 0.0)
    return torch.cat([log_p.gather(1, ids), (log_p.exp() * others).sum(1, keepdim=True).log()], 1)


def assert_equal(case: Case, ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    inputs = [case.hidden, case.head]
    for one, other in zip(
        torch.autograd.grad(ours / 7, inputs), torch.autograd.grad(theirs / 7, inputs), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("labels_weight", [0.0, 0.3])
@pytest.mark.parametrize("how", KINDS)
def test_divergence_and_gradients_are_those_of_the_definition(
    case: Case, how: Divergence, labels_weight: float
) -> None:
    log_p = log_probabilities(case.teacher.hidden, case.teacher.weight, how)
    log_q = log_probabilities(case.hidden, case.head, how)
    labels = F.cross_entropy(case.hidden @ case.head.T, case.labels, reduction="sum")
    theirs = (1 - labels_weight) * by_definition(log_p, log_q, how) + labels_weight * labels
    ours = linear_divergence(
        case.hidden, case.head, case.teacher, how, labels=case.labels, labels_weight=labels_weight
    )
    assert_equal(case, ours, theirs)


@pytest.mark.parametrize("how", KINDS)
def test_with_few_tokens_kept_the_others_are_one_token(case: Case, how: Divergence) -> None:
    kept = top_tokens(case.teacher, count=3, vocab_size=V, temperature=how.temperature)
    log_p = log_probabilities(case.teacher.hidden, case.teacher.weight, how)
    log_q = log_probabilities(case.hidden, case.head, how)
    assert torch.equal(kept.ids, log_p.topk(3, dim=1).indices)
    theirs = by_definition(bucketed(log_p, kept.ids), bucketed(log_q, kept.ids), how)
    assert_equal(case, linear_divergence(case.hidden, case.head, kept, how), theirs)


@pytest.mark.parametrize("how", KINDS)
def test_more_tokens_kept_come_nearer_from_below(case: Case, how: Divergence) -> None:
    def of(teaching: Teaching) -> float:
        return float(linear_divergence(case.hidden, case.head, teaching, how).detach())

    found = [
        of(top_tokens(case.teacher, count=count, vocab_size=V, temperature=how.temperature))
        for count in (1, 4, 9, V - 1)
    ]
    exact = of(case.teacher)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(exact, rel=1e-12)  # one token is left, and stands for itself
    assert 0 < found[0] < exact


@pytest.mark.parametrize("how", KINDS)
def test_a_student_that_agrees_has_nothing_to_learn(case: Case, how: Divergence) -> None:
    hidden, head = case.teacher.hidden.clone().requires_grad_(), case.teacher.weight
    for teaching in (
        case.teacher,
        top_tokens(case.teacher, count=4, vocab_size=V, temperature=how.temperature),
    ):
        cost = linear_divergence(hidden, head, teaching, how)
        assert float(cost.detach()) == pytest.approx(0.0, abs=1e-10)
        (gradient,) = torch.autograd.grad(cost, [hidden])
        assert float(gradient.abs().max()) < 1e-12


def test_small_beta_is_like_the_forward_divergence(case: Case) -> None:
    def gradient(how: Divergence) -> Tensor:
        cost = linear_divergence(mild, case.head, case.teacher, how) / how.beta
        return torch.autograd.grad(cost, [mild])[0]

    mild = (
        (0.2 * case.hidden).detach().requires_grad_()
    )  # beta is small beside the least of its probabilities

    expected = gradient(Divergence("forward-kl", beta=1.0))
    torch.testing.assert_close(gradient(Divergence("jsd", beta=1e-7)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [(V + 3, V), (V, V + 2)])
def test_rows_beyond_the_smaller_table_are_left_out(case: Case, rows: tuple[int, int]) -> None:
    ours, theirs = (
        torch.cat([table, torch.ones(more - V, table.shape[1], dtype=torch.float64)])
        for table, more in zip((case.head.detach(), case.teacher.weight), rows, strict=True)
    )
    ours.requires_grad_()
    how = Divergence("forward-kl")
    cost = linear_divergence(case.hidden, ours, TeacherStates(case.teacher.hidden, theirs), how)
    expected = linear_divergence(case.hidden, case.head, case.teacher, how)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(cost, [ours])
    torch.testing.assert_close(gradient[:V], torch.autograd.grad(expected, [case.head])[0])
    assert not gradient[V:].any()


def test_rows_without_labels_have_the_divergence_alone(case: Case) -> None:
    how = Divergence("reverse-kl")
    ours = linear_divergence(case.hidden, case.head, case.teacher, how, labels_weight=0.25)
    whole = linear_divergence(case.hidden, case.head, case.teacher, how)
    torch.testing.assert_close(ours, 0.75 * whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["forward-kl", "reverse-kl", "jsd"])
def test_certain_models_give_finite_numbers(kind: DivergenceKind) -> None:
    """Float32, logits so far apart that what is unlikely has the probability zero."""
    student, teacher = (torch.eye(4, dtype=torch.float32).roll(turn, 0) * 300 for turn in (0, 1))
    hidden = torch.eye(4, requires_grad=True)
    states = TeacherStates(torch.eye(4), teacher)
    for teaching in (states, top_tokens(states, count=2, vocab_size=4, temperature=1.0)):
        cost = linear_divergence(hidden, student, teaching, Divergence(kind))
        assert math.isfinite(float(cost.detach()))
        (gradient,) = torch.autograd.grad(cost, [hidden])
        assert bool(gradient.isfinite().all())


def test_logits_are_never_there_whole(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def seen(self: TopTokens, rows: slice, log_q: Tensor, how: Divergence) -> tuple[Tensor, Tensor]:
        sizes.append(len(log_q))
        return compare(self, rows, log_q, how)

    compare = TopTokens.compare
    monkeypatch.setattr(TopTokens, "compare", seen)
    kept = top_tokens(case.teacher, count=2, vocab_size=V, temperature=1.0)
    linear_divergence(case.hidden, case.head, kept, Divergence("forward-kl"))
    assert sizes == [128, 128, 45]
