"""The distribution behind each bound of the recipe, and what another threshold would keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page
from ontogeny.report.panels import Panel, panel_grid

MOVES = 8
"""Tests that the table names: those that take the most by themselves."""
LEAD = (
    "How documents are spread over what each bound is compared with: blue stays, orange goes for any reason; the dashed"
    " line is the bound, and the shaded side misses it. The green line is what would stay of the text if only this"
    " bound stood elsewhere, as a part of what would stay without it: 0 at the axis, 100% at the top."
)
ALONE = (
    "What a test takes alone: documents that would stay if only it were not there. Tests without a bound,"
    " such as lists, go by the reason they give."
)


def add_quality(page: Page, figures: Mapping[str, Any]) -> None:
    """A panel for each bound, by rule; where the figures hold any."""
    bounds, others = figures.get("bounds", []), figures.get("other_tests", [])
    if not bounds and not any(each["documents"] for each in others):
        return
    section = page.section("Quality", lead=LEAD if bounds else "")
    takes = [_of_bound(each, figures) for each in bounds]
    takes += [
        _Take(each["rule"], each["reason"], each["documents"], each["bytes"], each.get("words"))
        for each in others
    ]
    takes = sorted((each for each in takes if each.size > 0), key=lambda each: -each.size)[:MOVES]
    words = any(each.words is not None for each in takes)
    section.table(
        [
            *("rule", "bound or reason", "documents", "text", "of the text kept"),
            *(["words"] if words else []),
        ],
        [
            [
                each.rule,
                each.says,
                each.documents,
                numbers.size(each.size),
                numbers.percent(each.size / max(figures["bytes_kept"], 1)),
                *([each.words] if words else []),
            ]
            for each in takes
        ],
        caption=ALONE,
    )
    for (_, name), group in groupby(bounds, key=lambda each: (each["position"], each["rule"])):
        panels = [_panel(each) for each in group]
        section.figure(panel_grid(panels, title=name))


@dataclass(frozen=True)
class _Take:
    """What one test takes alone; `size` in bytes, `words` where they were counted."""

    rule: str
    says: str
    documents: int
    size: int
    words: int | None


def _of_bound(bound: Mapping[str, Any], figures: Mapping[str, Any]) -> _Take:
    """What would be kept besides, were `bound` not there."""
    what_if = bound["what_if"]
    place = what_if["thresholds"].index(bound["bound"])
    return _Take(
        bound["rule"],
        f"{bound['field']} {numbers.compact(bound['bound'])}",
        what_if["documents_without"] - figures["documents_kept"],
        what_if["bytes_without"] - figures["bytes_kept"],
        what_if["words_without"] - what_if["words"][place] if "words" in what_if else None,
    )


def _panel(bound: Mapping[str, Any]) -> Panel:
    lower = bound["direction"] == "lower"
    whole = max(bound["what_if"]["bytes_without"], 1)
    total = sum(bound["documents"])
    place = bound["edges"].index(bound["bound"])
    missed = sum(bound["documents"][: place + 1] if lower else bound["documents"][place + 1 :])
    sign = "<" if lower else ">"
    measure = bound["measure"].split(", ")[0].removesuffix(" above").removesuffix(" below").strip()
    return Panel(
        title=bound["field"],
        subtitle=f"{measure}; {numbers.percent(missed / max(total, 1))} are {sign} {numbers.compact(bound['bound'])}",
        edges=bound["edges"],
        total=bound["documents"],
        kept=bound["documents_kept"],
        threshold=bound["bound"],
        curve=[value / whole for value in bound["what_if"]["bytes"]],
        shade_left=lower,
    )
