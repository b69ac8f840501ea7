"""Questions with a fixed list of choices: reading them, asking them in two forms, choosing by log-probability.

A model answers by which choice it finds likeliest after the question. The question is put in one of two forms: `chat`,
as a user's turn in a conversation, or `plain`, as a document would put it, for models that were never tuned to answer.

Three rules turn log-probabilities into a choice, under the names that lm-evaluation-harness uses:

    acc               the largest sum: favours short choices
    acc_bytes         the largest sum per byte: favours long, predictable ones
    acc_mutual_info   the largest gain over a neutral question: how much the question, not habit, speaks for the
                      choice (domain-conditional PMI; Holtzman et al. 2021, arXiv 2104.08315, section 4)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from ontogeny.core.errors import DataError
from ontogeny.records.parts import part_paths, read_parts

Form = Literal["chat", "plain"]
Rule = Literal["acc", "acc_bytes", "acc_mutual_info"]
RULES: tuple[Rule, ...] = get_args(Rule)

LEAST_CHOICES = 2
NEUTRAL = "Answer:"  # the neutral question where the questions have nothing in common
COLUMNS = ["doc_id", "group", "split", "locator", "prompt", "context", "choices", "gold"]


@dataclass(frozen=True, slots=True)
class MultipleChoiceItem:
    """A question. `prompt` asks it in a conversation, `context` as a document would (each choice continues it)."""

    id: str
    group: str
    prompt: str
    context: str
    choices: tuple[str, ...]
    gold: int


class Prompt(NamedTuple):
    """What stands before a choice, and whether it is a user's turn or the beginning of a document."""

    form: Form
    text: str


Scorer = Callable[[Sequence[tuple[Prompt, str]]], Sequence[float]]
"""Natural-log probability of each continuation after its prompt, summed over the continuation's tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Log-probabilities (nats) of an item's choices: after the question, and after the neutral one."""

    logprobs: tuple[float, ...]
    neutral_logprobs: tuple[float, ...]


def read_items(
    folder: Path, *, name: str, split: str = "held_out", limit: int | None = None
) -> list[MultipleChoiceItem]:
    """The items of one split of an `examples` payload, in the order of their ids; the first `limit` of them.

    Ids are digests, so the first items are as good a sample as any, whatever order they were written in.

    Raises:
        DataError: not multiple-choice examples, no item in the split, or an item that cannot be right; says which.
    """
    _require_columns(folder, name)
    rows = [row for row in read_parts(folder, COLUMNS) if row["split"] == split]
    if not rows:
        raise DataError(
            f"no multiple-choice item is in the split {split!r}",
            where=name,
            hint="raise held_out_fraction in the step that made it, or give it more groups to choose from",
        )
    rows.sort(key=lambda row: str(row["doc_id"]))
    return [_item(row, name) for row in rows[:limit]]


def ask(items: Sequence[MultipleChoiceItem], form: Form, scorer: Scorer) -> list[Answer]:
    """Score every choice of every item in one form; each neutral continuation is scored once."""
    prompts = [prompt_of(item, form) for item in items]
    scores = iter(
        scorer(
            [(prompt, choice) for prompt, item in zip(prompts, items, strict=True) for choice in item.choices]
        )
    )
    neutral = Prompt(form, neutral_text([prompt.text for prompt in prompts]))
    every = {choice for item in items for choice in item.choices}
    distinct = sorted(
        every, key=lambda choice: (len(choice.encode()), choice)
    )  # neighbours of one length batch well
    neutral_scores = dict(zip(distinct, scorer([(neutral, choice) for choice in distinct]), strict=True))
    return [
        Answer(
            logprobs=tuple(next(scores) for _ in item.choices),
            neutral_logprobs=tuple(neutral_scores[choice] for choice in item.choices),
        )
        for item in items
    ]


def choose(item: MultipleChoiceItem, answer: Answer, rule: Rule) -> int:
    """The position of the choice that `rule` picks; the first of equals."""
    if rule == "acc":
        scores = list(answer.logprobs)
    elif rule == "acc_bytes":
        sizes = [max(1, len(choice.encode())) for choice in item.choices]
        scores = [value / size for value, size in zip(answer.logprobs, sizes, strict=True)]
    else:
        pairs = zip(answer.logprobs, answer.neutral_logprobs, strict=True)
        scores = [value - neutral for value, neutral in pairs]
    return max(range(len(scores)), key=scores.__getitem__)


def prompt_of(item: MultipleChoiceItem, form: Form) -> Prompt:
    """The item's question in one form; without a context the plain form is `Question: ... Answer:`."""
    if form == "chat":
        return Prompt(form, item.prompt)
    return Prompt(form, item.context or f"Question: {item.prompt}\nAnswer: ")


def neutral_text(texts: Sequence[str]) -> str:
    """What all questions begin and end with, nothing between: the question without what is asked about."""
    if len(set(texts)) < LEAST_CHOICES:
        return NEUTRAL
    head = _common_beginning(texts)
    tail = _common_beginning([text[len(head) :][::-1] for text in texts])[::-1]
    return head + tail or NEUTRAL


def _common_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # what these two share, all between them share
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def chance(items: Iterable[MultipleChoiceItem]) -> float:
    """Accuracy of guessing, averaged over the items."""
    shares = [1 / len(item.choices) for item in items]
    return math.fsum(shares) / len(shares)


def _require_columns(folder: Path, name: str) -> None:
    import pyarrow.parquet as pq

    parts = part_paths(folder)
    known = set(pq.read_schema(parts[0]).names) if parts else set()
    missing = [column for column in COLUMNS if column not in known]
    if missing:
        raise DataError(
            f"these are not multiple-choice examples: no column {missing[0]!r}",
            where=name,
            hint="name an `examples` step with `task: multiple-choice`",
        )


def _item(row: Mapping[str, object], name: str) -> MultipleChoiceItem:
    choices = row["choices"] if isinstance(row["choices"], list) else []
    gold = row["gold"]
    where = f"{name}, {row['locator']}"
    if len(choices) < LEAST_CHOICES or any(not isinstance(choice, str) or not choice for choice in choices):
        raise DataError(
            f"item {row['doc_id']} needs at least {LEAST_CHOICES} choices, none of them empty", where=where,
            hint="mend or remove the row, then run the recipe again",
        )  # fmt: skip
    if not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise DataError(
            f"item {row['doc_id']}: gold is {gold}, but its {len(choices)} choices count from 0", where=where,
            hint="mend or remove the row, then run the recipe again",
        )  # fmt: skip
    prompt, context = row["prompt"], row["context"]
    return MultipleChoiceItem(
        id=str(row["doc_id"]),
        group=str(row["group"]),
        prompt=prompt if isinstance(prompt, str) else "",
        context=context if isinstance(context, str) else "",
        choices=tuple(str(choice) for choice in choices),
        gold=gold,
    )
