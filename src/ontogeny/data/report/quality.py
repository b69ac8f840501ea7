"""The distribution behind each bound of the recipe, and what another threshold would keep."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page
from ontogeny.report.panels import Panel, panel_grid

MOVES = 6
"""Bounds that the table names: those that take the most by themselves."""
LEAD = (
    "How documents are spread over what each bound is compared with: blue stays, orange goes for any reason; the dashed"
    " line is the bound, and the shaded side misses it. The green line is what would stay of the text if only this"
    " bound stood elsewhere, as a part of what would stay without it: 0 at the axis, 100% at the top."
)


def add_quality(page: Page, figures: Mapping[str, Any]) -> None:
    """A panel for each bound, by rule; where the figures hold any."""
    bounds = figures.get("bounds", [])
    if not bounds:
        return
    section = page.section("Quality", lead=LEAD)
    strongest = sorted(bounds, key=lambda each: -_alone(each, figures))[:MOVES]
    section.table(
        ["rule", "bound", "documents it takes alone", "text it takes alone", "of the text kept"],
        [
            [
                each["rule"],
                f"{each['field']} {numbers.compact(each['bound'])}",
                each["what_if"]["documents_without"] - figures["documents_kept"],
                numbers.size(_alone(each, figures)),
                numbers.percent(_alone(each, figures) / max(figures["bytes_kept"], 1)),
            ]
            for each in strongest
            if _alone(each, figures) > 0
        ],
        caption="What a bound takes that no other one does: documents that would stay if it were not there.",
    )
    for (_, name), group in groupby(bounds, key=lambda each: (each["position"], each["rule"])):
        panels = [_panel(each) for each in group]
        section.figure(panel_grid(panels, title=name))


def _alone(bound: Mapping[str, Any], figures: Mapping[str, Any]) -> int:
    """Bytes that would be kept besides, were `bound` not there."""
    lost: int = bound["what_if"]["bytes_without"] - figures["bytes_kept"]
    return max(lost, 0)


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
