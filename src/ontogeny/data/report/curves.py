"""What each bound of a recipe's rules takes, and what another would: counted from columns, without reading a text.

A rule names the fields that are bounds (`bounds: ClassVar[tuple[str, ...]]`): lower ones begin with `min_`, all others
are upper ones. What a bound is compared with, the rule's own judge tells (`Judgement.bounds`): nothing is said twice.

What-if means: this bound moved, everything else as it is. A document that other bounds drop stays out at any threshold;
copies and records that could not be read stay out, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import OntogenyError
from ontogeny.data.rules import RULES, Rule, edits_among, judge

if TYPE_CHECKING:
    from ontogeny.data.rules.judgement import Judgement
    from ontogeny.data.signals.group import Columns

BINS = 40
EXTREME = 0.002
"""Share of the documents at either end that fall into the open bins, so that one giant does not flatten the rest."""
SKEWED = 30.0
"""Ratio of the largest to the smallest from which bins have equal ratios, not equal widths."""


@dataclass(frozen=True, eq=False)
class Batch:
    """n documents: the columns that rules decided over, their size, and whether each stays (n,).

    `open` (n,) is True where nothing but rules decided, so that other rules might have kept it. `words` (n,) are those
    of each text, where they were counted.
    """

    columns: Columns
    size_bytes: npt.NDArray[np.int64]
    kept: npt.NDArray[np.bool_]
    open: npt.NDArray[np.bool_]
    words: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class BoundField:
    """A bound of a rule: `places` says which of the judgement's tests it decides."""

    rule: Rule
    position: int
    name: str
    value: float
    places: tuple[int, ...]

    @property
    def is_lower(self) -> bool:
        """Whether less than the bound is too little."""
        return self.name.startswith("min_")

    def measure(self, judgement: Judgement) -> npt.NDArray[np.float64]:
        """(n,) what is compared with the bound; the worst where it stands for several."""
        values = [np.asarray(judgement.bounds[place].value, dtype=np.float64) for place in self.places]
        pick = np.fmin if self.is_lower else np.fmax
        result: npt.NDArray[np.float64] = values[0]
        for other in values[1:]:
            result = pick(result, other)
        return result


def reasons_of(rule: Rule) -> tuple[str, ...]:
    """The reasons that `rule` may give, each once; none where that takes more than its settings to tell."""
    judgement = _judged(rule, _Anything(0))
    if judgement is None:
        named = getattr(rule, "reason", None)
        return (named,) if isinstance(named, str) else ()
    return tuple(dict.fromkeys(judgement.reasons))


def bound_fields(rule: Rule, position: int) -> list[BoundField]:
    """The bounds that `rule` declares and that are set; `position` is its place in the recipe."""
    found = []
    declared = getattr(type(rule), "bounds", ())
    for name in declared:
        value = getattr(rule, name)
        if value is None:
            continue
        extreme = math.inf if name.startswith("min_") else -math.inf
        at, never = (
            _judged(rule.model_copy(update={name: bound}), _Anything(1)) for bound in (extreme, -extreme)
        )
        if at is None or never is None:
            continue
        places = tuple(
            place
            for place, (one, other) in enumerate(zip(at.bounds, never.bounds, strict=True))
            if one.missed.all() and not other.missed.any()
        )
        if places:
            found.append(BoundField(rule, position, name, float(value), places))
    return found


@dataclass(eq=False)
class Curve:
    """What was counted for one bound. There are `len(edges) + 1` bins; the outer two are open.

    A bin holds its left edge where the bound is a lower one, and its right edge where it is an upper one: then the
    documents that stay at a threshold are those of whole bins.
    """

    bound: BoundField
    edges: npt.NDArray[np.float64]
    log: bool
    says: str = ""
    reasons: tuple[str, ...] = ()
    documents: npt.NDArray[np.int64] = field(init=False)
    kept: npt.NDArray[np.int64] = field(init=False)
    eligible_documents: npt.NDArray[np.int64] = field(init=False)
    eligible_bytes: npt.NDArray[np.int64] = field(init=False)
    eligible_words: npt.NDArray[np.int64] = field(init=False)
    has_words: bool = False

    def __post_init__(self) -> None:
        for name in ("documents", "kept", "eligible_documents", "eligible_bytes", "eligible_words"):
            setattr(self, name, np.zeros(len(self.edges) + 1, dtype=np.int64))

    def add(self, batch: Batch, judgement: Judgement, missed: npt.NDArray[np.int64]) -> None:
        """Count a batch; `missed` (n,) is how many bounds of all rules each document misses."""
        measure = self.bound.measure(judgement)
        own = np.zeros(len(missed), dtype=np.int64)
        for place in self.bound.places:
            own += judgement.bounds[place].missed & ~batch.kept
        bins = np.searchsorted(self.edges, measure, side="right" if self.bound.is_lower else "left")
        defined = ~np.isnan(measure)
        eligible = defined & (batch.kept | (batch.open & (own > 0) & (missed == own)))
        self.documents += self._count(bins[defined])
        self.kept += self._count(bins[defined & batch.kept])
        self.eligible_documents += self._count(bins[eligible])
        self.eligible_bytes += self._count(bins[eligible], batch.size_bytes[eligible])
        if batch.words is not None:
            self.has_words = True
            self.eligible_words += self._count(bins[eligible], batch.words[eligible])

    def _count(
        self, bins: npt.NDArray[np.int64], weights: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.int64]:
        counts = np.bincount(bins, weights, minlength=len(self.edges) + 1)
        return counts.astype(np.int64)

    def figures(self) -> dict[str, Any]:
        """For `figures.json`; `what_if` gives for each threshold what would stay."""

        def staying(counts: npt.NDArray[np.int64]) -> list[int]:
            ends: list[int] = (
                np.cumsum(counts[::-1])[::-1][1:] if self.bound.is_lower else np.cumsum(counts)[:-1]
            ).tolist()
            return ends

        return {
            "rule": self.bound.rule.type,
            "position": self.bound.position,
            "field": self.bound.name,
            "bound": self.bound.value,
            "direction": "lower" if self.bound.is_lower else "upper",
            "measure": self.says,
            "reasons": list(self.reasons),
            "logarithmic": self.log,
            "edges": self.edges.tolist(),
            "documents": self.documents.tolist(),
            "documents_kept": self.kept.tolist(),
            "what_if": {
                "thresholds": self.edges.tolist(),
                "documents": staying(self.eligible_documents),
                "bytes": staying(self.eligible_bytes),
                "documents_without": int(self.eligible_documents.sum()),
                "bytes_without": int(self.eligible_bytes.sum()),
                **(
                    {"words": staying(self.eligible_words), "words_without": int(self.eligible_words.sum())}
                    if self.has_words
                    else {}
                ),
            },
        }


@dataclass(eq=False)
class Alone:
    """What the tests of one reason take that nothing else does, where no field of their rule is their bound."""

    rule: Rule
    position: int
    reason: str
    places: tuple[int, ...]
    documents: int = 0
    size_bytes: int = 0
    words: int | None = None

    def add(self, batch: Batch, judgement: Judgement, missed: npt.NDArray[np.int64]) -> None:
        """Count a batch; `missed` is as for a `Curve`."""
        own = np.zeros(len(missed), dtype=np.int64)
        for place in self.places:
            own += judgement.bounds[place].missed & ~batch.kept
        alone = batch.open & (own > 0) & (missed == own)
        self.documents += int(alone.sum())
        self.size_bytes += int(batch.size_bytes[alone].sum())
        if batch.words is not None:
            self.words = (self.words or 0) + int(batch.words[alone].sum())

    def figures(self) -> dict[str, Any]:
        """For `figures.json`."""
        return {
            "rule": self.rule.type,
            "position": self.position,
            "reason": self.reason,
            "documents": self.documents,
            "bytes": self.size_bytes,
            **({} if self.words is None else {"words": self.words}),
        }


@dataclass(eq=False)
class Curves:
    """The curves of all bounds of `rules`: `begin` with a sample of the documents, then `add` all of them."""

    rules: Sequence[Rule]
    curves: list[Curve] = field(default_factory=list)
    others: list[Alone] = field(default_factory=list)
    """Tests without a curve: switches, lists, expressions."""
    reasons: set[str] = field(default_factory=set)
    """Those of the rules that can be judged again: other drops are taken as they are."""

    def begin(self, sample: Batch) -> None:
        """Choose the bins by `sample`; rules whose columns it lacks are skipped."""
        for position, rule in enumerate(self.rules):
            judgement = _judged(rule, self._seen(position, sample.columns))
            if judgement is None:
                continue
            self.reasons |= set(judgement.reasons)
            drawn = bound_fields(rule, position)
            self.others += _without_curve(rule, position, judgement, drawn)
            for bound in drawn:
                edges, log = choose_edges(bound.measure(judgement), bound.value)
                tests = [judgement.bounds[place] for place in bound.places]
                says = tests[0].says.partition(f" {bound.name}")[0].removesuffix(",").strip()
                self.curves.append(
                    Curve(bound, edges, log, says=says, reasons=tuple(test.reason for test in tests))
                )

    def add(self, batch: Batch) -> None:
        """Count a batch of documents."""
        judged: dict[int, Judgement] = {}
        for position, rule in enumerate(self.rules):
            if (judgement := _judged(rule, self._seen(position, batch.columns))) is not None:
                judged[position] = judgement
        missed = np.zeros(len(batch.kept), dtype=np.int64)
        for judgement in judged.values():
            for bound in judgement.bounds:
                missed += bound.missed & ~batch.kept
        for curve in self.curves:
            if curve.bound.position in judged:
                curve.add(batch, judged[curve.bound.position], missed)
        for other in self.others:
            if other.position in judged:
                other.add(batch, judged[other.position], missed)

    def _seen(self, position: int, columns: Columns) -> Columns:
        """`columns` as the rule at `position` saw them, before later edits."""
        mark = f"@{len(edits_among(self.rules[:position]))}"
        earlier = {name.removesuffix(mark): name for name in columns if name.endswith(mark)}
        return {**columns, **{name: columns[stored] for name, stored in earlier.items()}}

    def figures(self) -> list[dict[str, Any]]:
        """Of every bound, in the order of the recipe."""
        return [curve.figures() for curve in self.curves]


def _without_curve(
    rule: Rule, position: int, judgement: Judgement, drawn: Sequence[BoundField]
) -> list[Alone]:
    """The tests of `rule` that are none of `drawn`, by their reason."""
    covered = {place for bound in drawn for place in bound.places}
    places: dict[str, list[int]] = {}
    for place, test in enumerate(judgement.bounds):
        if place not in covered:
            places.setdefault(test.reason, []).append(place)
    return [Alone(rule, position, reason, tuple(each)) for reason, each in places.items()]


def choose_edges(values: npt.NDArray[np.float64], bound: float) -> tuple[npt.NDArray[np.float64], bool]:
    """Edges of about `BINS` bins over all but the extremes of `values`, `bound` among them; and whether by ratio."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.array([bound]), False
    unique = np.unique(values)
    if len(unique) <= BINS:
        return np.union1d(unique, [bound]), False
    low, high = (float(each) for each in np.quantile(values, [EXTREME, 1 - EXTREME]))
    least = float(unique[unique > 0][0]) if (unique > 0).any() else 0.0
    low, high = min(low, bound), max(high, bound)
    log = max(low, least) > 0 and high > 1 and high / max(low, least, 1.0) > SKEWED
    if low == high:
        return np.array([bound]), False
    edges = np.geomspace(max(low, least, 1.0), high, BINS) if log else np.linspace(low, high, BINS)
    return np.union1d(edges, [bound]), log


class _Anything(dict[str, Any]):
    """Every column there could be, all ones: enough to ask a rule which tests it makes."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, name: str) -> npt.NDArray[np.float64]:
        return np.ones(self._count)


def _judged(rule: Rule, columns: Columns) -> Judgement | None:
    """What `rule` says; None where it edits, or needs what `columns` lack."""
    if RULES[rule.type].judge is None:
        return None
    try:
        return judge(rule, columns)
    except (KeyError, AttributeError, OntogenyError):
        return None
