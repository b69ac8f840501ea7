from pathlib import Path

from ontogeny.data.report.personal import add_personal, personal_figures
from ontogeny.report.page import Page
from tests.data.test_pipeline import curate, essay

TEXTS = ["Write to a@example.org, b@example.org and c@example.org, all of you.", essay(1)]


def test_what_is_counted_is_told_by_kind(tmp_path: Path) -> None:
    made = curate(tmp_path, TEXTS, rules=[{"type": "pii", "max_found": None}])
    figures = personal_figures(made.payload)
    assert figures["pii_email"] == {"documents": 1, "found": 3}
    assert figures["pii_iban"] == {"documents": 0, "found": 0}
    page = Page("Corpus")
    add_personal(page, {"personal": figures})
    page.write(tmp_path / "page.html")
    assert "Personal data" in (tmp_path / "page.html").read_text()


def test_without_the_rule_there_is_nothing_to_tell(tmp_path: Path) -> None:
    made = curate(tmp_path, TEXTS, rules=[])
    assert personal_figures(made.payload) == {}
    page = Page("Corpus")
    add_personal(page, {"personal": {}})
    page.write(tmp_path / "page.html")
    assert "Personal data" not in (tmp_path / "page.html").read_text()
