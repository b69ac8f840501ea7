"""The card is what MLCommons' own reader accepts and reads documents with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.data.croissant import corpus_card
from tests.data.conftest import Made


def figures_of(made: Made) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((made.payload / "figures.json").read_text())
    return figures


@pytest.mark.filterwarnings("ignore")
def test_mlcroissant_validates_the_card_and_reads_documents_with_it(corpus: Made, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip(
        "mlcroissant", reason="mlcroissant, which judges the card, is not installed"
    )
    for path in corpus.payload.glob("*.parquet"):
        (tmp_path / path.name).hardlink_to(path)
    card = corpus_card(corpus.payload, figures_of(corpus), name="python-docs")
    (tmp_path / "croissant.json").write_text(json.dumps(card))
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    kept, figures = len(corpus.rows()), figures_of(corpus)
    for record_set, count in (("documents", kept), ("dropped", figures["documents_read"] - kept)):
        assert len(list(dataset.records(record_set))) == count
    first = next(iter(dataset.records("documents")))
    assert first["documents/doc_id"].decode() == corpus.rows()[0]["doc_id"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("parts", [1, 2])
def test_a_card_elsewhere_leads_to_the_documents(corpus: Made, tmp_path: Path, parts: int) -> None:
    mlcroissant = pytest.importorskip(
        "mlcroissant", reason="mlcroissant, which judges the card, is not installed"
    )
    payload, folder = tmp_path / "artifacts" / "corpus@1", tmp_path / "reports" / "corpus"
    payload.mkdir(parents=True)
    folder.mkdir(parents=True)
    names = ["part-00000.parquet", "part-00001.parquet"][:parts]
    for name, of in [
        *((name, "part-00000.parquet") for name in names),
        ("dropped.parquet", "dropped.parquet"),
    ]:
        (payload / name).hardlink_to(corpus.payload / of)
    card = corpus_card(payload, figures_of(corpus), name="python-docs", folder=folder)
    assert card["url"] == "report.html"
    assert card["distribution"][0]["contentUrl"] == "../../artifacts/corpus@1/part-00000.parquet"
    (folder / "croissant.json").write_text(json.dumps(card))
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    named = ["documents"] if parts == 1 else ["documents-part-00000", "documents-part-00001"]
    assert [each["name"] for each in card["recordSet"]] == [*named, "dropped"]
    for name in named:
        assert len(list(dataset.records(name))) == len(corpus.rows())
    assert len(list(dataset.records("dropped"))) == sum(figures_of(corpus)["dropped"].values())


def test_the_card_says_what_is_there(corpus: Made) -> None:
    card = corpus_card(corpus.payload, figures_of(corpus), name="python-docs", version="3.0.0")
    files = {each["@id"]: each for each in card["distribution"]}
    part = (corpus.payload / "part-00000.parquet").read_bytes()
    assert files["part-00000.parquet"]["sha256"] == hashlib.sha256(part).hexdigest()
    assert card["license"] == ["PSF-2.0"]
    assert card["version"] == "3.0.0"
    fields = [field["name"] for field in card["recordSet"][0]["field"]]
    assert fields[:5] == ["doc_id", "group", "split", "source", "locator"]
    assert card == corpus_card(corpus.payload, figures_of(corpus), name="python-docs", version="3.0.0")


def test_unknown_licences_and_dates_are_left_out(corpus: Made) -> None:
    figures = figures_of(corpus) | {"licenses": {"unknown": 3}, "dates": {"earliest": None, "latest": None}}
    card = corpus_card(corpus.payload, figures, name="python-docs")
    assert "license" not in card
    assert "temporalCoverage" not in card


def test_nested_columns_are_left_out(conversations: Made) -> None:
    card = corpus_card(conversations.payload, figures_of(conversations), name="questions")
    assert "messages" not in {field["name"] for field in card["recordSet"][0]["field"]}
