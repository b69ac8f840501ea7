"""The report of a corpus on disk: page, figures and card; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.data.report import report_corpus
from ontogeny.data.report.copies import ValueCounts, domain_figures
from ontogeny.data.report.finished import read_rules, report_finished
from tests.data.conftest import Made
from tests.data.report.conftest import RULES


def test_figures_page_and_card_are_written(reported: tuple[Path, dict[str, Any]]) -> None:
    folder, figures = reported
    assert json.loads((folder / "figures.json").read_text()) == json.loads(json.dumps(figures))
    page = (folder / "report.html").read_text()
    for word in (
        "Quality",
        "Diversity",
        "Copies",
        "Relevance",
        "min_words",
        "gopher_not_alphabetic",
        "exam",
        "1903",
    ):
        assert word in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert (folder / "croissant.json").exists()


def test_the_same_corpus_gives_the_same_bytes(
    reported: tuple[Path, dict[str, Any]], mixed: Made, tmp_path: Path
) -> None:
    reference = reported[0].parent / "exam.jsonl"
    report_finished(
        mixed.payload, tmp_path, name="mix/corpus@2", version=2, rules=RULES, references=[reference]
    )
    for name in ("figures.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (reported[0] / name).read_bytes()
    cards = [json.loads((folder / "croissant.json").read_text()) for folder in (tmp_path, reported[0])]
    for card in cards:  # of the same files, by the way there from each folder
        for file in card["distribution"]:
            file["contentUrl"] = file["contentUrl"].rpartition("/")[2]
    assert cards[0] == cards[1]


def test_clusters_name_the_document_that_stays(reported: tuple[Path, dict[str, Any]], mixed: Made) -> None:
    duplicates = reported[1]["duplicates"]
    assert (duplicates["clusters"], duplicates["copies"], duplicates["largest"]) == (2, 3, 3)
    assert duplicates["sizes"] == {"2": 1, "4": 1}
    largest = duplicates["examples"][0]
    assert largest["documents"] == 3
    assert largest["kept"]["doc_id"] in {row["doc_id"] for row in mixed.rows()}
    assert [copy["text"] for copy in largest["copies"]] == [largest["kept"]["text"]] * 2


def test_drops_are_told_by_rule(reported: tuple[Path, dict[str, Any]]) -> None:
    figures = reported[1]
    assert [rule["type"] for rule in figures["rules"]] == ["length", "gopher-quality"]
    assert figures["rules"][0]["reasons"] == ["too_short", "too_long"]
    assert figures["documents_read"] == figures["documents_kept"] + sum(figures["dropped"].values())


def test_a_step_reports_with_and_without_a_survey(mixed: Made, tmp_path: Path) -> None:
    for name in ("part-00000.parquet", "dropped.parquet"):
        (tmp_path / name).hardlink_to(mixed.payload / name)
    figures = json.loads((mixed.payload / "figures.json").read_text())
    figures = {
        name: figures[name]
        for name in figures
        if name not in ("bounds", "diversity", "duplicates", "relevance")
    }
    rules = read_rules(RULES)
    report_corpus(tmp_path, figures, title="Corpus", name="mix", rules=rules, survey=False)
    assert "Diversity" not in (tmp_path / "report.html").read_text()
    report_corpus(tmp_path, figures, title="Corpus", name="mix", rules=rules)
    assert "Diversity" in (tmp_path / "report.html").read_text()


def test_rules_of_another_age_give_no_curves(mixed: Made, tmp_path: Path) -> None:
    figures = report_finished(
        mixed.payload, tmp_path, name="a/b@1", version=1, rules=[{"type": "once"}], references=[]
    )
    assert figures["bounds"] == []
    assert "too_short" in (tmp_path / "report.html").read_text()


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    for figures in (None, '{"training": {}}'):
        if figures is not None:
            (tmp_path / "figures.json").write_text(figures)
        with pytest.raises(DataError, match="no figures of a corpus"):
            report_finished(tmp_path, tmp_path / "out", name="a/b@1", version=1, rules=[], references=[])


def test_a_reference_that_is_not_there_is_refused(mixed: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        report_finished(
            mixed.payload, tmp_path, name="a/b@1", version=1, rules=[], references=[tmp_path / "none.jsonl"]
        )


def test_references_of_one_name_go_by_their_paths(mixed: Made, tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "exam.txt", tmp_path / "b" / "exam.txt"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("the river runs to a town")
    figures = report_finished(
        mixed.payload, tmp_path / "out", name="a/b@1", version=1, rules=[], references=paths
    )
    assert list(figures["relevance"]) == list(map(str, paths))


def test_examples_have_a_report_too(choices: Made, tmp_path: Path) -> None:
    figures = report_finished(
        choices.payload, tmp_path, name="a/choices@1", version=1, rules=[], references=[]
    )
    assert figures["diversity"] == {}
    assert (tmp_path / "report.html").exists()


def test_domains_are_counted(tmp_path: Path) -> None:
    import pyarrow as pa

    table = pa.table({"domain": ["a.org", "b.org", None, "a.org"]})
    pq.write_table(table, tmp_path / "part-00000.parquet")
    figures = domain_figures(tmp_path)
    assert figures["top"] == {"a.org": 2, "b.org": 1}
    assert (figures["documents"], figures["distinct"]) == (3, 2)


def test_counts_are_merged_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa

    monkeypatch.setattr("ontogeny.data.report.copies.MERGE_ROWS", 3)
    counts = ValueCounts()
    for start in range(20):
        counts.add(pa.chunked_array([[f"v{start % 5}", f"v{start % 3}", None]]))
    table = counts.table()
    assert sum(table.column("count").to_pylist()) == 40
    assert table.column("value").to_pylist()[0] == "v0"
    assert len(ValueCounts().table()) == 0
