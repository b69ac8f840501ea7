"""The page says what was read, kept and dropped, and cannot be scripted by a document."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ontogeny.data.document import Document, Text, to_row
from ontogeny.data.portions import rejected_schema, stored_schema
from ontogeny.data.report.drops import loss_groups
from ontogeny.data.report.page import write_page
from ontogeny.data.tally import Tally
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import BadRow, Fault


def tally_of(*dates: str | None) -> Tally:
    tally = Tally()
    documents = [
        Document(
            doc_id=f"{number:032x}",
            group="json",
            source="books",
            locator="l",
            content=Text("kept"),
            date=date,
        )
        for number, date in enumerate(dates)
    ]
    kept = pa.Table.from_pylist(list(map(to_row, documents)), schema=stored_schema("text"))
    tally.add_kept(kept.append_column("split", pa.array(["train"] * len(kept))))
    row = {"source": "books", "reason": "too_short", "detail": "3 chars", "text": "<script>alert(1)</script>"}
    tally.add_dropped(pa.Table.from_pylist([row], schema=rejected_schema("text")))
    return tally


def page_of(folder: Path, tally: Tally, count: RowCount | None = None) -> str:
    figures = tally.figures([count] if count else [], {"books": ["jsonl"]})
    write_page(folder / "report.html", figures, title="Corpus")
    return (folder / "report.html").read_text()


def test_the_page_tells_the_story(tmp_path: Path) -> None:
    count = RowCount("books")
    count.add_bad(BadRow(Fault.NOT_JSON, "Expecting value", 7, "b.jsonl#bytes=0-9"))
    page = page_of(tmp_path, tally_of("2001-01-01", "2003-01-01"), count)
    for word in (
        "too_short",
        "kept",
        "jsonl",
        "unknown",
        "b.jsonl#bytes=0-9 (row 7): not_json",
        "knowledge cutoff",
    ):
        assert word in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        ((None,), "No document has a date."),
        (("2001", None), "Dated 2001."),
        (("2001", "1999"), "Dates from 1999 to 2001."),
        (tuple(str(year) for year in range(1900, 1960)), ">1950s<"),
    ],
)
def test_dates(tmp_path: Path, dates: tuple[str | None, ...], says: str) -> None:
    assert says in page_of(tmp_path, tally_of(*dates))


def test_drops_stand_under_their_rule_in_the_order_of_the_recipe() -> None:
    figures = {
        "dropped": {"near_duplicate": 1, "not_json": 2, "short": 3, "long": 4, "odd": 5},
        "bytes_dropped": {"short": 30},
        "rules": [{"type": "b", "reasons": ["odd"]}, {"type": "a", "reasons": ["short", "long", "never"]}],
    }
    groups = [
        (group.label, group.count, [loss.label for loss in group.losses]) for group in loss_groups(figures)
    ]
    assert groups == [
        ("reading", 2, ["not_json"]),
        ("b", 5, ["odd"]),
        ("a", 7, ["short", "long"]),
        ("copies", 1, ["near_duplicate"]),
    ]
