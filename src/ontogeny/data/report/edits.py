"""What edits took from texts: lines and matches by reason, with their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.data.edits.took import BLANK
from ontogeny.report import numbers
from ontogeny.report.page import Page

LEAD = (
    "What rules that edit changed in the documents that were read, before other rules dropped any. Every line and match"
    " is in the portions of the workspace's cache, with its reason and size."
)


def add_edits(page: Page, figures: Mapping[str, Any]) -> None:
    """A table for each edit of the recipe; nothing where there was none."""
    edits = figures.get("edits", {})
    if not edits:
        return
    section = page.section("Edits", lead=LEAD)
    for name, found in edits.items():
        (of,) = found.keys() - {"bytes"}
        counts, sizes = found[of], found["bytes"]
        blank = counts.get(BLANK, 0)
        total, text = max(sum(counts.values()) - blank, 1), max(sum(sizes.values()), 1)
        section.table(
            ["reason" if of == "lines" else "kind", of, "share", "text", "share of text"],
            [
                [
                    reason,
                    count,
                    numbers.percent(count / total),
                    numbers.size(sizes[reason]),
                    numbers.percent(sizes[reason] / text),
                ]
                for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
                if reason != BLANK
            ],
            caption=f"{name}; {numbers.counted(blank, 'blank line')} besides, which hold no text"
            if blank
            else name,
        )
