"""Judges: a third model reads a question and two answers to it, and says which is better.

What judges prefer for other reasons than quality is held down, or shown:
- place: every pair is asked in both orders, and a verdict that turns with the order is a tie (Zheng et al. 2023,
  arXiv 2306.05685, section 3.4);
- length: beside how often an answer is preferred stands how often it would be at equal length, by a straight line
  through the verdicts over the difference in length (the idea of Dubois et al. 2024, arXiv 2404.04475, whose curve is
  a logistic one);
- kin: a judge that has an ancestor in common with either model is refused (`lineage.reads`; Panickssery et al. 2024,
  arXiv 2404.13076).

A verdict is which of two letters the judge finds likelier: nothing is written, so nothing has to be understood.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ontogeny.core.progress import Progress
from ontogeny.evaluate.scores import ItemRow, ItemScore, Metric, Scores
from ontogeny.evaluate.subject import Reader, Subject
from ontogeny.evaluate.trust import Judged
from ontogeny.report import numbers
from ontogeny.tasks.metrics.statistic import AT_EQUAL
from ontogeny.tasks.requests import Chat, Context, Generate, Item, Loglikelihood, Turn
from ontogeny.tasks.result_names import PREFERRED, PREFERRED_AT_EQUAL_LENGTH

LETTERS = ("A", "B")
QUESTION = """Two answers were given to the same request. Which one is better? {criterion}

[The request]
{question}

[Answer A]
{a}

[Answer B]
{b}

Reply with one letter: A if answer A is better, B if answer B is better."""
PLAIN_LEAD = "\n\nThe better answer is"
WIN, TIE, LOSS = 1.0, 0.5, 0.0


@dataclass(frozen=True)
class Judge:
    """A model that judges, and by what."""

    subject: Subject
    criterion: str

    def context(self, question: str, a: str, b: str) -> Context:
        """What it reads before it says a letter."""
        text = QUESTION.format(criterion=self.criterion, question=question, a=a, b=b)
        return Chat((Turn("user", text),)) if self.subject.conversational else text + PLAIN_LEAD

    def letter(self, place: int) -> str:
        """How it says that the answer at `place` is better."""
        return LETTERS[place] if self.subject.conversational else f" {LETTERS[place]}"


class _Pair(NamedTuple):
    """An item with the answers of both models."""

    item: str
    group: str
    question: str
    own: str
    other: str

    @property
    def longer_by(self) -> int:
        """How many characters the model's answer is longer."""
        return len(self.own) - len(self.other)


def judged(
    judge: Judge, reader: Reader, items: Sequence[Item], own: Scores, other: Scores, *, progress: Progress
) -> tuple[Scores, Scores]:
    """The scores of the model and of the baseline, with how often the judge prefers the answer of either.

    Items whose answers do not fit into the judge's context with their question are in neither metric.
    """
    pairs = _pairs(items, own, other)
    verdicts = _verdicts(judge, reader, pairs, label=f"{own.suite}: judged", progress=progress)
    read = [(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True) if verdict is not None]
    if not read:
        progress.note(
            f"{own.suite}: no pair of answers fits into the context of the judge, {judge.subject.name}"
        )
        return own, other
    found = _told(judge, read, unread=len(pairs) - len(read))
    progress.note(f"{own.suite}: {said_of(found)}")
    shares = {pair.item: _share(verdict) for pair, verdict in read}
    of_model = _with_metrics(own, read, shares, sign=1)
    of_baseline = _with_metrics(other, read, {item: 1 - share for item, share in shares.items()}, sign=-1)
    return of_model.model_copy(update={"judged": found}), of_baseline


def said_of(found: Judged) -> str:
    """How far the judge can be trusted, in a line."""
    told = (
        f"{found.judge} gave one verdict in both orders on {numbers.count(found.agreed)} of "
        f"{numbers.counted(found.pairs, 'pair')}"
    )
    return (
        f"{told}: it goes by the place of an answer as much as by what it says" if found.is_unsure else told
    )


def _pairs(items: Sequence[Item], own: Scores, other: Scores) -> list[_Pair]:
    """Items that both models answered."""
    mine, theirs = _answers(own), _answers(other)
    return [
        _Pair(item.id, item.group, _question(item), mine[item.id], theirs[item.id])
        for item in items
        if item.id in mine and item.id in theirs
    ]


def _answers(scores: Scores) -> dict[str, str]:
    """What the model wrote, by item; not what it wrote when it was asked otherwise."""
    return {
        row.item: row.outputs[0].strip() for row in scores.rows if row.outputs and row.suite == scores.suite
    }


def _question(item: Item) -> str:
    """What was asked: of a conversation its last turn."""
    request = item.requests[0]
    assert isinstance(request, Generate), "the configuration lets judges read written answers only"
    context = request.context
    return context.turns[-1].content if isinstance(context, Chat) else context


_Verdict = tuple[float, float]
"""Whether the model's answer was preferred: standing first, and standing second. Equal answers are a tie in both."""


def _verdicts(
    judge: Judge, reader: Reader, pairs: Sequence[_Pair], *, label: str, progress: Progress
) -> list[_Verdict | None]:
    """Of each pair; None where the judge cannot read it whole. Equal answers are not asked."""
    asked = [pair for pair in pairs if pair.own != pair.other]
    orders = [
        judge.context(pair.question, *answers)
        for pair in asked
        for answers in ((pair.own, pair.other), (pair.other, pair.own))
    ]
    requests = [Loglikelihood(context, judge.letter(place)) for context in orders for place in (0, 1)]
    with progress.bar(label, total=len(requests), unit="requests") as bar:
        answered = iter(reader.logprobs(requests, advance=bar.advance) if requests else [])
    found: dict[str, _Verdict | None] = {}
    for pair in asked:
        first_a, first_b, second_a, second_b = (next(answered) for _ in range(4))
        whole = [
            one for one in (first_a, first_b, second_a, second_b) if one is not None and not one.truncated
        ]
        if len(whole) < 4:
            found[pair.item] = None
            continue
        liking = [one.logprob for one in whole]
        found[pair.item] = _preferred(liking[0], liking[1]), _preferred(liking[3], liking[2])
    return [found.get(pair.item, (TIE, TIE)) for pair in pairs]


def _preferred(own: float, other: float) -> float:
    return TIE if own == other else WIN if own > other else LOSS


def _share(verdict: _Verdict) -> float:
    """1 where the model's answer is better, 0 where the other is, a half where the order decides."""
    return verdict[0] if verdict[0] == verdict[1] else TIE


def _told(judge: Judge, read: Sequence[tuple[_Pair, _Verdict]], *, unread: int) -> Judged:
    asked = [(pair, verdict) for pair, verdict in read if pair.own != pair.other]
    firsts = [side for _, (first, second) in asked for side in (first, 1 - second)]
    decided = [
        (pair, _share(verdict)) for pair, verdict in asked if _share(verdict) != TIE and pair.longer_by
    ]
    longer = [(pair.longer_by > 0) == (share == WIN) for pair, share in decided]
    return Judged(
        judge=judge.subject.name,
        digest=judge.subject.digest,
        criterion=judge.criterion,
        pairs=len(asked),
        equal=len(read) - len(asked),
        unread=unread,
        agreed=sum(_share(verdict) != TIE for _, verdict in asked),
        first=statistics.fmean(firsts) if firsts else None,
        longer=statistics.fmean(longer) if longer else None,
    )


def _with_metrics(
    scores: Scores, read: Sequence[tuple[_Pair, _Verdict]], shares: Mapping[str, float], *, sign: int
) -> Scores:
    """The scores with both metrics; `sign` is -1 for the model that differences in length are not told of."""
    pairs = [pair for pair, _ in read]
    values = tuple(shares[pair.item] for pair in pairs)
    lengths = [sign * length for length in _lengths(pairs)]
    preferred = Metric(
        name=PREFERRED,
        form=scores.forms()[0],
        items=tuple(pair.item for pair in pairs),
        groups=tuple(pair.group for pair in pairs),
        tops=values,
        bottoms=(1.0,) * len(values),
    )
    points = zip(lengths, values, strict=True)
    controlled = preferred.model_copy(
        update={
            "name": PREFERRED_AT_EQUAL_LENGTH,
            "tops": (),
            "bottoms": (),
            "statistic": AT_EQUAL,
            "summands": tuple((1.0, x, x * x, y, x * y) for x, y in points),
        }
    )
    rows = tuple(_with_share(row, shares) if row.suite == scores.suite else row for row in scores.rows)
    return scores.model_copy(update={"metrics": (*scores.metrics, preferred, controlled), "rows": rows})


def _lengths(pairs: Sequence[_Pair]) -> list[float]:
    """Differences in length, in the units of AlpacaEval: tanh of standard deviations, so that none weighs too much."""
    differences = [pair.longer_by for pair in pairs]
    deviation = math.sqrt(statistics.fmean(one * one for one in differences))
    return [math.tanh(one / deviation) if deviation else 0.0 for one in differences]


def _with_share(row: ItemRow, shares: Mapping[str, float]) -> ItemRow:
    if row.item not in shares:
        return row
    score = ItemScore(metric=PREFERRED, top=shares[row.item], bottom=1.0)
    return row.model_copy(update={"scores": (*(row.scores or ()), score)})
