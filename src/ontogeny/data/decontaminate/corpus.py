"""Decontamination of a whole corpus: which documents go, and what an evaluation may want to know of each item.

The column of the rule says which documents share n-grams with items; only their texts are read, once. N-grams that
more than `max_documents` different documents share are then known to be common and no longer count as hits, though a
question of which most stands together counts however many documents hold it: copies of a leaked test are leaks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions, Reason
from ontogeny.data.decontaminate.index import CONTEXT, OverlapIndex
from ontogeny.data.decontaminate.match import Match, matches_in
from ontogeny.data.document import make_doc_id
from ontogeny.data.rules.decontaminate import CONTAMINATED, Decontaminate
from ontogeny.data.signals.overlap import index_of, overlap_name
from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    import pyarrow as pa

CONTEXT_ONLY = "context_only"
CONTAMINATION_FILE = "contamination.parquet"
LONG_QUESTION = 16
"""Words from which on `min_share` of a question suffices without its answer; of a shorter one that is a few words."""
LEAST_HITS = 2
"""Hits from which on a document is looked at: one n-gram of a longer item is mostly chance, and never half of it."""
READ_AT_ONCE = 1024  # candidates


@dataclass(frozen=True)
class Finding:
    """An item in a document. `place` is the document's position in the decisions, `hits` counts uncommon n-grams."""

    item: int
    place: int
    verdict: str
    hits: int
    share: float
    answer: bool


@dataclass(frozen=True, eq=False)
class Contamination:
    """What was found of the items of `index`, in the order of items and documents.

    `uncommon` (n-grams,) tells the n-grams that few enough documents share; `self_check` is what planting items into
    this corpus gave.
    """

    index: OverlapIndex
    findings: tuple[Finding, ...]
    candidates: int
    uncommon: npt.NDArray[np.bool_]
    self_check: dict[str, Any] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """By suite: items, those found (`contaminated`, or `context_only`), and how many documents hold one."""
        suites: dict[str, dict[str, set[int]]] = {}
        for finding in self.findings:
            of = suites.setdefault(self.index.items[finding.item].suite, {})
            of.setdefault(finding.verdict, set()).add(finding.item)
            of.setdefault("documents", set()).add(finding.place)
        items: dict[str, int] = {}
        for item in self.index.items:
            items[item.suite] = items.get(item.suite, 0) + 1
        return {
            "candidates": self.candidates,
            "items_too_short_to_tell": len(self.index.untold),
            **({"self_check": self.self_check} if self.self_check else {}),
            "suites": {
                suite: {
                    "items": count,
                    CONTAMINATED: len(suites.get(suite, {}).get(CONTAMINATED, ())),
                    CONTEXT_ONLY: len(
                        suites.get(suite, {}).get(CONTEXT_ONLY, set())
                        - suites.get(suite, {}).get(CONTAMINATED, set())
                    ),
                    "documents": len(suites.get(suite, {}).get("documents", ())),
                }
                for suite, count in sorted(items.items())
            },
        }


def drop_contaminated(found: Decisions, rule: Decontaminate) -> Contamination:
    """Look at the documents that are still kept and share n-grams with items; drop those that hold an item."""
    index = index_of(rule)
    gathered = Gathered(index)
    for place, texts, row in _candidates(found, rule):
        gathered.look(place, texts, row, found.digest[place].tobytes())
    uncommon = gathered.spread <= rule.max_documents
    findings = judge_matches(gathered.matches, rule, index, uncommon)
    contamination = Contamination(index, findings, gathered.candidates, uncommon)
    if rule.action == "drop":
        _drop(found, rule, contamination)
    return contamination


class Gathered:
    """What of the index is in the documents looked at: `matches`, each with its document's place; and in how many of
    them each n-gram stands, `spread` (n-grams,).
    """

    def __init__(self, index: OverlapIndex) -> None:
        self.index = index
        self.matches: list[tuple[int, Match]] = []
        self.spread = np.zeros(index.grams, dtype=np.int64)
        self.candidates = 0
        self._last: Hashable = None

    def look(self, place: int, texts: Texts, row: int, digest: Hashable) -> None:
        """Look at text `row`, the document at `place`; copies of a document have its `digest`."""
        self.candidates += 1
        start, end = int(texts.offsets[row]), int(texts.offsets[row + 1])
        here = matches_in(texts.data, start, end, self.index)
        self.matches += [(place, match) for match in here]
        if here and digest != self._last:  # copies of a document do not make an n-gram common
            self.spread[np.unique(np.concatenate([match.grams for match in here]))] += 1
        self._last = digest


def judge_matches(
    matches: Iterable[tuple[int, Match]],
    rule: Decontaminate,
    index: OverlapIndex,
    uncommon: npt.NDArray[np.bool_],
) -> tuple[Finding, ...]:
    """What `matches`, each with the place of its document, come to by the settings of `rule`."""
    return _best(
        finding
        for place, match in matches
        if (finding := _judged(place, match, rule, index, uncommon)) is not None
    )


def _candidates(found: Decisions, rule: Decontaminate) -> Iterator[tuple[int, Texts, int]]:
    """Documents that are kept and have enough hits, by position: the position, a batch of texts, the row in it."""
    places = np.flatnonzero((proposals(found, rule) >= LEAST_HITS) & found.kept)
    for start in range(0, len(places), READ_AT_ONCE):
        batch = places[start : start + READ_AT_ONCE]
        texts = texts_at(found, batch)
        for row, place in enumerate(batch.tolist()):
            yield place, texts, row


def proposals(found: Decisions, rule: Decontaminate) -> npt.NDArray[np.int32]:
    """How many n-grams of items each document holds, (n,): the column of the rule, which old documents lack."""
    name = overlap_name(rule)
    hits = np.zeros(len(found), dtype=np.int32)
    for number, portion in enumerate(found.portions):
        if number in found.old_portions:
            continue
        here = np.flatnonzero(found.portion == number)
        if len(here):
            place = found.signals[name]
            hits[here] = portion.columns(place.file)[place.column][found.row[here]]
    return hits


def texts_at(found: Decisions, places: npt.NDArray[np.int64]) -> Texts:
    """The texts of the documents at `places`, in their order."""
    import pyarrow as pa

    columns, order = [], []
    for number in np.unique(found.portion[places]):
        here = np.flatnonzero(found.portion[places] == number)
        table = found.portions[number].documents(["text"])
        columns.append(table.take(found.row[places[here]]).column("text").cast(pa.large_string()))
        order.append(here)
    merged = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.large_string())
    return Texts.of_arrow(merged.take(np.argsort(np.concatenate(order), kind="stable")))


def _judged(
    place: int, match: Match, rule: Decontaminate, index: OverlapIndex, uncommon: npt.NDArray[np.bool_]
) -> Finding | None:
    """What a match comes to; None where too little of the item is there."""
    entry = index.entries[match.entry]
    hits = int(uncommon[match.grams].sum())
    sure = len(entry.words) >= LONG_QUESTION or match.telling
    least = rule.min_share if sure else max(rule.min_share, rule.min_share_short)
    if match.share < least and (rule.min_hits is None or hits < rule.min_hits):
        return None
    if entry.role == CONTEXT:
        verdict = CONTEXT_ONLY
    elif rule.require_answer and not match.answer:
        return None
    else:
        verdict = CONTAMINATED
    return Finding(entry.item, place, verdict, hits, match.share, match.answer)


def _best(findings: Iterator[Finding]) -> tuple[Finding, ...]:
    """One finding for each item and document: the question before the passage, then the larger share."""
    best: dict[tuple[int, int], Finding] = {}
    for finding in findings:
        key = (finding.item, finding.place)
        known = best.get(key)
        if known is None or _rank(finding) > _rank(known):
            best[key] = finding
    return tuple(best[key] for key in sorted(best))


def _rank(finding: Finding) -> tuple[bool, float, int]:
    return finding.verdict == CONTAMINATED, finding.share, finding.hits


def _drop(found: Decisions, rule: Decontaminate, contamination: Contamination) -> None:
    """Drop each contaminated document with its largest share as the score, and that item's suite in the reason."""
    worst: dict[int, Finding] = {}
    for finding in contamination.findings:
        if finding.verdict == CONTEXT_ONLY and rule.context == "keep":
            continue
        known = worst.get(finding.place)
        if known is None or _rank(finding) > _rank(known):
            worst[finding.place] = finding
    by_reason: dict[tuple[str, str], list[Finding]] = {}
    for finding in worst.values():
        suite = contamination.index.items[finding.item].suite
        by_reason.setdefault((finding.verdict, suite), []).append(finding)
    for (verdict, suite), those in sorted(by_reason.items()):
        which, score = np.zeros(len(found), dtype=np.bool_), np.full(len(found), np.nan)
        places = [finding.place for finding in those]
        which[places], score[places] = True, [finding.share for finding in those]
        what = "question" if verdict == CONTAMINATED else "passage"
        found.drop(which, Reason(verdict, f"of a {what} of {suite} stands in it"), score=score)


def contamination_table(
    contamination: Contamination, found: Decisions, *, held_out_fraction: float
) -> pa.Table:
    """A row for each item and document: suite, item, verdict, hits, share, answer, doc_id, split, kept.

    `kept` says whether the document is in the corpus after all decisions: call this when they are made.
    """
    import pyarrow as pa

    places = np.array([finding.place for finding in contamination.findings], dtype=np.int64)
    ids, side = _described(found, places)
    items = [contamination.index.items[finding.item] for finding in contamination.findings]
    return pa.table(
        {
            "suite": pa.array([item.suite for item in items], pa.string()),
            "item": pa.array([item.id for item in items], pa.string()),
            "verdict": pa.array([finding.verdict for finding in contamination.findings], pa.string()),
            "hits": pa.array([finding.hits for finding in contamination.findings], pa.int64()),
            "share": pa.array([finding.share for finding in contamination.findings], pa.float64()),
            "answer": pa.array([finding.answer for finding in contamination.findings], pa.bool_()),
            "doc_id": pa.array(ids, pa.string()),
            "split": pa.array(np.where(side < held_out_fraction, "held_out", "train").tolist(), pa.string()),
            "kept": pa.array(found.kept[places].tolist(), pa.bool_()),
        }
    )


def _described(found: Decisions, places: npt.NDArray[np.int64]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The id that each document has in the corpus, and the side of its group."""
    ids = [""] * len(places)
    side = np.zeros(len(places))
    for number in np.unique(found.portion[places]):
        here = np.flatnonzero(found.portion[places] == number)
        table = found.portions[number].documents(["doc_id", "digest", "side"]).take(found.row[places[here]])
        side[here] = table.column("side").to_numpy()
        rows = zip(table.column("doc_id").to_pylist(), table.column("digest").to_pylist(), strict=True)
        for position, (doc_id, digest) in zip(here.tolist(), rows, strict=True):
            renamed = found.renamed[places[position]]
            ids[position] = make_doc_id(str(doc_id), str(digest)) if renamed else str(doc_id)
    return ids, side
