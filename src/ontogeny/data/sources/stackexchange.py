"""Stack Exchange dumps: `Posts.xml` of one site; questions and answers with enough votes, code kept as code.

Votes as a sign of quality are WebText's idea (Radford et al. 2019, section 2.1: links with at least 3 karma). The rows
and their columns are described in the dump's readme (https://archive.org/details/stackexchange). A question and its
answers are one group, each a document of its own, or all of them one (`unit: thread`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from ontogeny.data.document import Document, Rejected, Text, domain_of, make_doc_id
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fragment import fragment_text
from ontogeny.data.sources.files import FileSource, Reading, Unit, rejected
from ontogeny.data.sources.threads import Post, open_threads
from ontogeny.data.sources.xml_events import DamagedXmlError, items
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.row import BadRow, Fault, byte_locator, record_locator, sample_of

QUESTION, ANSWER = "1", "2"
KINDS = {QUESTION: "question", ANSWER: "answer"}

LICENSES = (("2018-05-02", "CC-BY-SA-4.0"), ("2011-04-08", "CC-BY-SA-3.0"), ("", "CC-BY-SA-2.5"))
"""From which day a contribution stands under which licence (https://stackoverflow.com/help/licensing)."""

SITE = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:stackexchange|stackoverflow|serverfault|superuser|askubuntu|stackapps|mathoverflow)\.(?:com|net)"
)
"""A site of the network; the dumps have its name in that of their folder or archive."""

LOW_SCORE, NO_POST, NO_TEXT = "low_score", "not_a_post", "no_text"
NO_QUESTION = "no_question"

USED = ("Id", "Title", "Body", "CreationDate", "ContentLicense")
"""What of a row is kept until its thread is complete."""


class StackExchangeSource(FileSource):
    """`{type: stackexchange, path: ./coffee/Posts.xml, min_score: 3}`"""

    type: Literal["stackexchange"]

    site: str | None = Field(None, pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    """Where the posts stand, `coffee.stackexchange.com` say; by default told from the path, as dumps unpack
    (`coffee.stackexchange.com/Posts.xml`). The documents' addresses follow from it."""

    min_score: int | None = 1
    """Fewest votes, ups less downs; null for any."""

    posts: Literal["all", "questions", "answers"] = "all"
    """Which posts become documents."""

    unit: Literal["post", "thread"] = "post"
    """`thread` makes one document of a question and its answers, the accepted one first, then by votes, each under the
    `Q:` or `A:` that RedPajama (Together 2023) puts before it."""

    @model_validator(mode="after")
    def _threads_have_both(self) -> Self:
        if self.unit == "thread" and self.posts != "all":
            raise ValueError("a thread is a question with its answers; leave `posts` out, or `unit: thread`")
        return self


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
    """One document a post or thread with enough votes; the posts before a place where the file is damaged stand."""
    skip, count, site = reading.resume_at or 0, 0, source.site or _site_of(unit)
    with open_threads() as threads:
        for place, found in enumerate(_posts(unit, reading)):
            count, new = place + 1, place >= skip
            if new:
                reading.begin(place)
            unfit = None if isinstance(found, BadRow) else _unfit(source, found)
            if isinstance(found, BadRow):
                if new:
                    reading.count.add_bad(found)
                    yield rejected(found, source.source_name)
            elif unfit is None and source.unit == "thread":
                threads.add(replace(found, row={name: found.row.get(name, "") for name in USED}))
            elif new:
                reading.count.add_good()
                yield unfit or _document(source, site, found)
        # Threads are the places after the rows, which are all read again to find them.
        for place, posts in enumerate(threads.in_order(max(skip - count, 0)), start=max(skip, count)):
            reading.begin(place)
            for record in _thread(source, site, posts):
                reading.count.add_good()
                yield record


def _posts(unit: Unit, reading: Reading) -> Iterator[Post | BadRow]:
    """Every row; the last one is bad where the file is damaged or empty."""
    rows, number = _Rows(), 0
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            for row, start, end in items(stream, rows):
                number += 1
                own, question = _whole(row.get("Id", "")), row.get("PostTypeId") == QUESTION
                yield Post(
                    own,
                    own if question else _whole(row.get("ParentId", "")),
                    _whole(row.get("Score", "")),
                    _whole(row.get("AcceptedAnswerId", "")),
                    row,
                    byte_locator(unit.path, start, end),
                )
    except (DamagedStreamError, DamagedXmlError) as error:
        fault = Fault.DAMAGED_COMPRESSION if isinstance(error, DamagedStreamError) else Fault.DAMAGED_FILE
        yield BadRow(fault, str(error), number + 1, record_locator(unit.path, number + 1))
        return
    if number == 0:
        yield BadRow(Fault.EMPTY_FILE, "there is no row in this file", 0, record_locator(unit.path, 0))


def _left_out(source: StackExchangeSource, post: Post, reason: str, detail: str) -> Rejected:
    return Rejected(
        source=source.source_name,
        locator=post.locator,
        reason=reason,
        detail=f"post {post.row.get('Id', '')}: {detail}",
        sample=sample_of(post.row.get("Body", "")),
    )


def _unfit(source: StackExchangeSource, post: Post) -> Rejected | None:
    """`post` as rejected, if it is none of those that were asked for."""
    type_id = post.row.get("PostTypeId", "")
    kind = KINDS.get(type_id)
    if kind is None or (source.posts != "all" and source.posts != f"{kind}s"):
        return _left_out(source, post, NO_POST, f"of type {type_id}, no {source.posts.rstrip('s')}")
    if source.min_score is not None and post.score < source.min_score:
        detail = f"{post.row.get('Score', '0')} votes; `min_score` is {source.min_score}"
        return _left_out(source, post, LOW_SCORE, detail)
    return None


def _text(source: StackExchangeSource, post: Post) -> str | Rejected:
    """What `post` says, a question under its title."""
    try:
        text = fragment_text(post.row.get("Body", ""))
    except NotExtractedError as error:
        return _left_out(source, post, error.reason, str(error))
    if not text:
        return _left_out(source, post, NO_TEXT, "an empty body")
    title = post.row.get("Title", "").strip()
    return f"{title}\n\n{text}" if title else text


def _document(source: StackExchangeSource, site: str | None, post: Post) -> Document | Rejected:
    text = _text(source, post)
    if isinstance(text, Rejected):
        return text
    own_id = post.row.get("Id", "")
    return Document(
        doc_id=make_doc_id(source.source_name, own_id),
        group=make_doc_id(source.source_name, f"thread:{post.row.get('ParentId') or own_id}"),
        source=source.source_name,
        locator=post.locator,
        content=Text(text),
        license=_license(source, post),
        date=_day(post.row) or None,
        url=_address(site, post),
        domain=domain_of(_address(site, post)),
    )


def _thread(
    source: StackExchangeSource, site: str | None, posts: list[Post]
) -> Iterator[Document | Rejected]:
    """The document of a thread, and those of its posts that are not in it."""
    asked = posts[0] if posts[0].number == posts[0].thread else None
    question = None if asked is None else _text(source, asked)
    if isinstance(question, Rejected):
        yield question
    if asked is None or not isinstance(question, str):
        for post in posts[0 if asked is None else 1 :]:
            detail = f"its question {post.thread} was left out, or is not in this file"
            yield _left_out(source, post, NO_QUESTION, detail)
        return
    told, texts = [asked], [f"Q: {question}"]
    for post in posts[1:]:
        answer = _text(source, post)
        if isinstance(answer, Rejected):
            yield answer
        else:
            told.append(post)
            texts.append(f"A: {answer}")
    known = make_doc_id(source.source_name, f"thread:{asked.number}")
    yield Document(
        doc_id=known,
        group=known,
        source=source.source_name,
        locator=asked.locator + "".join(f"&answer={post.number}" for post in told[1:]),
        content=Text("\n\n".join(texts)),
        license=_licenses(source, told),
        date=max(_day(post.row) for post in told) or None,
        url=_address(site, asked),
        domain=domain_of(_address(site, asked)),
    )


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        return 0


def _day(row: dict[str, str]) -> str:
    return row.get("CreationDate", "")[:10]


def _license(source: StackExchangeSource, post: Post) -> str | None:
    """What the post's row states, or the recipe, or what follows from its day."""
    given, day = post.row.get("ContentLicense", "").replace(" ", "-") or source.license, _day(post.row)
    return given or (next(name for since, name in LICENSES if day >= since) if day else None)


def _licenses(source: StackExchangeSource, posts: list[Post]) -> str | None:
    """The licences of all `posts`; None where that of one is not known."""
    names = {_license(source, post) for post in posts}
    return None if None in names else " AND ".join(sorted(filter(None, names)))


def _site_of(unit: Unit) -> str | None:
    """The site whose name stands last in the path of the file."""
    names = SITE.findall(str(unit.path).lower())
    return names[-1] if names else None


def _address(site: str | None, post: Post) -> str | None:
    """Where `post` stands; `/a/` leads to an answer below its question."""
    if site is None or post.number <= 0:
        return None
    return f"https://{site}/{'questions' if post.number == post.thread else 'a'}/{post.number}"
