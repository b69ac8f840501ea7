"""Stack Exchange dumps: `Posts.xml` of one site; questions and answers with enough votes, code kept as code.

Votes as a sign of quality are WebText's idea (Radford et al. 2019, section 2.1: links with at least 3 karma). The rows
and their columns are described in the dump's readme (https://archive.org/details/stackexchange). A question and its
answers are one group, each a document of its own: the file lists posts by date, answers far from their question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from ontogeny.data.document import Document, Rejected, Text, make_doc_id
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fragment import fragment_text
from ontogeny.data.sources.files import FileSource, Reading, Unit, rejected
from ontogeny.data.sources.streams import open_limited
from ontogeny.data.sources.xml_events import DamagedXmlError, items
from ontogeny.records.formats import DamagedStreamError
from ontogeny.records.row import BadRow, Fault, byte_locator, record_locator, sample_of

QUESTION, ANSWER = "1", "2"
KINDS = {QUESTION: "question", ANSWER: "answer"}

LICENSES = (("2018-05-02", "CC-BY-SA-4.0"), ("2011-04-08", "CC-BY-SA-3.0"), ("", "CC-BY-SA-2.5"))
"""From which day a contribution stands under which licence (https://stackoverflow.com/help/licensing)."""

LOW_SCORE, NO_POST, NO_TEXT = "low_score", "not_a_post", "no_text"


class StackExchangeSource(FileSource):
    """`{type: stackexchange, path: ./coffee/Posts.xml, min_score: 3}`"""

    type: Literal["stackexchange"]

    min_score: int | None = 1
    """Fewest votes, ups less downs; null for any."""

    posts: Literal["all", "questions", "answers"] = "all"
    """Which posts become documents."""


class _Rows:
    """Collects rows, each with the bytes it takes."""

    def __init__(self) -> None:
        self.position: Callable[[], int] = lambda: 0
        self._start = 0
        self._row: dict[str, str] = {}
        self._ready: list[tuple[dict[str, str], int, int]] = []

    def take(self) -> list[tuple[dict[str, str], int, int]]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._start, self._row = self.position(), attributes

    def text(self, data: str) -> None:
        """Rows hold nothing but attributes."""

    def end(self, name: str) -> None:
        if name == "row":
            self._ready.append((self._row, self._start, self.position()))


def read_stackexchange(
    source: StackExchangeSource, unit: Unit, reading: Reading
) -> Iterator[Document | Rejected]:
    """One document a post with enough votes; the posts before a place where the file is damaged stand."""
    rows, number, skip = _Rows(), 0, reading.resume_at or 0
    bad: BadRow | None = None
    try:
        with open_limited(unit.path, reading.watch) as stream:
            for number, (row, start, end) in enumerate(items(stream, rows), start=1):
                if number > skip:
                    reading.begin(number - 1)
                    reading.count.add_good()
                    yield _document(source, row, byte_locator(unit.path, start, end))
    except (DamagedStreamError, DamagedXmlError) as error:
        fault = Fault.DAMAGED_COMPRESSION if isinstance(error, DamagedStreamError) else Fault.DAMAGED_FILE
        bad = BadRow(fault, str(error), number + 1, record_locator(unit.path, number + 1))
    if bad is None and number == 0:
        bad = BadRow(Fault.EMPTY_FILE, "there is no row in this file", 0, record_locator(unit.path, 0))
    if bad is not None:
        reading.begin(number)
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)


def _document(source: StackExchangeSource, row: dict[str, str], locator: str) -> Document | Rejected:
    own_id, kind = row.get("Id", ""), KINDS.get(row.get("PostTypeId", ""))
    body = row.get("Body", "")

    def left_out(reason: str, detail: str) -> Rejected:
        return Rejected(
            source=source.source_name,
            locator=locator,
            reason=reason,
            detail=f"post {own_id}: {detail}",
            sample=sample_of(body),
        )

    if kind is None or (source.posts != "all" and source.posts != f"{kind}s"):
        return left_out(NO_POST, f"of type {row.get('PostTypeId')}, no {source.posts.rstrip('s')}")
    score = row.get("Score", "0")
    if source.min_score is not None and _whole(score) < source.min_score:
        return left_out(LOW_SCORE, f"{score} votes; `min_score` is {source.min_score}")
    try:
        text = fragment_text(body)
    except NotExtractedError as error:
        return left_out(error.reason, str(error))
    title = row.get("Title", "").strip()
    if not text:
        return left_out(NO_TEXT, "an empty body")
    date = row.get("CreationDate", "")[:10]
    return Document(
        doc_id=make_doc_id(source.source_name, own_id),
        group=make_doc_id(source.source_name, f"thread:{row.get('ParentId') or own_id}"),
        source=source.source_name,
        locator=locator,
        content=Text(f"{title}\n\n{text}" if title else text),
        license=source.license or _license(row, date),
        date=date or None,
    )


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        return 0


def _license(row: dict[str, str], date: str) -> str:
    stated = row.get("ContentLicense", "").replace(" ", "-")
    return stated or next(name for since, name in LICENSES if date >= since)
