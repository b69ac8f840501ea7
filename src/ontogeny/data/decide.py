"""Deciding over portions: which documents stay, and why the others go. No text is read.

Every record has a place (portion, row) and a few numbers, at most 64 bytes in all; the columns that rules need are read
portion by portion. The order of everything is that of digests, so nothing depends on how the input was divided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ontogeny.data.batch import EMPTY
from ontogeny.data.portions import EDITS, Portion, hex_keys, signals_name
from ontogeny.data.rules import RULES, Need, Rule, edits_among, judge
from ontogeny.data.signals.group import Columns

KEPT = -1


@dataclass(frozen=True)
class Reason:
    """Why documents go: a name from a small fixed set, and what follows the score in the detail."""

    name: str
    says: str = ""


class Place(NamedTuple):
    """A column of a portion: its file, and its name there."""

    file: str
    column: str


NOTHING_LEFT = Reason(EMPTY, "nothing is left after edits")


@dataclass(eq=False)
class Decisions:
    """What becomes of n documents, in the order of a corpus: by digest, then doc_id, source and portion.

    `signals` names the columns that rules decided over, and says where in a portion each is; of a text before its last
    edits, `NAME@K` is what NAME was after K edits, where NAME itself was needed later too.
    `portion` and `row` (n,) lead to the document; `reason` (n,) int16 is KEPT or a position in `reasons`; `score` (n,)
    float64 is nan where no number decided; `keeper` (n,) int64 is the position of the document that stays in its place,
    or -1; `renamed` (n,) bool marks those kept under a new id.
    """

    portions: Sequence[Portion]
    signals: Mapping[str, Place]
    portion: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    digest: npt.NDArray[np.uint64]
    doc_id: npt.NDArray[np.uint64]
    reason: npt.NDArray[np.int16]
    score: npt.NDArray[np.float64]
    keeper: npt.NDArray[np.int64]
    renamed: npt.NDArray[np.bool_]
    reasons: list[Reason] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """(n,) True where a document stays."""
        kept: npt.NDArray[np.bool_] = self.reason == KEPT
        return kept

    def drop(
        self,
        which: npt.NDArray[np.bool_],
        reason: Reason,
        *,
        score: npt.NDArray[np.float64] | None = None,
        keeper: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Drop those of `which` (n,) that are still kept."""
        which = which & self.kept
        self.reason[which] = self.number_of(reason)
        if score is not None:
            self.score[which] = score[which]
        if keeper is not None:
            self.keeper[which] = keeper[which]

    def number_of(self, reason: Reason) -> int:
        """The position of `reason` in `reasons`, where it is put if need be."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)


def decide(portions: Sequence[Portion], rules: Sequence[Rule], needs: Sequence[Need]) -> Decisions:
    """The documents of `portions` as the first rule of `rules` that drops them decides.

    `needs` are the signals that stay with the documents.
    """
    count = [portion.counts["documents"] for portion in portions]
    total = sum(count)
    found = Decisions(
        portions,
        _signals_of(rules, needs, portions),
        portion=np.repeat(np.arange(len(portions), dtype=np.int32), count),
        row=np.concatenate([np.arange(each, dtype=np.int32) for each in [0, *count]]),
        digest=np.empty((total, 2), dtype=np.uint64),
        doc_id=np.empty((total, 2), dtype=np.uint64),
        reason=np.full(total, KEPT, dtype=np.int16),
        score=np.full(total, np.nan, dtype=np.float64),
        keeper=np.full(total, -1, dtype=np.int64),
        renamed=np.zeros(total, dtype=np.bool_),
    )
    start = 0
    for portion, length in zip(portions, count, strict=True):
        if length:
            _judge_portion(found, portion, slice(start, start + length), rules)
        start += length
    return in_order(found)


def _signals_of(
    rules: Sequence[Rule], needs: Sequence[Need], portions: Sequence[Portion]
) -> dict[str, Place]:
    last = len(edits_among(rules))
    signals: dict[str, Place] = {}
    for need in needs:
        later = any(other.group == need.group and other.edits > need.edits for other in needs)
        for column in need.group.columns:
            name = f"{column}@{need.edits}" if later else column
            signals[name] = Place(signals_name(need.group, last - need.edits), column)
    if last and portions:
        signals |= {name: Place(EDITS, name) for name in portions[0].edits()}
    return signals


def _judge_portion(found: Decisions, portion: Portion, here: slice, rules: Sequence[Rule]) -> None:
    table = portion.documents(["digest", "doc_id", "size_bytes"])
    found.digest[here], found.doc_id[here] = (
        hex_keys(table.column("digest")),
        hex_keys(table.column("doc_id")),
    )
    reason, score = found.reason[here], found.score[here]  # views
    reason[table.column("size_bytes").to_numpy() == 0] = found.number_of(NOTHING_LEFT)
    last, edits = len(edits_among(rules)), 0
    columns: Columns = portion.edits()
    for rule in rules:
        known = RULES[rule.type]
        if known.edit is not None:
            edits += 1
            continue
        for group in known.groups(rule):
            columns |= portion.signals(group, last - edits)
        for name in known.about:
            columns[name] = np.array(portion.documents([name]).column(name).to_pylist(), dtype=object)
        judgement = judge(rule, columns)
        open_ = reason == KEPT
        for number, why in enumerate(map(Reason, judgement.reasons, judgement.says), start=1):
            hit = open_ & (judgement.code == number)
            if hit.any():
                reason[hit] = found.number_of(why)
                score[hit] = judgement.score[hit]


def in_order(found: Decisions) -> Decisions:
    """`found` in the order of a corpus; within a portion rows stand in it already, and portions follow their input."""
    put_in_order(found)
    return found


def put_in_order(found: Decisions) -> npt.NDArray[np.int64]:
    """Order `found` as a corpus is; the new position (n,) of each document."""
    keys = (found.doc_id[:, 1], found.doc_id[:, 0], found.digest[:, 1], found.digest[:, 0])
    order = np.lexsort(keys)
    for name in ("portion", "row", "digest", "doc_id", "reason", "score", "keeper", "renamed"):
        setattr(found, name, getattr(found, name)[order])
    moved = np.empty(len(order), dtype=np.int64)
    moved[order] = np.arange(len(order))
    instead = found.keeper >= 0
    found.keeper[instead] = moved[found.keeper[instead]]
    return moved
