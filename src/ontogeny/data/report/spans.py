"""Repeated passages that were cut: how much of each source, and which stand most often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.page import Page, Turn


def add_spans(page: Page, figures: Mapping[str, Any]) -> None:
    """A table of sources and the passages found most often; nothing where none was looked for."""
    found = figures.get("spans")
    if found is None:
        return
    lead = (
        f"{numbers.count(found['passages'])} passages ({numbers.size(found['bytes_cut'])}) that stand elsewhere in the"
        f" corpus too were cut from {numbers.count(found['documents_cut'])} documents;"
        f" {numbers.count(found['documents_dropped'])} more had too little else and were dropped. All are in"
        " spans.parquet, with the place where each stands first."
    )
    section = page.section("Repeated passages", lead=lead)
    for alarm in found["alarms"]:
        section.note(alarm, tone="bad")
    if found["by_source"]:
        section.table(
            ["source", "documents cut", "passages", "text cut", "of its text", "documents dropped"],
            [
                [
                    name,
                    each["documents_cut"],
                    each["passages"],
                    numbers.size(each["bytes_cut"]),
                    _share(each["bytes_cut"], figures["sources"].get(name, {}).get("bytes_kept", 0)),
                    each["documents_dropped"],
                ]
                for name, each in sorted(found["by_source"].items())
            ],
        )
    for each in found["most_repeated"]:
        more, place = numbers.counted(each["passages"], "time"), file_name(each["locator"])
        title = f"{each['words']} words, {more} more after {place}"
        section.sample([Turn(each["source"], f"{each['text']}…")], title=title)


def file_name(locator: str) -> str:
    """A locator without the folders of its file: enough for the eye."""
    path, mark, place = locator.partition("#")
    return f"{path.rstrip('/').rpartition('/')[2]}{mark}{place}"


def _share(cut: int, kept: int) -> str:
    return numbers.percent(cut / (cut + kept)) if cut + kept else numbers.ABSENT
