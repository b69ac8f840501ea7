"""What the table of figures is made of: results as they are read, rows, goals, and how numbers are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

QUARTILES_FROM = 4
"""Runs; of fewer, quartiles are made up between and beyond them."""
SHORT = ".3g"
HEAD = ["| what | ours | against | ours is | input | goal |", "|---|---|---|---|---|---|"]


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and whether it was."""

    text: str
    met: bool

    def __str__(self) -> str:
        return f"{self.text}: {'met' if self.met else '**missed**'}"


@dataclass(frozen=True)
class Row:
    """A line of the table. Without `ours` it was not measured, and is left out."""

    what: str
    ours: str | None
    against: str | None = None
    ratio: str | None = None
    """What ours is beside that: 2 times as fast, say."""
    input: str | None = None
    goal: Goal | None = None

    def __str__(self) -> str:
        cells = (self.what, self.ours, self.against, self.ratio, self.input, self.goal)
        return f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |"

    def below(self, other: Row | None) -> Row:
        """The same without what stands in `other`, the row above, already: the figure of ours beside another peer."""
        if other is None or (self.what, self.ours, self.input) != (other.what, other.ours, other.input):
            return self
        return replace(self, what="", ours="", input="")


class Result:
    """A result file. What it lacks is None: an older one may not have it yet."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record

    def at(self, *names: str) -> Any:
        """The figure under `names`."""
        return self.noted("figures", *names)

    def noted(self, *names: str) -> Any:
        """What the file holds under `names`, beside its figures too."""
        found: Any = self._record
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    @property
    def source(self) -> str:
        """The command, and where and when it ran."""
        hardware = self._record["hardware"]
        place = f"{hardware['processor']}, {hardware['cores']} cores, {self._record['date'][:10]}"
        disturbed = "; other programs were running" if self._record.get("disturbed") else ""
        return f"`{self._record['command']}` ({place}{disturbed})"


def at_least(bound: float, value: float | None, unit: str = "") -> Goal | None:
    """The goal that `value` is `bound` or more; none for a value that was not measured."""
    return reached(f"at least {bound:g}{unit}", value, lambda each: each >= bound)


def at_most(bound: float, value: float | None, unit: str = "") -> Goal | None:
    """The goal that `value` is `bound` or less; none for a value that was not measured."""
    return reached(f"at most {bound:g}{unit}", value, lambda each: each <= bound)


def reached(text: str, value: Any, met: Callable[[Any], bool]) -> Goal | None:
    """The goal `text`; none for a value that was not measured."""
    return None if value is None else Goal(text, met(value))


def said(value: Any, form: Callable[[Any], str]) -> str | None:
    """`value` as `form` writes it; None where there is none."""
    return None if value is None else form(value)


def by(who: str, form: Callable[[Any], str]) -> Callable[[Any], str]:
    """As `form` writes it, after a name."""
    return lambda value: f"{who} {form(value)}"


def megabytes(size: float) -> str:
    """Bytes as MB."""
    return f"{size / 1e6:,.0f} MB"


def precision_and_recall(found: dict[str, float]) -> str:
    return f"{found['precision']:.4f} and {found['recall']:.4f}"


def fewer(ratio: float, unit: str = "CPU seconds") -> str:
    """How many times fewer of `unit` ours takes; below one, how many times more."""
    return f"{ratio:{SHORT}} times fewer {unit}" if ratio >= 1 else f"{1 / ratio:{SHORT}} times more {unit}"


def spread(values: dict[str, Any], form: str = SHORT) -> str:
    """Median and the middle half; the extremes of fewer than `QUARTILES_FROM` runs, of which there is no half."""
    few = values["n"] < QUARTILES_FROM
    low, high = (values["min"], values["max"]) if few else values["quartiles"]
    which = "all from " if few else ""
    return f"{values['median']:{form}} ({which}{low:{form}} to {high:{form}}; n = {values['n']})"


def interval(values: dict[str, Any]) -> str:
    """Median ratio, and its 95% interval where there are runs enough: resampling fewer gives their extremes back."""
    if values["n"] < QUARTILES_FROM:
        return f"{values['median']:.2f} times (n = {values['n']})"
    low, high = values["ci95"]
    return f"{values['median']:.2f} times (95%: {low:.2f} to {high:.2f}; n = {values['n']})"


def mean(values: dict[str, Any]) -> str:
    """A mean of few runs, with their extremes."""
    return f"{values['mean']:.3f} ({values['min']:.3f} to {values['max']:.3f}; n = {values['n']})"
