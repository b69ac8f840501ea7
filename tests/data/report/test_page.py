"""The page says what was read, kept and dropped, and cannot be scripted by a document."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ontogeny.data.document import Document, Text, to_row
from ontogeny.data.portions import rejected_schema, stored_schema
from ontogeny.data.report.content import add_domains, add_duplicates
from ontogeny.data.report.drops import loss_groups
from ontogeny.data.report.edits import add_edits
from ontogeny.data.report.page import write_page
from ontogeny.data.report.spans import add_spans
from ontogeny.data.tally import Tally
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import BadRow, Fault
from ontogeny.report.page import Page


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


def test_the_page_says_what_took_the_text_out(tmp_path: Path) -> None:
    figures = tally_of("2001").figures([], {"books": ["jsonl"]})
    assert "text taken out by" not in page_of(tmp_path, tally_of("2001"))
    figures["extractors"] = {"trafilatura": {"documents": 7, "mean_score": 2.5}}
    write_page(tmp_path / "report.html", figures, title="Corpus")
    page = (tmp_path / "report.html").read_text()
    assert "text taken out by" in page and "trafilatura" in page and "2.50" in page


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


def test_one_is_not_spoken_of_as_many() -> None:
    page = Page("Corpus")
    found = {"copies": 1, "clusters": 1, "largest": 2, "sizes": {"2": 1}, "examples": []}
    add_duplicates(page, {"duplicates": found})
    assert (
        page.sections[0].lead
        == "1 document went for one that stays; with that one, the largest cluster has 2."
    )
    found |= {"copies": 4, "clusters": 2, "largest": 3, "sizes": {"4": 2}}
    add_duplicates(page, {"duplicates": found})
    assert "4 documents went for one of 2 that stay" in page.sections[1].lead
    assert "3 to 4" not in page.render()  # no cluster has four


def test_a_repeated_passage_goes_by_the_name_of_its_file() -> None:
    page = Page("Corpus")
    passage = {
        "passages": 1,
        "words": 60,
        "source": "web",
        "text": "Home",
        "locator": "/long/way/to/a.warc.gz#offset=3",
    }
    found = {
        "passages": 1, "bytes_cut": 4, "documents_cut": 1, "documents_dropped": 0,
        "alarms": [], "by_source": {}, "most_repeated": [passage],
    }  # fmt: skip
    add_spans(page, {"spans": found, "sources": {}})
    page_text = page.render()
    assert "60 words, 1 time more after a.warc.gz#offset=3" in page_text
    assert "/long/way" not in page_text


def test_domains_are_shares_of_the_documents_that_have_one() -> None:
    section = Page("Corpus").section("Diversity")
    domains = {"top": {"a.org": 3, "b.org": 1}, "documents": 4}
    add_domains(section, domains, documents=100)
    figure = Page("Corpus", sections=[section]).render()
    assert "4 documents with one, 96 with none" in figure
    assert "75.0%" in figure
    assert "share of documents with a domain" in figure


def test_blank_lines_are_no_loss() -> None:
    page = Page("Corpus")
    lines = {"kept": 3, "too_few_words": 1, "blank": 400}
    add_edits(
        page,
        {"edits": {"c4-lines": {"lines": lines, "bytes": {"kept": 90, "too_few_words": 10, "blank": 5}}}},
    )
    page_text = page.render()
    assert "400 blank lines besides" in page_text
    assert "25.0%" in page_text
    assert ">blank<" not in page_text
