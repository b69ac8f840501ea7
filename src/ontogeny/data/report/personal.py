"""How much personal data is in a corpus, where the recipe has it counted (the rule `pii`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ontogeny.data.pii.kinds import KINDS, count_column
from ontogeny.data.report.scan import row_groups, signal_columns
from ontogeny.records.parts import part_paths
from ontogeny.report.page import Page

LEAD = "What was found in the documents that stay, as the rule `pii` counts it: of the text as it was where it stood."


def personal_figures(payload: Path) -> dict[str, dict[str, int]]:
    """By column: the kept documents that hold some of the kind, and how many were found; nothing where none counted."""
    counted = {count_column(kind) for kind in KINDS}
    columns = [name for name in signal_columns(payload) if name.partition("@")[0] in counted]
    figures = {name: {"documents": 0, "found": 0} for name in columns}
    for path in part_paths(payload) if columns else ():
        for table in row_groups(path, columns):
            for name in table.column_names:
                column = table.column(name).to_numpy()
                figures[name]["documents"] += int((column > 0).sum())
                figures[name]["found"] += int(column.sum())
    return figures


def add_personal(page: Page, figures: Mapping[str, Any]) -> None:
    """A table by kind; nothing where nothing was counted."""
    found = figures.get("personal", {})
    if not found:
        return
    page.section("Personal data", lead=LEAD).table(
        ["column", "documents with some", "found"],
        [[name, each["documents"], each["found"]] for name, each in found.items()],
    )
