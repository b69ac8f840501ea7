"""Judges: a third model reads a request and two answers to it, and says which is better.

What judges prefer for other reasons than quality is held down, or shown:
- place: every pair is asked in both orders, and a verdict that turns with the order is a tie (Zheng et al. 2023,
  arXiv 2306.05685, section 3.4);
- length: beside how often an answer is preferred stands how often it would be at equal length (`at_equal_length`);
- kin: a judge that has an ancestor in common with either model is refused (`lineage.reads`; Panickssery et al. 2024,
  arXiv 2404.13076).

A verdict is which of two letters the judge finds likelier: nothing is written, so nothing has to be understood.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ontogeny.core.progress import Progress
from ontogeny.evaluate.scores import Floats, ItemRow, ItemScore, Metric, Scores
from ontogeny.evaluate.subject import Reader, Subject
from ontogeny.evaluate.task import Material, weights_of
from ontogeny.evaluate.trust import Judged
from ontogeny.report import numbers
from ontogeny.tasks.requests import Chat, Context, Generate, Item, Loglikelihood, Turn
from ontogeny.tasks.result_names import PREFERRED, PREFERRED_AT_EQUAL_LENGTH

LETTERS = ("A", "B")
QUESTION = """Two answers were given to the same request. Which one is better? {criterion}

The request:
{request}

Answer A:
{a}

Answer B:
{b}

Reply with one letter: A if answer A is better, B if answer B is better."""
PLAIN_LEAD = "\n\nThe better answer is"
QUOTE = "> "  # before each line of what others wrote, so that no answer can pass for our own words
LEAST_BESIDE = 5
"""Pairs with a difference to either side, or none: of fewer a single one decides where the line stands."""
WIN, TIE, LOSS = 1.0, 0.5, 0.0


@dataclass(frozen=True)
class Judge:
    """A model that judges, and by what."""

    subject: Subject
    criterion: str

    def context(self, request: str, a: str, b: str) -> Context:
        """What it reads before it says a letter."""
        request, a, b = ("\n".join(f"{QUOTE}{line}" for line in text.split("\n")) for text in (request, a, b))
        text = QUESTION.format(criterion=self.criterion, request=request, a=a, b=b)
        return Chat((Turn("user", text),)) if self.subject.conversational else text + PLAIN_LEAD

    def letter(self, place: int) -> str:
        """How it says that the answer at `place` is better."""
        return LETTERS[place] if self.subject.conversational else f" {LETTERS[place]}"


class _Pair(NamedTuple):
    """An item with the answers of both models."""

    item: Item
    request: str
    own: str
    other: str

    @property
    def longer_by(self) -> int:
        """How many characters the model's answer is longer."""
        return len(self.own) - len(self.other)


def judged(
    judge: Judge, reader: Reader, material: Material, own: Scores, other: Scores, *, progress: Progress
) -> tuple[Scores, Scores]:
    """The scores of the model and of the baseline, with how often the judge prefers the answer of either.

    Items whose answers do not fit into the judge's context with their request are in no metric.
    """
    pairs = _pairs(material.items, own, other)
    verdicts = _verdicts(judge, reader, pairs, label=f"{own.suite}: judged", progress=progress)
    read = [(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True) if verdict is not None]
    found = _told(judge, read, unread=len(pairs) - len(read))
    progress.note(f"{own.suite}: {said_of(found)}")
    own = own.model_copy(update={"judged": found})
    if not read:
        return own, other
    shares = np.array([_share(verdict) for _, verdict in read])
    longer_by = np.array([float(pair.longer_by) for pair, _ in read])
    items = [pair.item for pair, _ in read]
    return (
        _with_metrics(own, material, items, shares, longer_by),
        _with_metrics(other, material, items, 1 - shares, -longer_by),
    )


def said_of(found: Judged) -> str:
    """How far the judge can be trusted, in a line."""
    if not found.pairs:
        reasons = {"equal": found.equal, "too long for its context": found.unread}
        why = " or ".join(reason for reason, count in reasons.items() if count)
        return f"{found.judge} was not asked: all pairs of answers are {why}"
    told = (
        f"{found.judge} gave one verdict in both orders on {numbers.count(found.agreed)} of "
        f"{numbers.counted(found.pairs, 'pair')}"
    )
    if found.goes_by_place:
        return f"{told}: it goes by the place of an answer at least as much as by what it says"
    return f"{told}, too few to tell that it goes by what answers say" if found.is_unsure else told


def at_equal_length(shares: Floats, longer_by: Floats, weights: Floats) -> Floats | None:
    """Shares (n,) as they would be without a difference in length; None where nearly all of one model are longer.

    Their mean is where the straight line of least squares, through the shares over the difference, stands at no
    difference (the idea of Dubois et al. 2024, arXiv 2404.04475, whose curve is logistic); and around it they vary as
    it does, the slope being estimated too: each is the value and its item's influence on it, so that errors and tests
    of means hold. Differences are squeezed by tanh of their standard deviations, as in the paper, so that none weighs
    too much.
    """
    if not longer_by.any():
        return shares
    if min((longer_by >= 0).sum(), (longer_by <= 0).sum()) < LEAST_BESIDE:
        return None
    x = np.tanh(longer_by / longer_by.std())
    mean, square = (float(np.average(each, weights=weights)) for each in (x, x * x))
    centre = float(np.average(shares, weights=weights))
    slope = float(np.average((x - mean) * (shares - centre), weights=weights)) / (square - mean**2)
    value = centre - slope * mean
    influence: Floats = value + (shares - value - slope * x) * (square - mean * x) / (square - mean**2)
    return influence


def _pairs(items: Sequence[Item], own: Scores, other: Scores) -> list[_Pair]:
    """Items that both models answered."""
    mine, theirs = _answers(own), _answers(other)
    return [
        _Pair(item, *_shown(item, mine[item.id], theirs[item.id]))
        for item in items
        if item.id in mine and item.id in theirs
    ]


def _answers(scores: Scores) -> dict[str, str]:
    """What the model wrote, by item, first of all repeats; not what it wrote when it was asked otherwise."""
    return {
        row.item: row.outputs[0].strip() for row in scores.rows if row.outputs and row.suite == scores.suite
    }


def _shown(item: Item, *answers: str) -> tuple[str, ...]:
    """What was asked and what was answered: of a conversation what the system says and the last turn, for those before
    it are examples; and answers with the beginning that was given."""
    asked = item.requests[0]
    assert isinstance(asked, Generate), "the configuration lets judges read written answers only"
    context = asked.context
    if not isinstance(context, Chat):
        return context, *answers
    system = [turn.content for turn in context.turns if turn.role == "system"]
    request = "\n\n".join([*system, context.turns[-1].content])
    return request, *(context.opening + answer for answer in answers)


_Verdict = tuple[float, float]
"""Whether the model's answer was preferred: standing first, and standing second. Equal answers are a tie in both."""


def _verdicts(
    judge: Judge, reader: Reader, pairs: Sequence[_Pair], *, label: str, progress: Progress
) -> list[_Verdict | None]:
    """Of each pair; None where the judge cannot read it whole. Equal answers are not asked."""
    asked = [pair for pair in pairs if pair.own != pair.other]
    orders = [
        judge.context(pair.request, *answers)
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
            found[pair.item.id] = None
            continue
        liking = [one.logprob for one in whole]
        found[pair.item.id] = _preferred(liking[0], liking[1]), _preferred(liking[3], liking[2])
    return [found.get(pair.item.id, (TIE, TIE)) for pair in pairs]


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
    scores: Scores, material: Material, items: Sequence[Item], shares: Floats, longer_by: Floats
) -> Scores:
    """The scores with both metrics of the model whose answers are preferred in `shares`."""
    weights = np.array(weights_of(items, material))
    preferred = Metric(
        name=PREFERRED,
        form=scores.forms()[0],
        items=tuple(item.id for item in items),
        groups=tuple(item.group for item in items),
        tops=tuple((shares * weights).tolist()),
        bottoms=tuple(weights.tolist()),
        strata=tuple(item.task for item in items) if material.is_group else (),
    )
    metrics = [preferred]
    if (controlled := at_equal_length(shares, longer_by, weights)) is not None:
        tops = tuple((controlled * weights).tolist())
        metrics.append(preferred.model_copy(update={"name": PREFERRED_AT_EQUAL_LENGTH, "tops": tops}))
    verdicts = dict(zip(preferred.items, shares.tolist(), strict=True))
    rows = tuple(_with_share(row, verdicts) if row.suite == scores.suite else row for row in scores.rows)
    return scores.model_copy(update={"metrics": (*scores.metrics, *metrics), "rows": rows})


def _with_share(row: ItemRow, shares: Mapping[str, float]) -> ItemRow:
    if row.item not in shares:
        return row
    score = ItemScore(metric=PREFERRED, top=shares[row.item], bottom=1.0)
    return row.model_copy(update={"scores": (*(row.scores or ()), score)})
