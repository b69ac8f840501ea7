"""Order effects: items whose prompt lists choices by letters, asked in every rotation of the choices.

Models prefer letters and places (Zheng et al. 2024, arXiv 2309.03882): the same questions in another order give another
accuracy. Only the order in which choices are shown can matter, so tasks that score choices without showing them are
refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ontogeny.core.errors import UsageError
from ontogeny.evaluate.scores import Metric, Scores
from ontogeny.evaluate.suites import ROTATED_RULE
from ontogeny.evaluate.trust import OrderEffects
from ontogeny.tasks.requests import Chat, Context, Item, Loglikelihood, Request
from ontogeny.tasks.result_names import ALL_ROTATIONS

KIND = "rotated-"


@dataclass(frozen=True)
class _Listed:
    """A prompt cut at its last list of choices: what stands before each choice, the choices, and what follows them."""

    before: tuple[str, ...]
    choices: tuple[str, ...]
    tail: str

    def rotated(self, by: int) -> str:
        count = len(self.choices)
        moved = (self.choices[(place + by) % count] for place in range(count))
        return "".join(one for pair in zip(self.before, moved, strict=True) for one in pair) + self.tail


def rotations_of(items: Sequence[Item], *, suite: str) -> dict[str, tuple[Item, ...]]:
    """The items with their choices moved on by one letter, by two, and so on: `rotated-1`, `rotated-2`, ...

    Raises:
        UsageError: choices that are not shown by letters in the prompt.
    """
    tails = {task: _tail([item for item in items if item.task == task], suite) for task in _tasks(items)}
    listed = [_listed(item, tails[item.task], suite) for item in items]
    most = max(len(item.choices) for item in items)
    return {
        f"{KIND}{by}": tuple(
            _rotated(item, lists, by)
            for item, lists in zip(items, listed, strict=True)
            if by < len(item.choices)
        )
        for by in range(1, most)
    }


def with_order(scores: Scores) -> Scores:
    """The scores with what the rotations among their variants come to, as figures and as a metric."""
    rotations = {kind: metrics for kind, metrics in scores.variants.items() if kind.startswith(KIND)}
    if not rotations:
        return scores
    plain = next(metric for metric in scores.metrics if metric.name == ROTATED_RULE)
    rotated = [metric for metrics in rotations.values() for metric in metrics if metric.name == ROTATED_RULE]
    every = _right_in_all(plain, rotated)
    return scores.model_copy(
        update={
            "metrics": (*scores.metrics, every),
            "order": _effects(scores, [plain, *rotated], every, list(rotations)),
        }
    )


def _right_in_all(plain: Metric, rotated: Sequence[Metric]) -> Metric:
    """The metric whose items count as right where they are in all rotations."""
    wrong = {
        item for metric in rotated for item, top in zip(metric.items, metric.tops, strict=True) if top == 0
    }
    tops = tuple(0.0 if item in wrong else top for item, top in zip(plain.items, plain.tops, strict=True))
    return plain.model_copy(update={"name": ALL_ROTATIONS, "tops": tops})


def _effects(scores: Scores, metrics: Sequence[Metric], every: Metric, kinds: Sequence[str]) -> OrderEffects:
    by = {scores.suite: 0} | {f"{scores.suite}/{kind}": int(kind.removeprefix(KIND)) for kind in kinds}
    taken: dict[str, list[int]] = {}
    letters: Counter[str] = Counter()
    for row in scores.rows:
        if row.suite in by and row.choices and row.chosen is not None:
            letters.update(dict.fromkeys(map(str.strip, row.choices), 0))
            letters[row.choices[row.chosen].strip()] += 1
            taken.setdefault(row.item, []).append((row.chosen + by[row.suite]) % len(row.choices))
    same = sum(len(set(places)) == 1 for places in taken.values())
    return OrderEffects(
        accuracy=tuple(metric.value for metric in metrics),
        all_right=every.value,
        same_answer=same / len(taken),
        letters={letter: count / letters.total() for letter, count in sorted(letters.items())},
        items=len(taken),
    )


def _tasks(items: Iterable[Item]) -> list[str]:
    return list(dict.fromkeys(item.task for item in items))


def _rotated(item: Item, listed: Mapping[Context, _Listed], by: int) -> Item:
    count = len(item.choices)
    requests = tuple(_moved(request, listed, by) for request in item.requests)
    return replace(item, requests=requests, gold=tuple((place - by) % count for place in item.gold))


def _moved(request: Request, listed: Mapping[Context, _Listed], by: int) -> Request:
    if not isinstance(request, Loglikelihood) or request.context not in listed:
        return request
    return replace(request, context=_with_text(request.context, listed[request.context].rotated(by)))


def _listed(item: Item, tail: str, suite: str) -> dict[Context, _Listed]:
    """The contexts of an item, cut at their lists; the empty one of `acc_mutual_info` has none."""
    contexts = dict.fromkeys(
        request.context for request in item.requests if isinstance(request, Loglikelihood) and request.context
    )
    return {context: _cut(_text(context), item, tail, suite) for context in contexts}


def _tail(items: Sequence[Item], suite: str) -> str:
    """What follows the last choice in the prompts of a task: the same in all, so the shortest of what may."""
    tails = []
    for item in items:
        text = _text(_context(item, suite))
        end = _places(text, item, suite)[-1].end()
        line = text.find("\n", end)
        tails.append(text[line:] if line >= 0 else "")
    return min(tails, key=len)


def _cut(text: str, item: Item, tail: str, suite: str) -> _Listed:
    places = _places(text, item, suite)
    end = len(text) - len(tail)
    if not text.endswith(tail) or end < places[-1].end():
        raise _refusal(item, suite)
    before, choices, last = [], [], 0
    for number, place in enumerate(places):
        stop = places[number + 1].start() if number + 1 < len(places) else end
        choice = (
            text[place.end() : stop].rstrip("\n") if number + 1 < len(places) else text[place.end() : stop]
        )
        before.append(text[last : place.end()])
        choices.append(choice)
        last = place.end() + len(choice)
    return _Listed(tuple(before), tuple(choices), text[last:])


def _places(text: str, item: Item, suite: str) -> list[re.Match[str]]:
    """Where the letters of the last list stand, each at the beginning of a line."""
    labels = [choice.strip() for choice in item.choices]
    if not labels or any(len(label) != 1 for label in labels):
        raise _refusal(item, suite)
    found: list[re.Match[str]] = []
    end = len(text)
    for label in reversed(labels):
        marks = list(re.finditer(rf"^\(?{re.escape(label)}[.):][ \t]*", text[:end], re.MULTILINE))
        if not marks:
            raise _refusal(item, suite)
        found.insert(0, marks[-1])
        end = marks[-1].start()
    return found


def _context(item: Item, suite: str) -> Context:
    request = item.requests[0]
    if not isinstance(request, Loglikelihood):
        raise _refusal(item, suite)
    return request.context


def _text(context: Context) -> str:
    """The text that ends in the question: of a conversation its last turn."""
    return context.turns[-1].content if isinstance(context, Chat) else context


def _with_text(context: Context, text: str) -> Context:
    if not isinstance(context, Chat):
        return text
    return replace(context, turns=(*context.turns[:-1], replace(context.turns[-1], content=text)))


def _refusal(item: Item, suite: str) -> UsageError:
    return UsageError(
        f"rotations: task {item.task!r} does not show its choices by letters in the prompt, so their order has no "
        "effect on it",
        where=suite, hint="leave `rotations` out for this task",
    )  # fmt: skip
