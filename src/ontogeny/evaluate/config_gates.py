"""What a user writes about a gate: one condition on one figure of the evaluated model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from ontogeny.core.errors import nearest
from ontogeny.lineage.step import Ref, Settings
from ontogeny.statistics.paired import SIGNIFICANCE

BASELINE = "baseline"
SIZE = "size"
CONTAMINATED = "contaminated"
FIGURES = (CONTAMINATED,)  # figures of a suite, not metrics of its items, that a gate may bound
SEARCHED = ("clean", CONTAMINATED)  # parts of a suite of which some items stand in what the model learnt from
CONDITIONS = ("at_least", "at_most", "better_than", "not_worse_than", "below", "above")
PERCENT = 100
TESTED = ("better_than", "above")
WITH_INTERVAL = ("at_least", "at_most", "not_worse_than")

Opponent = Annotated[str, Ref("model", "adapter", "export", words=(BASELINE,))]
"""`baseline`, or the name of a step, an artifact or an alias."""


class MeasuredSuite(Protocol):
    """What a gate has to know of a suite."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def type(self) -> str:
        """What kind of suite it is."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""

    @property
    def shares(self) -> tuple[str, ...]:
        """Of these, what lies between 0 and 1."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of its items that have results of their own; one that ends in `=` has a value of the data behind it."""


class NotWorse(Settings):
    """Whom the model may not fall behind, and how far behind still is as good."""

    model: Opponent
    """`baseline`, or the name of a step, an artifact or an alias."""
    margin: float = Field(gt=0)
    """How much worse counts as no worse, in the metric's own unit: 0.02 is two points of accuracy."""


class Gate(Settings):
    """A condition on one figure of the evaluated model; exactly one of the six conditions is given."""

    name: str
    """What it is called where it refuses."""
    metric: str
    """`suite/metric`, e.g. `questions/acc`; `suite/part/metric` for a part of the items; `suite/contaminated` for the
    share of contaminated items; `size` for the bytes of the model's files."""
    at_least: float | None = None
    """The least value that passes."""
    at_most: float | None = None
    """The largest value that passes."""
    better_than: Opponent | None = None
    """`baseline`, or the name of a model: better on the same items, by a paired test."""
    not_worse_than: NotWorse | None = None
    """A model and a margin: on the same items, the interval of the paired difference keeps within the margin."""
    below: Literal["xz"] | None = None
    """Fewer bits per byte than `xz -9e` on the same documents."""
    above: Literal["chance"] | None = None
    """More often right than guessing would be, by a one-sided test."""
    significance: float = Field(SIGNIFICANCE, gt=0, lt=1)
    """Largest p-value that counts, for `better_than` and `above`."""
    blocks: tuple[str, ...] = ()
    """Steps that are held back while the gate refuses."""
    confidence: float | None = Field(None, gt=0, lt=1)
    """Of the two-sided interval. `at_least` and `at_most` judge the value when it is not given, and else the end of its
    interval that is nearer to refusal; for `not_worse_than` it is 0.95 when not given."""

    @model_validator(mode="after")
    def _one_condition(self) -> Gate:
        given = [name for name in CONDITIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a gate needs exactly one of {', '.join(CONDITIONS)}; it has {len(given)}")
        for setting, users in (("significance", TESTED), ("confidence", WITH_INTERVAL)):
            if setting in self.model_fields_set and given[0] not in users:
                raise ValueError(f"{setting} has no effect on {given[0]}; leave it out")
        if self.measure in (SIZE, *FIGURES) and (given[0] not in WITH_INTERVAL[:2] or self.confidence):
            raise ValueError(
                f"{self.measure} is counted, not estimated: say at_most or at_least, no confidence"
            )
        return self

    @property
    def suite(self) -> str:
        """The suite's name; nothing for a figure of the model alone."""
        return self.metric.partition("/")[0] if "/" in self.metric else ""

    @property
    def part(self) -> str:
        """The part of the suite's items; nothing for all of them."""
        return self.metric.partition("/")[2].rpartition("/")[0]

    @property
    def measure(self) -> str:
        """The metric's name within its suite."""
        return self.metric.rpartition("/")[2]

    @property
    def opponent(self) -> str | None:
        """Whom the model is compared with."""
        return self.not_worse_than.model if self.not_worse_than else self.better_than

    @property
    def opponent_role(self) -> str:
        """The path of the opponent's name within the gate."""
        return "not_worse_than.model" if self.not_worse_than else "better_than"


def check_gate(gate: Gate, suites: Iterable[MeasuredSuite], *, has_baseline: bool) -> None:
    """Hold a gate against the suites of its evaluation.

    Raises:
        ValueError: a metric that nobody measures, or a condition that does not fit it.
    """
    if gate.metric == SIZE:
        return
    suites = list(suites)
    known = [f"{suite.name}/{metric}" for suite in suites for metric in suite.metrics]
    figures = [f"{suite.name}/{figure}" for suite in suites for figure in FIGURES]
    whole = f"{gate.suite}/{gate.measure}"
    if whole not in known and gate.metric not in figures:
        raise ValueError(
            f"gate {gate.name!r}: no metric {gate.metric!r}; there is {', '.join(known) or 'none'}."
            + nearest(whole, [*known, *figures, SIZE])
        )
    suite = next(suite for suite in suites if suite.name == gate.suite)
    if gate.part:
        _check_part(gate, suite)
    if gate.measure in (*suite.shares, *FIGURES):
        _check_share(gate)
    if gate.opponent == BASELINE and not has_baseline:
        raise ValueError(f"gate {gate.name!r} compares with a baseline; name one: baseline: STEP")
    if gate.below is not None and (suite.type != "bits-per-byte" or gate.part):
        raise ValueError(f"gate {gate.name!r}: only a bits-per-byte suite can be below xz")
    chooses = suite.type == "multiple-choice" or (suite.type == "task" and gate.measure.startswith("acc"))
    if gate.above is not None and (not chooses or gate.part):
        raise ValueError(f"gate {gate.name!r}: only the accuracy of all choices can be above chance")


def _check_part(gate: Gate, suite: MeasuredSuite) -> None:
    known = (*suite.parts, *SEARCHED)
    if gate.part in known or any(one.endswith("=") and gate.part.startswith(one) for one in known):
        return
    listed = ", ".join(f"{one}VALUE" if one.endswith("=") else one for one in known)
    raise ValueError(
        f"gate {gate.name!r}: {suite.name} has no part {gate.part!r}; parts: {listed}.{nearest(gate.part, known)}"
    )


def _check_share(gate: Gate) -> None:
    """A bound beyond what a share can be decides nothing; mostly percent are meant."""
    bounds = {"at_least": gate.at_least, "at_most": gate.at_most}
    if gate.not_worse_than is not None:
        bounds["not_worse_than.margin"] = gate.not_worse_than.margin
    for name, bound in bounds.items():
        if bound is not None and not 0 <= bound <= 1:
            meant = f"; for {bound:g}% write {bound / 100:g}" if 1 < bound <= PERCENT else ""
            raise ValueError(
                f"gate {gate.name!r}: {gate.metric} is a share, from 0 to 1, and {name} is {bound:g}{meant}"
            )
