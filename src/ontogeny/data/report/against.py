"""What went for documents of corpora made before, corpus by corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page, Turn


def add_against(page: Page, figures: Mapping[str, Any]) -> None:
    """How many documents each earlier corpus held already, and one of them beside the old one."""
    found = figures.get("against")
    if not found:
        return
    gone = sum(each["exact"] + each["near"] for each in found.values())
    lead = (
        f"{numbers.counted(gone, 'document')} went since a corpus made before has"
        f" {'it' if gone == 1 else 'them'}; those of that corpus are not written here again."
    )
    section = page.section("Copies of corpora made before", lead=lead)
    section.table(
        ["corpus", "its documents", "exact copies went", "near copies went"],
        [[name, each["documents"], each["exact"], each["near"]] for name, each in found.items()],
    )
    for name, each in found.items():
        if example := each.get("example"):
            stays, went = example["stays"], example["went"]
            turns = [
                Turn(f"stays ({stays['source']})", f"{stays['text']}\n— {stays['locator']}"),
                Turn(f"went ({went['source']})", f"{went['text']}\n— {went['locator']}"),
            ]
            section.sample(turns, title=f"a copy of a document of {name}")
