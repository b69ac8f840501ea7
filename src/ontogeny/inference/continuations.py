"""How likely a model finds continuations, and whether it would have written them: what tasks ask for.

Everything that is asked at once is computed at once: what texts begin with alike a single time (`shared_beginnings`),
the rest end to end in passes without padding, and logits only where a token of a continuation is predicted. Natural
logarithms, summed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.inference.shared_beginnings import Layout, lay_out, passes
from ontogeny.model.transformer import Transformer

PASS_TOKENS = 2048  # of a forward pass: fewer cost up to a fifth of the speed on two cores, more gain nothing
HEAD_ROWS = 256  # states whose logits stand at once

T = TypeVar("T")


class ContinuationScore(NamedTuple):
    """How likely a continuation is."""

    logprob: float
    """Natural logarithm."""
    is_greedy: bool
    """Whether every token of it is the likeliest one at its place."""
    tokens: int
    """Of the continuation."""


def score_continuations(
    model: Transformer,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    pass_tokens: int = PASS_TOKENS,
    advance: Callable[[int], None] = lambda pairs: None,
) -> list[ContinuationScore]:
    """How likely each continuation is after its context (ids of both; neither is empty).

    What pairs begin with alike is computed once, wherever they stand among `pairs`; a forward pass computes about
    `pass_tokens` tokens, none of them padding. `advance` is told of pairs that are done.

    Raises:
        UsageError: an empty context or continuation, or both together longer than the model's context.
    """
    for context, continuation in pairs:
        _check(model, len(context), len(continuation))
    read = [
        (*context, *continuation[:-1]) for context, continuation in pairs
    ]  # the last token is only a target
    asked: dict[tuple[int, ...], list[int]] = {}
    for number, ids in enumerate(read):
        asked.setdefault(ids, []).append(number)
    texts = [np.array(ids, dtype=np.int64) for ids in sorted(asked)]
    askers = [asked[ids] for ids in sorted(asked)]
    scores: dict[int, ContinuationScore] = {}
    for run in passes(texts, tokens=pass_tokens):
        targets = [[pairs[number][1] for number in askers[text]] for text in run]
        found = _score_pass(model, lay_out([texts[text] for text in run]), targets)
        numbers = [number for text in run for number in askers[text]]
        scores |= zip(numbers, found, strict=True)
        advance(len(numbers))
    return [scores[number] for number in range(len(pairs))]


def _score_pass(
    model: Transformer, layout: Layout, targets: Sequence[Sequence[Sequence[int]]]
) -> list[ContinuationScore]:
    """Scores of `targets[i]`, continuations that end one token behind text i of `layout`, one after another."""
    wanted = [
        (rows[len(rows) - len(ids) :], ids)
        for rows, several in zip(layout.rows, targets, strict=True)
        for ids in several
    ]
    places, at = np.unique(np.concatenate([rows for rows, _ in wanted]), return_inverse=True)
    tokens = torch.tensor([token for _, ids in wanted for token in ids], device=model.device)
    with torch.inference_mode():
        wanted_places = torch.from_numpy(places).to(model.device)
        states = model.hidden(layout.tokens.to(model.device), branches=layout.branches, at=wanted_places)[0]
        values, best = _logprobs_at(model, states, torch.from_numpy(at), tokens)
    lengths = [len(ids) for _, ids in wanted]
    likeliest = _parts((best == tokens).tolist(), lengths)
    return [
        ContinuationScore(math.fsum(logprobs), all(greedy), len(logprobs))
        for logprobs, greedy in zip(_parts(values.tolist(), lengths), likeliest, strict=True)
    ]


def _logprobs_at(model: Transformer, states: Tensor, at: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability (N,) of `tokens` (N,) at `states` (P, C)[at], and the likeliest tokens there; (N,) `at` in P."""
    values = torch.empty(len(tokens), dtype=torch.float64)
    best = torch.empty_like(tokens)
    for begin in range(0, len(states), HEAD_ROWS):
        logits = model.head(states[begin : begin + HEAD_ROWS]).float()
        here = ((at >= begin) & (at < begin + HEAD_ROWS)).nonzero().squeeze(1)
        rows = (at[here] - begin).to(logits.device)
        here_tokens = tokens[here]
        values[here] = (logits[rows, here_tokens] - logits.logsumexp(dim=-1)[rows]).double().cpu()
        best[here] = logits.argmax(dim=-1)[rows]
    return values, best


def _parts(values: Sequence[T], lengths: Sequence[int]) -> Iterator[Sequence[T]]:
    """`values` cut into runs of these lengths."""
    ends = list(accumulate(lengths))
    return (values[end - length : end] for end, length in zip(ends, lengths, strict=True))


def _check(model: Transformer, context: int, continuation: int) -> None:
    """Refuse a context and a continuation of these many tokens."""
    if not context or not continuation:
        raise UsageError("a context and a continuation have at least one token each")
    longest = context + continuation - 1  # the last token is only a target
    if longest > model.config.seq_len:
        raise UsageError(
            f"context and continuation have {longest + 1:,} tokens, the model's context {model.config.seq_len:,}",
            hint="cut the context from the left",
        )
