"""A report page: sections of prose, figures, tables and samples, as one HTML file that needs nothing else.

    page = Page("python-tutor", subtitle="a language model and what it is made of")
    page.key_figure("bits per byte", "2.05", note="xz -9e reaches 2.21")
    section = page.section("Evaluation", lead="On documents that no training step saw.")
    section.table(["task", "value"], [["choices", "61.2%"]], caption="Held-out questions.")
    section.figure(line_chart(...), caption="Loss while training.")
    page.write(path)

Everything that is passed in is text and is escaped; only `Svg`, which this package draws, is markup. The page
has no script and a policy that forbids every external resource, so what a model wrote cannot act in the
reader's browser.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import quote

from ontogeny.core.files import write_atomic
from ontogeny.report import numbers
from ontogeny.report.canvas import Svg

if TYPE_CHECKING:
    from jinja2 import Template

MOST_CARDS_A_ROW = 5
Tone = Literal["plain", "good", "bad"]


@dataclass(frozen=True)
class Toned:
    """A table cell that is good or bad news."""

    text: str
    tone: Tone

    @property
    def style(self) -> str:
        """Names of its look in the style sheet."""
        return self.tone


@dataclass(frozen=True)
class Verbatim(Toned):
    """A table cell with text as it was written, its line breaks and spaces kept."""

    tone: Tone = "plain"

    @property
    def style(self) -> str:
        return f"{self.tone} verbatim"


@dataclass(frozen=True)
class KeyFigure:
    """One number that the reader should take home."""

    label: str
    value: str
    note: str
    tone: Tone


@dataclass(frozen=True)
class Turn:
    """One part of a sample: who speaks (`question`, `tutor`, `reference`), what, and how good it is."""

    speaker: str
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class _Prose:
    kind: ClassVar[str] = "prose"
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class _Heading:
    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class _Note:
    kind: ClassVar[str] = "note"
    text: str
    tone: Tone


@dataclass(frozen=True)
class _Table:
    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[Toned, ...], ...]
    numeric: tuple[bool, ...]
    caption: str
    folded: bool


@dataclass(frozen=True)
class _Figure:
    kind: ClassVar[str] = "figure"
    svg: Svg
    caption: str
    wide: bool


@dataclass(frozen=True)
class _Code:
    kind: ClassVar[str] = "code"
    text: str
    caption: str
    folded: bool


@dataclass(frozen=True)
class _Sample:
    kind: ClassVar[str] = "sample"
    turns: tuple[Turn, ...]
    title: str
    tone: Tone
    folded: bool


@dataclass(frozen=True)
class _Link:
    kind: ClassVar[str] = "link"
    text: str
    target: str


_Block = _Link | _Heading | _Prose | _Note | _Table | _Figure | _Code | _Sample


@dataclass
class Section:
    """A part of a page under one heading; blocks appear in the order they are added."""

    title: str
    lead: str
    anchor: str
    blocks: list[_Block] = field(default_factory=list)

    def prose(self, text: str) -> None:
        """Paragraphs, parted by empty lines."""
        parts = (part.strip() for part in text.split("\n\n"))
        self.blocks.append(_Prose(tuple(part for part in parts if part)))

    def note(self, text: str, *, tone: Tone = "plain") -> None:
        """A remark in a box of its own."""
        self.blocks.append(_Note(text, tone))

    def link(self, text: str, path: str) -> None:
        """A way to another page beside this one.

        Raises:
            ValueError: `path` is not a relative one.
        """
        if path.startswith("/") or ":" in path.split("/")[0]:
            raise ValueError(f"{path!r} is no relative path")
        self.blocks.append(_Link(text, quote(path)))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | int | float | Toned | None]],
        *,
        caption: str = "",
        folded: bool = False,
    ) -> None:
        """A table. Columns of numbers, or of text that starts like one, are set to the right.

        `folded` shows the caption only until it is opened.

        Raises:
            ValueError: a row has another number of cells than there are columns.
        """
        cells = tuple(tuple(_cell(value) for value in row) for row in rows)
        if any(len(row) != len(columns) for row in cells):
            raise ValueError(f"every row of the table {caption or columns!r} needs {len(columns)} cells")
        numeric = tuple(
            bool(cells) and all(_looks_numeric(row[position].text) for row in cells)
            for position in range(len(columns))
        )
        self.blocks.append(_Table(tuple(columns), cells, numeric, caption, folded))

    def figure(self, svg: Svg, *, caption: str = "", wide: bool = False) -> None:
        """A drawing; `wide` ones keep their own size and scroll where the page is narrower."""
        self.blocks.append(_Figure(svg, caption, wide))

    def code(self, text: str, *, caption: str = "", folded: bool = False) -> None:
        """Text in fixed width, its spaces kept; `folded` shows the caption only until it is opened."""
        self.blocks.append(_Code(text, caption, folded))

    def heading(self, text: str) -> None:
        """A heading within the section, over what follows."""
        self.blocks.append(_Heading(text))

    def sample(
        self, turns: Sequence[Turn], *, title: str = "", tone: Tone = "plain", folded: bool = False
    ) -> None:
        """Something a model wrote, with what it was asked and what a reference says.

        `folded` shows the title only until it is opened.
        """
        self.blocks.append(_Sample(tuple(turns), title, tone, folded))


@dataclass
class Page:
    """A report under construction."""

    title: str
    subtitle: str = ""
    footer: str = "Made by Ontogeny."
    figures: list[KeyFigure] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def key_figure(self, label: str, value: str, *, note: str = "", tone: Tone = "plain") -> None:
        """A number for the row of cards under the title."""
        self.figures.append(KeyFigure(label, value, note, tone))

    @property
    def cards_a_row(self) -> int:
        """So that no card is left for a row by itself."""
        rows = math.ceil(len(self.figures) / MOST_CARDS_A_ROW)
        return math.ceil(len(self.figures) / rows)

    def section(self, title: str, *, lead: str = "") -> Section:
        """A new section at the end of the page."""
        section = Section(title, lead, anchor=f"section-{len(self.sections) + 1}")
        self.sections.append(section)
        return section

    def render(self) -> str:
        """The page as HTML, the same bytes for the same content."""
        return _template().render(page=self, style=_resource("page.css"))

    def write(self, path: Path) -> None:
        """Render into `path`, whole or not at all."""
        write_atomic(path, self.render())


def _cell(value: str | int | float | Toned | None) -> Toned:
    if isinstance(value, Toned):
        return value
    if value is None:
        return Toned(numbers.ABSENT, "plain")
    if isinstance(value, str):
        return Toned(value, "plain")
    return Toned(numbers.count(value) if isinstance(value, int) else numbers.measure(value), "plain")


def _looks_numeric(text: str) -> bool:
    return text == numbers.ABSENT or text[:1].isdigit() or text[:1] in ("+", "<", "[", numbers.MINUS)


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_resource("page.html"))


def _resource(name: str) -> str:
    return resources.files("ontogeny.report").joinpath(name).read_text("utf-8")
