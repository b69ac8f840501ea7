"""Wikipedia dumps: `pages-articles.xml`, plain or compressed; one document an article.

The format is MediaWiki's export (https://www.mediawiki.org/xml/export-0.11.xsd). Pages are read as they stream by, in
memory bounded by one page. Redirects and pages that are no articles are left out, with their reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from ontogeny.data.document import Document, Rejected, Text, domain_of, make_doc_id
from ontogeny.data.sources.files import FileSource, Reading, Unit, rejected
from ontogeny.data.sources.xml_events import DamagedXmlError, items
from ontogeny.data.wikitext import plain_text
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.row import BadRow, Fault, byte_locator, record_locator, sample_of

LICENSES = (("2023-06-07", "CC-BY-SA-4.0"), ("", "CC-BY-SA-3.0"))
"""From which day the revision of an article stands under which licence: that of the terms of use it was made under
(https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use, section 7). Those of 2009 put what was older under 3.0."""

UNDER_THESE_TERMS = re.compile(
    r"(?:^|\.)(?:wikipedia|wiktionary|wikibooks|wikiquote|wikisource|wikiversity|wikivoyage)\.org$"
)
"""Wikis whose texts stand under LICENSES; Wikinews, Wikidata and other makers' wikis have others."""

UNESCAPED = ";@$!*(),/~:"
"""What MediaWiki leaves as it is in the address of a page (wfUrlencode), beside letters, digits and `-_.`"""

MAX_ARTICLE_CHARS = 4 << 20
"""MediaWiki stores no page of more than 2 MiB ($wgMaxArticleSize); twice that is no article."""

DROPPED_NAMESPACES = ("6", "14", "-2")
"""File, Category, Media: links to them show or do something and say nothing."""

REDIRECT, NOT_AN_ARTICLE, NOT_WIKITEXT = "redirect", "not_an_article", "not_wikitext"
ARTICLE_TOO_LONG, NO_TEXT = "article_too_long", "no_text"


class WikipediaSource(FileSource):
    """`{type: wikipedia, path: ./enwiki-latest-pages-articles.xml.bz2}`"""

    type: Literal["wikipedia"]

    license: str | None = None
    """Licence of every article; by default that of Wikipedia on the day of its revision."""

    namespaces: tuple[int, ...] = Field((0,), min_length=1)
    """Numbers of the namespaces whose pages are articles; 0 is the encyclopedia itself."""


@dataclass
class _Page:
    """A page as far as it was read."""

    start: int
    end: int = 0
    redirect: str | None = None
    too_long: bool = False
    fields: dict[str, list[str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return "".join(self.fields.get(name, ())).strip()


FIELDS = {
    ("page", "title"): "title",
    ("page", "ns"): "ns",
    ("page", "id"): "id",
    ("revision", "timestamp"): "timestamp",
    ("revision", "model"): "model",
    ("revision", "text"): "text",
}


class _Dump:
    """Collects pages from the events of a dump; `take` hands over those that are complete."""

    def __init__(self) -> None:
        self.position: Callable[[], int] = lambda: 0
        self.language: str | None = None
        self.base = ""
        """Address of the wiki's main page, as the dump's head says it."""
        self.dropped: list[str] = []
        self._path: list[str] = []
        self._page: _Page | None = None
        self._into: list[str] | None = None
        self._chars = 0
        self._ready: list[_Page] = []

    def take(self) -> list[_Page]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        if name == "mediawiki":
            language = next((value for key, value in attributes.items() if key.endswith("}lang")), None)
            self.language = language
        elif (parent, name) == ("siteinfo", "base"):
            self._into, self._chars = [], 0
        elif name == "namespace" and attributes.get("key") in DROPPED_NAMESPACES:
            self._into, self._chars = [], 0
            self.dropped.append("")
        elif name == "page":
            self._page = _Page(self.position())
        elif self._page is not None:
            if name == "redirect":
                self._page.redirect = attributes.get("title", "")
            elif field_name := FIELDS.get((parent, name)):
                # Of several revisions, as in full histories, the last stands.
                self._into, self._chars = [], 0
                self._page.fields[field_name] = self._into

    def text(self, data: str) -> None:
        if self._into is None:
            return
        self._chars += len(data)
        if self._chars <= MAX_ARTICLE_CHARS:
            self._into.append(data)
        elif self._page is not None:
            self._page.too_long = True

    def end(self, name: str) -> None:
        self._path.pop()
        if name == "namespace" and self._into is not None:
            self.dropped[-1] = "".join(self._into)
        elif name == "base" and self._into is not None and self._page is None:
            self.base = "".join(self._into).strip()
        elif name == "page" and self._page is not None:
            self._page.end = self.position() + len("</page>")
            self._ready.append(self._page)
            self._page = None
        self._into = None


def read_wikipedia(source: WikipediaSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document an article; the articles before a place where the file is damaged stand."""
    dump, number, skip = _Dump(), 0, reading.resume_at or 0
    bad: BadRow | None = None
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            for number, page in enumerate(items(stream, dump), start=1):
                if number > skip:
                    reading.begin(number - 1)
                    reading.count.add_good()
                    yield _document(source, unit, page, dump)
    except (DamagedStreamError, DamagedXmlError) as error:
        fault = Fault.DAMAGED_COMPRESSION if isinstance(error, DamagedStreamError) else Fault.DAMAGED_FILE
        bad = BadRow(fault, str(error), number + 1, record_locator(unit.path, number + 1))
    if bad is None and number == 0:
        bad = BadRow(Fault.EMPTY_FILE, "there is no page in this file", 0, record_locator(unit.path, 0))
    if bad is not None:
        reading.begin(number)
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)


def _document(source: WikipediaSource, unit: Unit, page: _Page, dump: _Dump) -> Document | Rejected:
    locator = byte_locator(unit.path, page.start, page.end)
    title, markup = page.value("title"), page.value("text")

    def left_out(reason: str, detail: str) -> Rejected:
        return Rejected(
            source=source.source_name,
            locator=locator,
            reason=reason,
            detail=f"{title}: {detail}",
            sample=sample_of(markup),
        )

    if page.redirect is not None or markup[:9].upper() == "#REDIRECT":
        return left_out(REDIRECT, f"leads to {page.redirect}")
    if (namespace := page.value("ns") or "0") not in map(str, source.namespaces):
        return left_out(NOT_AN_ARTICLE, f"namespace {namespace}")
    if (model := page.value("model") or "wikitext") != "wikitext":
        return left_out(NOT_WIKITEXT, f"its content is {model}")
    if page.too_long:
        return left_out(ARTICLE_TOO_LONG, f"more than {MAX_ARTICLE_CHARS:,} characters")
    text = plain_text(markup, dropped_namespaces=dump.dropped)
    if not text:
        return left_out(NO_TEXT, "nothing but templates and tables")
    doc_id = make_doc_id(source.source_name, page.value("id") or title)
    url, date = _address(dump.base, title), page.value("timestamp")[:10] or None
    return Document(
        doc_id=doc_id,
        group=doc_id,
        source=source.source_name,
        locator=locator,
        content=Text(f"{title}\n\n{text}"),
        license=source.license or _license(dump.base, date),
        date=date,
        language=dump.language,
        url=url,
        domain=domain_of(url),
    )


def _address(base: str, title: str) -> str | None:
    """Where the article of that title stands, in the wiki whose main page is at `base`."""
    if not base.startswith(("https://", "http://")) or "?" in base:
        return None
    return f"{base.rpartition('/')[0]}/{quote(title.replace(' ', '_'), safe=UNESCAPED)}"


def _license(base: str, date: str | None) -> str | None:
    """The licence of a revision; None where its day is not known, or the wiki is none of these."""
    host = domain_of(base)
    if date is None or (host is not None and not UNDER_THESE_TERMS.search(host)):
        return None
    return next(name for since, name in LICENSES if date >= since)
