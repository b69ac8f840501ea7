"""Project Gutenberg's plain text: what its header says, the book between the notices, and where chapters begin.

The markers changed over the years; those known here are listed with the texts they stand in. A text without markers is
all book.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ontogeny.data.extract.decode import decode_page

NOTICE_CHARS = 40_000
"""How far into a file its header may reach; the longest, with the old "small print", has about 20,000 characters."""

START = re.compile(
    r"^[ \t]*\*{3}[ \t]*START OF (?:THE |THIS )?PROJECT GUTENBERG.*?\*{3}[^\n]*$"  # since about 2004
    r"|^[ \t]*\*END[ *]*THE SMALL PRINT!.*?$"  # 1991 to 2004
    r"|^[ \t]*\*{3}[ \t]*START:? FULL LICENSE.*?$",
    re.MULTILINE | re.IGNORECASE,
)
END = re.compile(
    r"^[ \t]*\*{3}[ \t]*END OF (?:THE |THIS )?PROJECT GUTENBERG.*$"
    r"|^[ \t]*End of (?:the |this )?Project Gutenberg(?:'s|’s)?\b.*$",
    re.MULTILINE | re.IGNORECASE,
)
COPYRIGHTED = re.compile(
    r"^.*\bCOPYRIGHTED Project Gutenberg|\bcopyright status:\s*copyrighted\b", re.I | re.M
)
"""What a header says of the books that Gutenberg has by leave of their authors."""
CREDITS = re.compile(
    r"\A(?:\s*(?:Produced by|E-?text prepared by|Transcribed (?:from|by)|This e-?text was|Credits:)[^\n]*"
    r"(?:\n[^\n]+)*\n)+",
    re.IGNORECASE,
)
FIELD = re.compile(
    r"^(Title|Author|Language|Release Date|Posting Date|Original Publication|Editor):[ \t]*"
    r"(.+(?:\n[ \t]+\S.*)*)",
    re.MULTILINE | re.IGNORECASE,
)
NUMBER = re.compile(r"\[(?:EBook|Etext|EText|eBook) #(\d+)\]", re.IGNORECASE)
YEAR = re.compile(r"\b(1[0-9]{3}|20[0-9]{2})\b")
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
LANGUAGES = {"english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "dutch": "nl",
             "portuguese": "pt", "finnish": "fi", "latin": "la", "swedish": "sv", "danish": "da", "greek": "el",
             "chinese": "zh", "japanese": "ja", "polish": "pl", "hungarian": "hu", "esperanto": "eo"}  # fmt: skip

HEADING = re.compile(
    r"^(?:#{1,6}[ \t]+\S.*|[ \t]*(?:CHAPTER|Chapter|BOOK|Book|PART|Part|ACT|Act|CANTO|Canto|LETTER|Letter|STAVE|Stave)"
    r"[ \t]+(?:[IVXLCDM]+|\d+|[A-Z][A-Za-z-]+)\b[^\n]{0,80})$",
    re.MULTILINE,
)
MIN_CHAPTER_CHARS = 500
"""Text that makes a chapter; less between two headings is a list of contents, or a part and its first chapter."""


@dataclass(frozen=True)
class GutenbergBook:
    """A book. `start` and `end` are the bytes of the file that hold its text; `date` is ISO 8601, often the year.

    `public_domain`: Gutenberg's notice stands above it, and none that says it is copyrighted. The notice speaks of the
    United States.
    """

    text: str
    start: int
    end: int
    title: str | None
    author: str | None
    date: str | None
    language: str | None
    number: str | None
    public_domain: bool


@dataclass(frozen=True)
class Chapter:
    """A part of a book, numbered from 0: what stands before the first heading."""

    number: int
    text: str


def read_gutenberg(data: bytes) -> GutenbergBook:
    """The book in a file. `date` is that of the original where the header says it, else of Gutenberg's release."""
    raw, encoding = decode_page(data)
    text = raw.replace("\r\n", "\n") if "\r\n" in raw else raw
    head = text[:NOTICE_CHARS]
    starts = list(START.finditer(head))
    begin = starts[-1].end() if starts else 0
    about = {name.lower(): " ".join(value.split()) for name, value in FIELD.findall(head[:begin])}
    ends = END.search(text, max(begin, len(text) - NOTICE_CHARS)) or END.search(text, begin)
    finish = ends.start() if ends else len(text)
    body = text[begin:finish]
    begin += len(body) - len(body.lstrip())
    if credits := CREDITS.match(text[begin:finish]):
        begin += credits.end()
    body = text[begin:finish].strip()
    number = NUMBER.search(head[: begin or 1])
    return GutenbergBook(
        text=body,
        **_span(raw, text, begin, finish, encoding, len(data)),
        title=about.get("title"),
        author=about.get("author"),
        date=_year(about.get("original publication")) or _day(about.get("release date")),
        language=LANGUAGES.get(about.get("language", "").lower()),
        number=number[1] if number else None,
        public_domain=bool(starts) and COPYRIGHTED.search(head[:begin]) is None,
    )


def _span(raw: str, text: str, begin: int, finish: int, encoding: str, size: int) -> dict[str, int]:
    """The bytes of the file that characters `begin` to `finish` of `text` were read from."""
    lines = 1 if raw is not text else 0  # each line feed was two characters

    def place(position: int) -> int:
        before = text[:position]
        return len(before.encode(encoding, errors="replace")) + lines * before.count("\n")

    mark = size - place(len(text))  # a byte order mark
    mark = mark if mark in (2, 3) else 0
    return {"start": min(place(begin) + mark, size), "end": min(place(finish) + mark, size)}


def _year(value: str | None) -> str | None:
    match = YEAR.search(value or "")
    return match[1] if match else None


def _day(value: str | None) -> str | None:
    """`June 27, 2008 [eBook #11]`, `June, 1998`, `2008-06-27`."""
    if not value:
        return None
    if iso := re.match(r"\d{4}-\d{2}(-\d{2})?", value):
        return iso[0]
    words = re.findall(r"[A-Za-z]+|\d+", value.partition("[")[0])
    year = next((word for word in words if len(word) == 4 and word.isdigit()), None)
    month = next((MONTHS.index(word.lower()) + 1 for word in words if word.lower() in MONTHS), None)
    day = next((int(word) for word in words if word.isdigit() and len(word) < 3 and 0 < int(word) < 32), None)
    if year is None or month is None:
        return year
    return f"{year}-{month:02d}" + (f"-{day:02d}" if day else "")


def chapters_of(text: str) -> list[Chapter]:
    """`text` cut at its headings; headings with little below them stay with what follows."""
    cuts = [0]
    for heading in HEADING.finditer(text):
        if heading.start() - cuts[-1] >= MIN_CHAPTER_CHARS:
            cuts.append(heading.start())
    pieces = [text[start:end].strip() for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    if len(pieces) > 1 and len(pieces[-1]) < MIN_CHAPTER_CHARS:
        pieces[-2:] = [f"{pieces[-2]}\n\n{pieces[-1]}"]
    return [Chapter(number, piece) for number, piece in enumerate(pieces) if piece]
