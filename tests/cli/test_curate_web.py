"""recipes/curate-web.yaml as a whole, over a crawl, a dump of an encyclopedia, a book and rows that are made here."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from pathlib import Path

import pytest

from ontogeny.records.parts import read_parts
from tests.cli.conftest import Command
from tests.conftest import ROOT
from tests.data.sources.test_warc import record
from tests.data.sources.test_wikipedia import dump, page

RECIPE = str(ROOT / "recipes" / "curate-web.yaml")
NOUNS = ("miller", "baker", "river", "harvest", "village", "letter", "window", "captain", "garden", "winter")
KINDS = ("quiet", "old", "narrow", "patient", "golden", "heavy", "distant", "careful", "broken", "simple")
DEEDS = (
    *("watched", "remembered", "followed", "repaired", "painted"),
    *("carried", "answered", "forgot", "measured", "admired"),
)
WHERE = ("behind", "near", "below", "without", "before", "beside", "against", "under", "after")
HOW = ("slowly", "twice", "often", "never", "almost", "gladly", "rarely", "still", "again")
MOVED = (
    "This page has moved to another address, and the old one will soon be gone for good. Whoever wants to read what "
    "stood here before should write to us within a month, since nothing of it is kept after that."
)
FRENCH = "Le meunier regardait la rivière pendant que son voisin racontait une longue histoire. " * 8


def prose(number: int) -> str:
    """Four paragraphs of English, the same for the same number."""
    chosen = random.Random(number)

    def sentence() -> str:
        one, two, three = (
            f"{kind} {noun}"
            for kind, noun in zip(chosen.sample(KINDS, 3), chosen.sample(NOUNS, 3), strict=True)
        )
        first, then = chosen.sample(DEEDS, 2)
        how = chosen.choice(HOW)
        return f"The {one} {first} the {two} {chosen.choice(WHERE)} a {three} and {how} {then} it."

    return "\n\n".join(" ".join(sentence() for _ in range(4)) for _ in range(4))


def html(text: str) -> bytes:
    paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))
    return f"<html><body><article>{paragraphs}</article></body></html>".encode()


def inputs(folder: Path) -> list[str]:
    """A file for each source of the recipe, as the options that set their paths."""
    letter = (
        prose(2) + "\n\nWrite to the.old.captain@example.org about that, and he will answer before winter."
    )
    pages = (
        record(html(prose(1))),
        record(html(letter)),
        record(html(FRENCH)),
        record(status="404 Not Found"),
    )
    crawl = b"".join(gzip.compress(each) for each in pages)
    articles = dump(
        page(prose(3), number=3), page("#REDIRECT [[x]]", number=4, more='<redirect title="x" />')
    )
    chapters = f"### CHAPTER I\n\n{prose(5)}\n\n### CHAPTER II\n\n{prose(6)}"
    book = {"title": "The Mill", "author": "Nobody", "year": 1900, "text": chapters}
    rows = [
        {"text": f"{prose(3)}\n\nIt was all the same to the miller."},
        {"text": prose(7)},
        {"text": MOVED},
    ]
    files = {
        "a.warc.gz": crawl,
        "pages-articles.xml.bz2": bz2.compress(articles),
        "books.jsonl.gz": gzip.compress(json.dumps(book).encode() + b"\n"),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
    }
    options = []
    for number, (name, data) in enumerate(files.items()):
        (folder / name).write_bytes(data)
        options += ["--set", f"steps.corpus.sources.{number}.path={folder / name}"]
    return options


def test_curate_web_over_a_file_of_each_kind(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    done = command("run", RECIPE, "--json", "--set", "steps.tokenizer.vocab_size=300", *inputs(tmp_path))
    assert done.code == 0, done.err
    metrics = {step["name"]: step["metrics"] for step in done.json["steps"]}

    corpus = metrics["corpus"]
    assert corpus["dropped"] == {
        "gopher_too_short": 1,
        "http_status": 1,
        "language_other": 1,
        "near_duplicate": 1,
        "redirect": 1,
    }
    assert corpus["documents_read"] == corpus["documents_kept"] + sum(corpus["dropped"].values()) == 11

    kept = list(read_parts(tmp_path / "ws" / "artifacts" / "curate-web" / "corpus@1"))
    assert {row["source"] for row in kept} == {
        "web",
        "books",
        "texts",
    }  # the article has a longer copy among the texts
    masked = [str(row["text"]) for row in kept if "<EMAIL>" in str(row["text"])]
    assert len(masked) == 1
    assert not any("example.org" in str(row["text"]) for row in kept)
    assert {row["license"] for row in kept if row["source"] == "books"} == {"public-domain"}
    assert all("#" in str(row["locator"]) for row in kept)

    assert metrics["tokenizer"]["vocab_size"] == 300
    assert metrics["tokens"]["documents"] == len(kept)
