"""Wikipedia dumps: articles with id, day, licence, language and bytes; the rest with reason; damage counted."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from ontogeny.data.document import Document, Rejected, make_doc_id
from ontogeny.data.sources.files import Reading
from ontogeny.data.sources.wikipedia import WikipediaSource, read_wikipedia
from tests.data.sources.unit_reading import read_unit, reasons, shared, texts

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="de">
  <siteinfo><namespaces><namespace key="0" /><namespace key="6" case="x">Datei</namespace></namespaces></siteinfo>
"""


def page(
    text: str = "'''Wort''' [[Datei:x.jpg|y]]und.",
    *,
    number: int = 1,
    ns: int = 0,
    more: str = "",
    model: str = "wikitext",
) -> str:
    return (
        f"  <page><title>Titel {number}</title><ns>{ns}</ns><id>{number}</id>{more}<revision><id>99</id>"
        f"<timestamp>2012-03-04T05:06:07Z</timestamp><contributor><id>5</id></contributor><model>{model}</model>"
        f'<text xml:space="preserve">{text}</text></revision></page>\n'
    )


def read(
    data: bytes, folder: Path, name: str = "dump.xml", **settings: object
) -> tuple[list[Document | Rejected], Reading]:
    path = folder / name
    path.write_bytes(data)
    source = WikipediaSource.model_validate(
        {"type": "wikipedia", "path": str(path), "name": "wiki", **settings}
    )
    return read_unit(source, read_wikipedia, path)


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + "</mediawiki>").encode()


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2"])
def test_an_article_is_a_document(tmp_path: Path, name: str) -> None:
    plain = dump(page(number=7))
    (document,), _ = read(bz2.compress(plain) if name.endswith("bz2") else plain, tmp_path, name)
    assert isinstance(document, Document)
    assert texts([document]) == ["Titel 7\n\nWort und."]
    assert document.doc_id == document.group == make_doc_id("wiki", "7")
    assert (document.date, document.license, document.language) == ("2012-03-04", "CC-BY-SA-3.0", "de")
    start, end = map(int, document.locator.rpartition("=")[2].split("-"))
    assert plain[start:end].decode() == page(number=7).strip()


@pytest.mark.parametrize(
    ("base", "day", "license", "domain"),
    [
        (
            "https://de.wikipedia.org/wiki/Wikipedia:Hauptseite",
            "2023-06-06",
            "CC-BY-SA-3.0",
            "de.wikipedia.org",
        ),
        (
            "https://de.wikipedia.org/wiki/Wikipedia:Hauptseite",
            "2023-06-07",
            "CC-BY-SA-4.0",
            "de.wikipedia.org",
        ),
        ("https://de.wikinews.org/wiki/Hauptseite", "2023-06-07", None, "de.wikinews.org"),
        ("http://wiki.example.org/Main_Page", "2023-06-07", None, "wiki.example.org"),
        ("nowhere", "2023-06-07", "CC-BY-SA-4.0", None),
    ],
)
def test_address_and_licence_follow_from_the_head_and_the_day(
    tmp_path: Path, base: str, day: str, license: str | None, domain: str | None
) -> None:
    head = f"<siteinfo><sitename>W</sitename><base>{base}</base>"
    data = dump(page(number=7)).replace(b"<siteinfo>", head.encode()).replace(b"2012-03-04", day.encode())
    (document,), _ = read(data.replace(b"Titel 7", "Größe 7/8?".encode()), tmp_path)
    assert isinstance(document, Document) and (document.license, document.domain) == (license, domain)
    expected = f"{base.rpartition('/')[0]}/Gr%C3%B6%C3%9Fe_7/8%3F" if domain else None
    assert document.url == expected
    (given,), _ = read(data, tmp_path, license="GFDL-1.3")
    assert isinstance(given, Document) and given.license == "GFDL-1.3"


def test_a_revision_without_a_day_has_no_licence_that_we_know(tmp_path: Path) -> None:
    (document,), _ = read(dump(page()).replace(b"2012-03-04T05:06:07Z", b""), tmp_path)
    assert isinstance(document, Document) and document.license is None


LEFT_OUT = {
    "redirect": page("#REDIRECT [[x]]", more='<redirect title="x" />'),
    "not_an_article": page(ns=1),
    "not_wikitext": page(model="json"),
    "no_text": page("{{Infobox}}"),
    "article_too_long": page("x" * (4 << 20) + "y"),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_what_is_no_article_is_left_out_with_its_reason(tmp_path: Path, reason: str) -> None:
    records, reading = read(dump(LEFT_OUT[reason], page(number=2)), tmp_path)
    assert reasons(records) == [reason] and len(texts(records)) == 1
    assert reading.count.bad == 0


def test_other_namespaces_may_be_asked_for(tmp_path: Path) -> None:
    assert len(texts(read(dump(page(ns=4)), tmp_path, namespaces=[0, 4])[0])) == 1


def test_of_a_damaged_dump_the_articles_before_the_damage_stand(tmp_path: Path) -> None:
    plain = dump(page(), page(number=2))
    for broken in (plain[:-200], plain.replace(b"<id>2</id>", b"<id>2</di>")):
        records, reading = read(broken, tmp_path)
        assert len(texts(records)) == 1 and reasons(records) == ["damaged_file"]
        assert reading.count.bad == 1
    packed = bz2.compress(plain)
    records, _ = read(packed[:-10], tmp_path, "dump.xml.bz2")
    assert reasons(records) == ["damaged_compression"]
    records, _ = read(packed[:40] + b"\0\0\0" + packed[43:], tmp_path, "dump.xml.bz2")
    assert reasons(records) == ["damaged_compression"]


def test_a_damaged_later_stream_is_not_the_end_of_the_dump(tmp_path: Path) -> None:
    plain = dump(page(), page(number=2))
    second = plain.index(b"<page>", plain.index(b"<page>") + 1)
    later = bytearray(bz2.compress(plain[second:]))
    assert len(texts(read(bz2.compress(plain[:second]) + later, tmp_path, "dump.xml.bz2")[0])) == 2
    later[6] ^= 0xFF
    records, _ = read(bz2.compress(plain[:second]) + later, tmp_path, "dump.xml.bz2")
    assert len(texts(records)) == 1 and reasons(records) == ["damaged_compression"]


def test_entities_are_refused_before_they_are_used(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + HEAD + page("&b;") + "</mediawiki>"
    records, _ = read(bomb.encode(), tmp_path)
    (record,) = records
    assert isinstance(record, Rejected)
    assert record.detail == "the file defines an entity (a); dumps do not"


def test_a_tag_without_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    with path.open("wb") as file:
        file.write(b"<mediawiki a='")
        for _ in range(6):
            file.write(b"x" * (1 << 20))
    records, _ = read_unit(WikipediaSource(type="wikipedia", path=str(path)), read_wikipedia, path)
    assert isinstance(records[0], Rejected) and records[0].detail == "a tag of more than 4,194,304 bytes"


def test_an_empty_dump_is_counted(tmp_path: Path) -> None:
    assert reasons(read(dump(), tmp_path)[0]) == ["empty_file"]


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    records, _ = read(bz2.compress(HEAD.encode() + b" " * (80 << 20)), tmp_path, "bomb.xml.bz2")
    (record,) = records
    assert isinstance(record, Rejected)
    assert record.detail.startswith("the compressed stream unfolds more than 1,000 times")


def test_the_real_dump_gives_its_articles() -> None:
    path = shared("wikipedia-dump-en") / "enwiki-pages-articles.xml.bz2"
    records, reading = read_unit(WikipediaSource(type="wikipedia", path=str(path)), read_wikipedia, path)
    assert reasons(records) == ["redirect"] * 54
    found = texts(records)
    assert len(found) == 49 and reading.count.bad == 0
    assert not any(mark in text for text in found for mark in ("[[", "]]", "<ref", "'''", "{|"))
