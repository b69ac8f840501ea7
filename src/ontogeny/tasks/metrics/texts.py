"""What can be said of a written answer without a reference: repetition, length, speed.

N-grams are of words between white space. An answer of fewer than n words counts as a single n-gram: it repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ontogeny.tasks.metrics.kind import Judge, Judgement, MetricKind
from ontogeny.tasks.requests import Answer, Item, OutputType, Written

DISTINCT_ORDERS = (1, 2, 3)
REPEATED_ORDERS = (2, 3, 4)
LEAST_SECONDS = 1e-6  # what no time at all counts as
WRITTEN: frozenset[OutputType] = frozenset({"generate_until"})


def ngrams(text: str, order: int) -> tuple[int, int]:
    """How many different n-grams of words there are, and how many in all."""
    words = text.split()
    width = min(order, len(words))
    found = [tuple(words[at : at + width]) for at in range(len(words) - width + 1)]
    return len(set(found)), len(found)


def _distinct(name: str, order: int) -> Judge:
    """Different n-grams over all n-grams, both added up over answers (Li et al. 2016, arXiv 1510.03055, but within
    each answer)."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        counted = [ngrams(str(output), order) for output in answer.outputs]
        return {name: (float(sum(one for one, _ in counted)), float(sum(count for _, count in counted)))}

    return judge


def _repeated(name: str, order: int) -> Judge:
    """seq-rep-n: the share of an answer's n-grams that stood in it before, averaged over answers (Welleck et al. 2019,
    arXiv 1908.04319, of words instead of tokens)."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        counted = [ngrams(str(output), order) for output in answer.outputs]
        return {name: (sum(1 - different / count for different, count in counted) / len(counted), 1.0)}

    return judge


def _per_answer(name: str, size: Callable[[Written], float]) -> Judge:
    """The mean over everything the model wrote, before filters."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        return {name: (sum(map(size, answer.written)), float(len(answer.written)))}

    return judge


def _speed(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    seconds = sum(one.seconds for one in answer.written)
    tokens = sum(one.tokens for one in answer.written)
    return {"tokens_per_second": (float(tokens), max(seconds, LEAST_SECONDS))}


def _size(name: str, size: Callable[[Written], float], *, better: bool | None, share: bool) -> MetricKind:
    return MetricKind(name, WRITTEN, _per_answer(name, size), higher_is_better=better, share=share)


METRICS = (
    *(
        MetricKind(f"distinct_{order}", WRITTEN, _distinct(f"distinct_{order}", order))
        for order in DISTINCT_ORDERS
    ),
    *(
        MetricKind(f"seq_rep_{order}", WRITTEN, _repeated(f"seq_rep_{order}", order), higher_is_better=False)
        for order in REPEATED_ORDERS
    ),
    _size("answer_words", lambda one: float(len(one.text.split())), better=None, share=False),
    _size("answer_tokens", lambda one: float(one.tokens), better=None, share=False),
    _size("cut_short", lambda one: float(one.finish_reason == "length"), better=False, share=True),
    _size("seconds_per_answer", lambda one: one.seconds, better=False, share=False),
    MetricKind("tokens_per_second", WRITTEN, _speed, share=False),
)
