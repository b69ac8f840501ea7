"""Evaluation items in a corpus: what was found, and how far the search can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.figures import Bar, bar_chart
from ontogeny.report.page import Page, Section, Turn

SHOWN_SUITES = 40


def add_contamination(page: Page, figures: Mapping[str, Any]) -> None:
    """For each rule that looked for items: what it found of each suite, and what it finds of planted ones."""
    for found in figures.get("contamination", []):
        lead = "Documents that hold items of the evaluations that the recipe names; contamination.parquet lists them."
        section = page.section("Evaluation items", lead=lead)
        _add_suites(section, found)
        if check := found.get("self_check"):
            _add_check(section, check)


def _add_suites(section: Section, found: Mapping[str, Any]) -> None:
    hit = {name: each for name, each in found["suites"].items() if each["documents"]}
    suites = sorted(hit.items(), key=lambda one: (-one[1]["contaminated"], one[0]))
    clean = [each["items"] for name, each in found["suites"].items() if name not in hit]
    rows: list[list[str | int]] = [
        [
            name,
            each["items"],
            each["contaminated"],
            numbers.percent(each["contaminated"] / max(each["items"], 1)),
            each["context_only"],
            each["documents"],
        ]
        for name, each in suites[:SHOWN_SUITES]
    ]
    if clean:
        name = "all suites" if not hit else f"{len(clean)} {'other' if len(clean) == 1 else 'others'}"
        rows.append([name, sum(clean), 0, numbers.percent(0), 0, 0])
    short = found["items_too_short_to_tell"]
    caption = "Items of which the question was found, and those of which only the passage was."
    if short:
        caption += f" {numbers.count(short)} items are too short to be told from chance and cannot be found."
    if len(suites) > SHOWN_SUITES:
        caption += f" {len(suites) - SHOWN_SUITES} more suites are in figures.json."
    section.table(["suite", "items", "found", "share", "passage only", "documents"], rows, caption=caption)


def _add_check(section: Section, check: Mapping[str, Any]) -> None:
    section.prose(
        f"How far this can be trusted: {numbers.count(check['items'])} of these items were put into documents of this"
        " corpus, in several forms, and so were texts that only look like items. The same search, with the settings of"
        " the recipe, then had to tell them apart."
    )
    section.table(
        ["measured on planted texts", "value", "95% interval"],
        [
            [says, numbers.percent(each["value"]), " to ".join(map(numbers.percent, each["interval"]))]
            for says, each in (
                ("recall: leaks that were found", check["recall"]),
                ("precision: finds that were leaks", check["precision"]),
                ("look-alikes taken for leaks", check["false_positives"]),
            )
            if each is not None
        ],
    )
    caption = "Planted leaks that were found, by their form, with 95% intervals: more is better."
    _add_bars(section, check["leaks"], "share found", caption)
    caption = "Look-alikes that were taken for leaks, by kind, with 95% intervals: less is better."
    _add_bars(section, check["look_alikes"], "share taken for leaks", caption)
    for each in check["wrong"]:
        about = "missed" if each["leak"] else "taken for a leak"
        turns = [Turn(each["suite"], each["text"])]
        if each["taken_for"] and not each["leak"]:
            turns.append(Turn("taken for", each["taken_for"]))
        section.sample(turns, title=f"{about}: {each['kind']}", tone="bad")


def _add_bars(section: Section, kinds: Sequence[Mapping[str, Any]], label: str, caption: str) -> None:
    bars = [
        Bar(
            f"{each['kind']}, {numbers.count(each['planted'])}",
            each["found"] / each["planted"],
            *each["interval"],
        )
        for each in kinds
    ]
    if bars:
        section.figure(bar_chart(bars, x_label=label, percent=True), caption=caption)
