"""Multiple-choice questions: which forms a model is asked in, its answers, and how often they are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Bar, Progress
from ontogeny.evaluate.scores import ItemRow, Metric, Scores
from ontogeny.evaluate.subject import Reader
from ontogeny.evaluate.suites import MultipleChoiceSuite
from ontogeny.tasks.multiple_choice import (
    RULES,
    Answer,
    Form,
    MultipleChoiceItem,
    Prompt,
    ask,
    chance,
    choose,
    prompt_of,
    read_items,
)

PAIRS_AT_ONCE = 256  # continuations between two ticks of the bar


@dataclass(frozen=True)
class Material:
    """The questions, in the order of their ids, and how often guessing is right."""

    items: tuple[MultipleChoiceItem, ...]
    chance: float


def prepare(suite: MultipleChoiceSuite, folder: Path, *, name: str, limit: int | None) -> Material:
    """Read the held-out questions, at most `limit` and at most `suite.n`.

    Raises:
        DataError: there is none, or one that cannot be right.
    """
    caps = [cap for cap in (suite.n, limit) if cap is not None]
    items = read_items(folder, name=name, limit=min(caps, default=None))
    return Material(tuple(items), chance(items))


def score(
    suite: MultipleChoiceSuite,
    material: Material,
    reader: Reader,
    *,
    model: str,
    forms: Sequence[Form],
    progress: Progress,
) -> Scores:
    """Ask every question in every form.

    Raises:
        DataError: no question fits into the model's context.
    """
    items = [item for item in material.items if all(reader.fits(choice) for choice in item.choices)]
    if not items:
        raise DataError(
            f"no question of {suite.name!r} fits: every one has a choice longer than the model's context",
            where=model, hint="train with a longer seq_len, or shorten the choices",
        )  # fmt: skip
    metrics: list[Metric] = []
    rows: list[ItemRow] = []
    truncated = 0
    pairs = sum(len(item.choices) for item in items) + len(
        {choice for item in items for choice in item.choices}
    )
    with progress.bar(f"{suite.name}: {model}", total=len(forms) * pairs, unit="choices") as bar:
        for form in forms:
            answers = ask(items, form, _Scoring(reader, bar))
            metrics += _metrics(items, answers, form)
            rows += _rows(suite, items, answers, form, model)
            truncated += sum(_is_truncated(reader, item, form) for item in items)
    return Scores(
        suite=suite.name,
        metrics=tuple(metrics),
        rows=tuple(rows),
        counts={"truncated_prompts": truncated, "left_out_items": len(material.items) - len(items)},
        figures={"chance": chance(items)},
    )


class _Scoring:
    """The scorer that `ask` is given: the reader, with a bar. Continuations of one prompt stay in one call."""

    def __init__(self, reader: Reader, bar: Bar) -> None:
        self._reader, self._bar = reader, bar

    def __call__(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        scores: list[float] = []
        batch: list[tuple[Prompt, str]] = []
        for position, pair in enumerate(pairs):
            batch.append(pair)
            last = position + 1 == len(pairs)
            if last or (len(batch) >= PAIRS_AT_ONCE and pairs[position + 1][0] != pair[0]):
                scores += self._reader.choice_logprobs(batch)
                self._bar.advance(len(batch))
                batch = []
        return scores


def _metrics(items: Sequence[MultipleChoiceItem], answers: Sequence[Answer], form: Form) -> list[Metric]:
    return [
        Metric(
            name=rule,
            form=form,
            items=tuple(item.id for item in items),
            groups=tuple(item.group for item in items),
            tops=tuple(
                float(choose(item, answer, rule) == item.gold)
                for item, answer in zip(items, answers, strict=True)
            ),
            bottoms=(1.0,) * len(items),
        )
        for rule in RULES
    ]


def _rows(
    suite: MultipleChoiceSuite,
    items: Sequence[MultipleChoiceItem],
    answers: Sequence[Answer],
    form: Form,
    model: str,
) -> list[ItemRow]:
    rows = []
    for item, answer in zip(items, answers, strict=True):
        chosen = choose(item, answer, suite.primary)
        rows.append(
            ItemRow(
                suite=suite.name, type=suite.type, model=model, form=form, item=item.id, group=item.group,
                prompt=prompt_of(item, form).text, choices=item.choices, gold=item.gold, logprobs=answer.logprobs,
                neutral_logprobs=answer.neutral_logprobs, chosen=chosen, correct=chosen == item.gold,
            )
        )  # fmt: skip
    return rows


def _is_truncated(reader: Reader, item: MultipleChoiceItem, form: Form) -> bool:
    longest = max(item.choices, key=lambda choice: len(choice.encode()))
    return reader.is_truncated(prompt_of(item, form), longest)
