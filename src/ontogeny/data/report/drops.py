"""What was dropped: by rule and reason, with samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page, Turn
from ontogeny.report.panels import Loss, LossGroup

SHOWN_CHARS = 600
READING, COPIES = "reading", "copies"
COPY, REPEATED = "duplicate", "repeated"
"""In the name of every reason that duplicate removal and the cutting of repeated passages give."""


def loss_groups(figures: Mapping[str, Any]) -> list[LossGroup]:
    """The drops by what made them: reading first, the rules in the order of the recipe, copies last."""
    left = dict(figures["dropped"])
    sizes = figures.get("bytes_dropped", {})
    groups = []
    for rule in figures.get("rules", []):
        mine = {reason: left.pop(reason) for reason in rule["reasons"] if reason in left}
        if mine:
            groups.append(_group(rule["type"], mine, sizes))
    copies = {reason: left.pop(reason) for reason in list(left) if COPY in reason or REPEATED in reason}
    if left:
        groups.insert(0, _group(READING if figures.get("rules") else "all rules", left, sizes))
    if copies:
        groups.append(_group(COPIES, copies, sizes))
    return groups


def _group(label: str, counts: Mapping[str, int], sizes: Mapping[str, int]) -> LossGroup:
    losses = (
        Loss(reason, count, numbers.size(sizes[reason]) if sizes.get(reason) else "")
        for reason, count in counts.items()
    )
    return LossGroup(label, tuple(losses))


def add_dropped(page: Page, figures: Mapping[str, Any]) -> None:
    """A table of all reasons, the first bad rows of each source, and samples under the rule that dropped them."""
    if not figures["dropped"]:
        return
    read, sizes = figures["documents_read"], figures.get("bytes_dropped", {})
    section = page.section("Dropped", lead="All of them are in dropped.parquet, with reason and score.")
    groups = loss_groups(figures)
    section.table(
        ["by", "reason", "documents", "share of read", "text"],
        [
            [
                group.label,
                loss.label,
                loss.count,
                numbers.percent(loss.count / read),
                numbers.size(sizes[loss.label]) if sizes.get(loss.label) else None,
            ]
            for group in groups
            for loss in sorted(group.losses, key=lambda each: -each.count)
        ],
    )
    for source, rows in sorted(figures["bad_rows"].items()):
        section.code("\n".join(rows), caption=f"First bad rows of {source}")
    samples = figures["dropped_samples"]
    for group in groups:
        for loss in sorted(group.losses, key=lambda each: -each.count):
            turns = [Turn(each["source"], _told(each)) for each in samples.get(loss.label, [])]
            if turns:
                section.sample(turns, title=f"{group.label}: {loss.label}")


def _told(sample: Mapping[str, str]) -> str:
    text = sample["text"]
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return f"{shown}\n— {sample['detail']}"
