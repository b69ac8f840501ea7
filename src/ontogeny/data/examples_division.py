"""Examples in three parts: learnt from, guiding training, tested on; and nothing in two of them.

    copies      the same text under the same labels within a part: one stays
    leaks       a text to learn from that is tested on too, or nearly: the one to learn from goes
    conflicts   the same text under different labels: told, and kept in one part
    division    what no file decides: groups in an order of their digests and the seed, of each label its share;
                near copies count as one group

Texts are the same where they differ in nothing but case, white space and Unicode's compatible forms; conversations
where they do not differ at all. The order of everything is that of a corpus, so nothing depends on how rows came; and
the division looks at labels as the files say them, so a corrected label moves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Progress
from ontogeny.data.corrections import Corrections
from ontogeny.data.decide import Decisions, Reason
from ontogeny.data.dedup.exact import EXACT_DUPLICATE, rename_repeated_ids
from ontogeny.data.document import HELD_OUT_FRACTION, SPLITS
from ontogeny.data.examples_labels import check_after, check_before, in_order, notes_on
from ontogeny.data.examples_near import NearCopies, near_copies_of
from ontogeny.data.examples_shares import Group, chosen, groups_of
from ontogeny.data.examples_table import Rows, read_rows, texts_of
from ontogeny.data.fetch import sources_of

TRAIN, HELD_OUT, TEST = range(len(SPLITS))
SHOWN_CONFLICTS = 20
SHOWN_CHARS = 200
FEW_HELD_OUT = 30
"""Fewer tell little: with thirty, an accuracy of 90% is known to eleven points either way (95%, normal)."""

ALSO_IN_HELD_OUT = Reason("also_in_held_out", "the same stands in the held-out part,")
ALSO_IN_TEST = Reason("also_in_test", "the same stands in the test part,")
NEAR_COPY_OF_HELD_OUT = Reason("near_copy_of_held_out", "near copy of, in the held-out part,")
NEAR_COPY_OF_TEST = Reason("near_copy_of_test", "near copy of, in the test part,")
COPY = Reason(EXACT_DUPLICATE, "the same, but for case and white space, as")


@dataclass(frozen=True)
class Division:
    """How examples are divided: the part of each source (a position in SPLITS), and shares of what no source is for.

    Without `labelled`, examples are conversations, and the side of their group says what is held out.
    """

    parts: Mapping[str, int]
    labelled: bool = True
    held_out_fraction: float = HELD_OUT_FRACTION
    test_fraction: float = 0.0
    labels: tuple[str, ...] = ()
    leaks: Literal["drop", "keep"] = "drop"
    corrections: Corrections | None = None
    seed: int = 0

    @property
    def wanted(self) -> set[int]:
        """The parts that examples with labels must be in."""
        shares = {HELD_OUT: self.held_out_fraction, TEST: self.test_fraction} if self.labelled else {}
        return {part for part, share in shares.items() if share > 0}


@dataclass
class Found:
    """What was found on the way, for the figures."""

    leaks: Counter[str] = field(default_factory=Counter)
    near_leaks: Counter[str] = field(default_factory=Counter)
    near_copies: Counter[str] = field(default_factory=Counter)
    groups_in_two: int = 0
    conflicts: dict[str, Any] = field(default_factory=dict)


def divide(division: Division, found: Decisions, progress: Progress) -> dict[str, Any]:
    """Give every document of `found` its split, and drop copies and leaks; the figures say what was found.

    Raises:
        DataError: labels from which nothing can be learnt, or a part that nothing is left for.
    """
    rename_repeated_ids(found)  # before anything goes, so that no id depends on what does
    rows = read_rows(found, labelled=division.labelled)
    sources = _sources(found, rows.place)
    rows.part = np.array([division.parts[name] for name in sources], dtype=np.int8)
    if division.corrections is not None:
        _correct(rows, division.corrections, found, progress)
    split = np.zeros(len(found), dtype=np.int8)
    seen = Found()
    rows = _without_copies(rows, rows.said, found, split)
    rows = _without_leaks(rows, found, split, seen, drop=division.leaks == "drop")
    _check_there(
        rows, {TRAIN, *division.parts.values()}, "what stands in two parts stays in the one that judges"
    )
    if division.labelled:
        names = in_order((name for each in rows.labels for name in each), division.labels)
        check_before(rows.labels, rows.in_part(TRAIN))
        with progress.bar("looking for near copies", total=None, unit="examples"):
            near = near_copies_of(rows.place, texts_of(rows, found))
            _take_shares(rows, division, _together(rows, near))
            rows = _without_copies(rows, rows.labels, found, split)  # that a correction made the same
            seen.conflicts = _conflicts(rows, found)
            rows = _without_near_leaks(rows, near, found, split, seen, drop=division.leaks == "drop")
    elif HELD_OUT not in division.parts.values():
        rows.part[(rows.part == TRAIN) & (rows.side < division.held_out_fraction)] = HELD_OUT
    remedy = "groups are kept together: give more of them, or name another column as `columns: {group: ...}`"
    _check_there(rows, division.wanted, remedy)
    split[rows.place] = rows.part
    copies = _as_their_keeper(found, split)
    found.split = split
    figures: dict[str, Any] = {
        "parts": rows.count(),
        "copies": copies,
        "leaks": dict(seen.leaks),
        "near_leaks": dict(seen.near_leaks),
        "near_copies": dict(seen.near_copies),
        "groups_in_two_parts": seen.groups_in_two,
    }
    if division.labelled:
        counts = {name: dict.fromkeys(SPLITS, 0) for name in names}
        for labels, part in zip(rows.labels, rows.part, strict=True):
            for name in labels:
                counts[name][SPLITS[part]] += 1
        check_after(counts)
        several = any(len(labels) != 1 for labels in rows.labels)
        figures |= {"labels": list(names), "label_counts": counts, "multi_label": several}
        figures["conflicts"] = seen.conflicts
        for note in notes_on(counts):
            progress.note(note)
    for note in _notes(figures, division):
        progress.note(note)
    return figures


def _sources(found: Decisions, place: npt.NDArray[np.int64]) -> list[str]:
    numbers, names = sources_of(found, place)
    return [names[number] for number in numbers]


def _correct(rows: Rows, corrections: Corrections, found: Decisions, progress: Progress) -> None:
    """Give examples the labels that a person gave them, or a copy of them: the same text that has the same labels."""
    right = corrections.of(rows.doc_id, rows.said, progress.note)
    by_what = {(rows.key[row], rows.said[row]): labels for row, labels in right.items()}
    for row, labels in right.items():
        if by_what[rows.key[row], rows.said[row]] != labels:
            raise corrections.contradict(rows.doc_id[row], labels, by_what[rows.key[row], rows.said[row]])
    rows.labels = [by_what.get(what, what[1]) for what in zip(rows.key, rows.said, strict=True)]
    found.relabelled = {
        int(rows.place[row]): labels for row, labels in enumerate(rows.labels) if labels != rows.said[row]
    }


def _without_copies(
    rows: Rows, labels: Sequence[tuple[str, ...]], found: Decisions, split: npt.NDArray[np.int8]
) -> Rows:
    """Of equal examples with equal `labels` within a part the first stays."""
    first: dict[tuple[int, str, tuple[str, ...]], int] = {}
    keeper = np.full(len(rows), -1, dtype=np.int64)
    for row, what in enumerate(zip(rows.part.tolist(), rows.key, labels, strict=True)):
        if what in first:
            keeper[row] = rows.place[first[what]]
        else:
            first[what] = row
    return _dropped(rows, keeper, COPY, found, split)


def _without_leaks(
    rows: Rows, found: Decisions, split: npt.NDArray[np.int8], seen: Found, *, drop: bool
) -> Rows:
    """What stands in a part that judges, and in one before it too, stays where it judges."""
    seen.groups_in_two = _groups_in_two(rows)
    for part, reason in ((TEST, ALSO_IN_TEST), (HELD_OUT, ALSO_IN_HELD_OUT)):
        judged = {rows.key[row]: int(rows.place[row]) for row in np.flatnonzero(rows.part == part)[::-1]}
        keeper = np.array(
            [
                judged.get(key, -1) if here < part else -1
                for key, here in zip(rows.key, rows.part, strict=True)
            ],
            dtype=np.int64,
        )
        if drop:
            rows = _dropped(rows, keeper, reason, found, split)
        if (keeper >= 0).any():
            seen.leaks[SPLITS[part]] = int(np.count_nonzero(keeper >= 0))
    return rows


def _together(rows: Rows, near: NearCopies) -> list[str]:
    """The key of each text, or of the one that it is a near copy of: what is not to be torn apart."""
    train = rows.at(TRAIN)
    keeper, _ = near.among(rows.place[train])
    is_copy = keeper >= 0
    keys = list(rows.key)
    for row, other in zip(train[is_copy], np.searchsorted(rows.place, keeper[is_copy]), strict=True):
        keys[row] = rows.key[other]
    return keys


def _without_near_leaks(
    rows: Rows, near: NearCopies, found: Decisions, split: npt.NDArray[np.int8], seen: Found, *, drop: bool
) -> Rows:
    """As `_without_leaks` of near copies; those within a part are only counted."""
    for part, reason in ((TEST, NEAR_COPY_OF_TEST), (HELD_OUT, NEAR_COPY_OF_HELD_OUT)):
        judges = rows.place[rows.at(part)]
        exact = {rows.key[row] for row in rows.at(part)}  # are told already, where leaks are kept
        fresh = [row for row in np.flatnonzero(rows.part < part) if rows.key[row] not in exact]
        copied, alike = near.among(rows.place[fresh], judges)
        keeper, score = np.full(len(rows), -1), np.full(len(rows), np.nan)
        keeper[fresh], score[fresh] = np.where(np.isin(copied, judges), copied, -1), alike
        if (keeper >= 0).any():
            seen.near_leaks[SPLITS[part]] = int(np.count_nonzero(keeper >= 0))
        if drop:
            rows = _dropped(rows, keeper, reason, found, split, score=score)
    for part, name in enumerate(SPLITS):
        copied, _ = near.among(rows.place[rows.at(part)])
        if (copied >= 0).any():
            seen.near_copies[name] = int(np.count_nonzero(copied >= 0))
    return rows


def _dropped(
    rows: Rows,
    keeper: npt.NDArray[np.int64],
    reason: Reason,
    found: Decisions,
    split: npt.NDArray[np.int8],
    *,
    score: npt.NDArray[np.float64] | None = None,
) -> Rows:
    """`rows` without those that have a `keeper` (n,), which are dropped for `reason`."""
    goes = keeper >= 0
    split[rows.place[goes]] = rows.part[goes]
    scores = None if score is None else score[goes]
    found.drop_at(rows.place[goes], reason, score=scores, keeper=keeper[goes])
    return rows[~goes]


def _groups_in_two(rows: Rows) -> int:
    parts: dict[str, int] = {}
    for group, part in zip(rows.group, rows.part.tolist(), strict=True):
        parts[group] = parts.get(group, 0) | 1 << part
    return sum(each.bit_count() > 1 for each in parts.values())


def _conflicts(rows: Rows, found: Decisions) -> dict[str, Any]:
    """Texts that stand there under different labels, in whatever parts."""
    by_key: dict[str, list[int]] = {}
    for row, key in enumerate(rows.key):
        by_key.setdefault(key, []).append(row)
    torn = [each for each in by_key.values() if len({rows.labels[row] for row in each}) > 1]
    return {
        "texts": len(torn),
        "documents": sum(map(len, torn)),
        "samples": [_conflict(each, rows, found) for each in torn[:SHOWN_CONFLICTS]],
    }


def _conflict(same: list[int], rows: Rows, found: Decisions) -> dict[str, Any]:
    told = []
    for row in same:
        place = rows.place[row]
        table = found.portions[found.portion[place]].documents(["text", "locator"])
        (here,) = table.slice(found.row[place], 1).to_pylist()
        told.append({"labels": list(rows.labels[row]), "locator": here["locator"], "text": here["text"]})
    return {
        "text": told[0]["text"][:SHOWN_CHARS],
        "documents": [{"labels": each["labels"], "locator": each["locator"]} for each in told],
    }


def _take_shares(rows: Rows, division: Division, keys: Sequence[str]) -> None:
    """Take from the training part what no source is for; texts of one of `keys` stay together."""
    there = set(division.parts.values())
    for part, fraction in ((TEST, division.test_fraction), (HELD_OUT, division.held_out_fraction)):
        if part not in there and fraction > 0:
            free = rows.at(TRAIN)
            groups = groups_of(
                [keys[row] for row in free],
                [rows.group[row] for row in free],
                [rows.said[row] for row in free],
            )
            taken = chosen(groups, fraction, seed=division.seed, purpose=SPLITS[part])
            rows.part[free[_members(taken)]] = part


def _members(groups: Sequence[Group]) -> list[int]:
    return [row for group in groups for row in group.rows]


def _as_their_keeper(found: Decisions, split: npt.NDArray[np.int8]) -> dict[str, int]:
    """A copy belongs to the part of the one that stays in its place, whichever that is by now; how many in each."""
    is_reason = np.array([reason.name == EXACT_DUPLICATE for reason in found.reasons] or [False])
    is_copy = found.dropped & is_reason[found.reason]
    copies = np.flatnonzero(is_copy)
    keeper = found.keeper[copies]
    while is_copy[keeper].any():  # it may have lost to a third, in turn
        keeper = np.where(is_copy[keeper], found.keeper[keeper], keeper)
    split[copies] = split[keeper]
    return {SPLITS[part]: count for part, count in sorted(Counter(split[copies].tolist()).items())}


def _check_there(rows: Rows, parts: set[int], remedy: str) -> None:
    for part in sorted(parts):
        if not np.any(rows.part == part):
            groups = f"{len(set(rows.group)):,} groups"
            raise DataError(
                f"of {len(rows):,} examples in {groups} none is left for the part {SPLITS[part]}",
                hint=f"{remedy}; or bring more examples",
            )


def _notes(figures: Mapping[str, Any], division: Division) -> list[str]:
    """What to know before a training, in words."""
    notes = []
    if copies := sum(figures["copies"].values()):
        notes.append(f"examples that are copies of others of their part: {copies:,}; one of each stays")
    for part, count in figures["leaks"].items():
        became = "are not trained on" if division.leaks == "drop" else "stay there (`leaks: keep`)"
        notes.append(
            f"examples to learn from or guide training that stand in the {part} part too: {count:,}; they {became}"
        )
    for part, count in figures["near_leaks"].items():
        became = "are not trained on" if division.leaks == "drop" else "stay there (`leaks: keep`)"
        notes.append(
            f"examples to learn from or guide training that are near copies of one in the {part} part: {count:,}; "
            f"they {became}"
        )
    if near := sum(figures["near_copies"].values()):
        notes.append(f"examples that are near copies of others of their part: {near:,}; they stay")
    if count := figures["groups_in_two_parts"]:
        notes.append(
            f"groups that stand in two of the files: {count:,}; what one part tests may be known from the other"
        )
    conflicts = figures.get("conflicts", {})
    if conflicts.get("texts"):
        notes.append(
            f"texts that stand under different labels: {conflicts['texts']:,} ({conflicts['documents']:,} examples); "
            "no classifier can get them right: figures.json and the report show them"
        )
    held_out = figures["parts"]["held_out"]
    if division.labelled and 0 < held_out < FEW_HELD_OUT:
        notes.append(
            f"examples held out: only {held_out}; early stopping and calibrated probabilities rest on them"
        )
    return notes
