"""What a page shows of examples that were divided: labels by part, and what stood where it should not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page, Section, Turn

SHOWN_CONFLICTS = 5
SHOWN_LABELS = 100
PARTS = {"train": "train", "held_out": "held out", "test": "test"}


def add_examples(page: Page, figures: Mapping[str, Any]) -> None:
    """Sections "Labels" and "Copies, leaks and conflicts", where the step divided its examples."""
    if "parts" not in figures:
        return
    if "labels" in figures:
        _add_labels(page, figures)
    lead = "Within a part one of each text stays; what is tested on, or guides training, is not learnt from."
    section = page.section("Copies, leaks and conflicts", lead=lead)
    kinds = {
        "copies": "copies within it",
        "near_copies": "near copies within it",
        "leaks": "stood in a part before it too",
        "near_leaks": "nearly did",
    }
    section.table(
        ["part", *kinds.values()],
        [[PARTS[part], *(figures.get(kind, {}).get(part, 0) for kind in kinds)] for part in PARTS],
    )
    _add_conflicts(section, figures.get("conflicts", {}))


def _add_labels(page: Page, figures: Mapping[str, Any]) -> None:
    counts = figures["label_counts"]
    several = " A text may have several." if figures["multi_label"] else ""
    section = page.section("Labels", lead=f"In their order, with the examples of each in each part.{several}")
    total = max(sum(sum(each.values()) for each in counts.values()), 1)
    rows = [
        [name, *(each[part] for part in PARTS), numbers.percent(sum(each.values()) / total)]
        for name, each in ((name, counts[name]) for name in figures["labels"][:SHOWN_LABELS])
    ]
    section.table(["label", *PARTS.values(), "share"], rows)
    if len(counts) > SHOWN_LABELS:
        section.prose(f"{len(counts) - SHOWN_LABELS:,} more labels are in figures.json.")


def _add_conflicts(section: Section, conflicts: Mapping[str, Any]) -> None:
    if not conflicts.get("texts"):
        return
    section.prose(
        f"{numbers.count(conflicts['texts'])} texts stand under different labels,"
        f" {numbers.count(conflicts['documents'])} examples in all."
    )
    for each in conflicts["samples"][:SHOWN_CONFLICTS]:
        labels = (
            f"{', '.join(one['labels']) or 'no label'} at {one['locator']}" for one in each["documents"]
        )
        section.sample([Turn("text", each["text"])], title="; ".join(labels), tone="bad")
