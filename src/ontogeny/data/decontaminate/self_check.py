"""How far a search for items can be trusted: items of the user's own are planted into this corpus, and looked for.

Leaks are planted in several forms; look-alikes are texts that hold no item and have much in common with one. They stand
in documents that were kept, pass the very search with the recipe's settings, and are never written. Which items and
documents serve follows from their content, so the figures are the same for any order and any number of workers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ontogeny.core.seeds import derive_seed
from ontogeny.data.decide import Decisions
from ontogeny.data.decontaminate.corpus import (
    LEAST_HITS,
    Contamination,
    Finding,
    drop_contaminated,
    judge_matches,
    proposals,
    texts_at,
)
from ontogeny.data.decontaminate.index import count_hits, words_of
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.decontaminate.match import matches_in
from ontogeny.data.decontaminate.planted import (
    edited,
    half,
    half_replaced,
    reformatted,
    shown,
    shuffled,
)
from ontogeny.data.rules.decontaminate import CONTAMINATED, Decontaminate
from ontogeny.data.texts import Texts
from ontogeny.statistics.intervals import wilson

ITEMS = 200
"""Items of each kind: an interval of about 5 points, in less than a second."""
HOST_CHARS = 2000
"""Of a document around a planted text."""
HOSTS = 200
SHOWN_CHARS = 240
SHOWN_WRONG = 2
"""Wrong decisions of each kind that are shown."""

ANOTHER_ITEM = "another item of the same suites"


@dataclass(frozen=True)
class Planted:
    """A document made for the check: its kind, whether it holds an item, what was put in, and of which item."""

    kind: str
    leak: bool
    text: str
    item: int


def search_items(found: Decisions, rule: Decontaminate) -> Contamination:
    """Drop what holds items, and measure on planted ones how well such documents are found."""
    contamination = drop_contaminated(found, rule)
    return replace(contamination, self_check=self_check(found, rule, contamination))


def self_check(found: Decisions, rule: Decontaminate, contamination: Contamination) -> dict[str, Any]:
    """Recall on planted leaks and the share of look-alikes that would go, by kind, with 95% intervals.

    Documents that are still kept lend their texts. Precision is that of the planted texts: `precision` = leaks found /
    (leaks found + look-alikes found). Intervals over all kinds count an item once, since its forms are not independent.
    """
    index = contamination.index
    hosts = _hosts(found, rule)
    planted = list(_planted(index.items, rule, hosts))
    where = random.Random(derive_seed(0, "self-check", "place"))
    texts = Texts.of([_embedded(each.text, where.choice(hosts) if hosts else "", where) for each in planted])
    places = np.flatnonzero(count_hits(texts, index) >= LEAST_HITS).tolist()
    matches = [
        (place, match)
        for place in places
        for match in matches_in(texts.data, int(texts.offsets[place]), int(texts.offsets[place + 1]), index)
    ]
    dropped: dict[int, Finding] = {}
    for finding in judge_matches(matches, rule, index, contamination.uncommon):
        if _counts(finding, planted[finding.place], rule, index.items):
            dropped.setdefault(finding.place, finding)
    return _figures(planted, dropped, index.items)


def _hosts(found: Decisions, rule: Decontaminate) -> list[str]:
    """The beginnings of some kept documents that share nothing with items, drawn by their digests."""
    free = np.flatnonzero(found.kept & (proposals(found, rule) < LEAST_HITS))
    drawn = free[np.argsort(found.digest[free, 1], kind="stable")[:HOSTS]]
    return [text[:HOST_CHARS] for text in texts_at(found, drawn).strings()] if len(drawn) else []


def _planted(items: Sequence[Item], rule: Decontaminate, hosts: Sequence[str]) -> Iterator[Planted]:
    lots = [derive_seed(0, "self-check", item.suite, item.id, item.question) for item in items]
    order = sorted(range(len(items)), key=lots.__getitem__)
    rng = random.Random(derive_seed(0, "self-check", "forms"))
    vocabulary = sorted({word for text in hosts for word in text.split()}) or ["word"]

    def some(kind: str, leak: bool, texts: Iterator[tuple[int, str]]) -> Iterator[Planted]:
        made = (Planted(kind, leak, text, number) for number, text in texts if text.strip())
        yield from (each for each, _ in zip(made, range(ITEMS), strict=False))

    yield from some("as it stands, with its answer", True, ((n, shown(items[n])) for n in order))
    yield from some("in other case, marks and layout", True, ((n, reformatted(items[n], rng)) for n in order))
    tenth = ((n, edited(shown(items[n]), vocabulary, rng)) for n in order)
    yield from some("every tenth word changed", True, tenth)
    yield from some("half of a long question", True, ((n, half(items[n])) for n in order))
    last = order[::-1]  # others than those of leaks, where there are so many
    yield from some(ANOTHER_ITEM, False, ((n, shown(items[n])) for n in last))
    yield from some("words in another order", False, ((n, shuffled(shown(items[n]), rng)) for n in last))
    other = ((n, half_replaced(shown(items[n]), vocabulary, rng)) for n in last)
    yield from some("every other word replaced", False, other)
    if rule.context == "keep":
        yield from some("its passage without the question", False, ((n, items[n].context) for n in last))


def _embedded(text: str, host: str, rng: random.Random) -> str:
    """`text` as a paragraph between two words of `host`."""
    words = host.split(" ")
    middle = rng.randrange(len(words) + 1)
    return "\n\n".join([" ".join(words[:middle]), text, " ".join(words[middle:])])


def _counts(finding: Finding, planted: Planted, rule: Decontaminate, items: Sequence[Item]) -> bool:
    """Whether a finding would drop the document, and not for the item that a look-alike is itself."""
    if finding.verdict != CONTAMINATED and rule.context == "keep":
        return False
    if planted.kind != ANOTHER_ITEM:
        return True
    same = (
        words_of(items[finding.item].question).tobytes() == words_of(items[planted.item].question).tobytes()
    )
    return finding.verdict == CONTAMINATED and not same


def _figures(planted: Sequence[Planted], hit: dict[int, Finding], items: Sequence[Item]) -> dict[str, Any]:
    kinds: dict[tuple[bool, str], list[int]] = {}
    for place, each in enumerate(planted):
        kinds.setdefault((each.leak, each.kind), []).append(place)
    by_kind: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    wrong: list[dict[str, Any]] = []
    for (leak, kind), places in kinds.items():
        count = sum(place in hit for place in places)
        by_kind[leak].append(
            {
                "kind": kind,
                "planted": len(places),
                "found": count,
                "interval": list(wilson(count, len(places))),
            }
        )
        for place in [place for place in places if (place in hit) != leak][:SHOWN_WRONG]:
            instead = items[hit[place].item].question[:SHOWN_CHARS] if place in hit else None
            about = {"kind": kind, "leak": leak, "suite": items[planted[place].item].suite}
            wrong.append({**about, "text": planted[place].text[:SHOWN_CHARS], "taken_for": instead})
    leaks, likes = (
        [place for place, each in enumerate(planted) if each.leak == leak] for leak in (True, False)
    )
    true, false = (sum(place in hit for place in those) for those in (leaks, likes))
    used = len({planted[place].item for place in leaks})
    return {
        "leaks": by_kind[True],
        "look_alikes": by_kind[False],
        "items": used,
        "recall": _share(true, len(leaks), used),
        "precision": _share(true, true + false, used),
        "false_positives": _share(false, len(likes), len({planted[place].item for place in likes})),
        "wrong": wrong,
    }


def _share(part: int, whole: int, independent: int) -> dict[str, Any] | None:
    """A share with the interval that so many independent trials give; None of nothing."""
    if not whole:
        return None
    trials = min(whole, independent)
    return {"value": part / whole, "interval": list(wilson(trials * part / whole, trials))}
