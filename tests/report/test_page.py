"""Pages: self-contained, escaped, well formed, the same bytes for the same content."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ontogeny.report.figures import Series, line_chart
from ontogeny.report.page import Page, Toned, Turn, Verbatim

HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """Tags as opened, and whether they were closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full_page(text: str = "text") -> Page:
    page = Page(text, subtitle=text, footer=text)
    page.key_figure(text, text, note=text, tone="good")
    for _ in range(3):
        section = page.section(text, lead=text)
        section.prose(f"{text}\n\n{text}")
        section.note(text, tone="bad")
        section.table([text, "n"], [[text, 3], [Toned(text, "bad"), None]], caption=text)
        section.figure(
            line_chart([Series(text, [1, 2], [1, 2])], x_label=text, y_label=text), caption=text, wide=True
        )
        section.code(text, caption=text)
        section.code(text, caption=text, folded=True)
        section.sample([Turn(text, text, "good")], title=text, tone="bad")
    return page


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    parser.close()
    return parser


def test_a_page_is_well_formed_and_needs_nothing_else() -> None:
    parsed = outline(full_page().render())
    assert parsed.open == []
    names = [tag for tag, _ in parsed.seen]
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(names)
    for _, attributes in parsed.seen:
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "action")
            assert name != "href" or (value or "").startswith("#")
            assert not name.startswith("on")


def test_a_page_forbids_what_it_does_not_need() -> None:
    html = full_page().render()
    assert "default-src 'none'" in html
    assert not re.search(r"url\(\s*['\"]?(https?:|//)|@import", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_nothing_that_is_passed_in_becomes_markup() -> None:
    html = full_page(HOSTILE).render()
    assert "<script" not in html
    assert "49" not in re.sub(r"<svg.*?</svg>", "", html.split("</style>")[1], flags=re.DOTALL)
    assert outline(html).open == []
    assert "&lt;script&gt;" in html


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    full_page().write(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == full_page().render()


def test_columns_of_numbers_are_set_right() -> None:
    page = Page("t")
    page.section("s").table(["name", "value"], [["a", 1234], ["1b", None], ["c", 0.5]])
    html = page.render()
    assert html.count('class="number">value') == 1
    assert 'class="number">name' not in html
    assert ">1,234<" in html and ">–<" in html and ">0.500<" in html


def test_spaces_of_code_and_samples_are_kept() -> None:
    page = Page("t")
    section = page.section("s")
    section.code("def f():\n    return 1\n")
    section.sample([Turn("tutor", "a\n    b")])
    assert "<code>def f():\n    return 1\n</code>" in page.render()
    assert "a\n    b</dd>" in page.render()


def test_few_sections_need_no_navigation() -> None:
    page = Page("t")
    page.section("s")
    assert "<nav" not in page.render()
    assert "<nav" in full_page().render()


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(ValueError, match="every row of the table 'results' needs 2 cells"):
        Page("t").section("s").table(["a", "b"], [["1"]], caption="results")


def test_a_link_leads_to_a_page_beside_this_one() -> None:
    page = Page("one")
    page.section("More").link("<the other>", "../artifacts/r/base@1/a report.html")
    assert '<a href="../artifacts/r/base%401/a%20report.html">&lt;the other&gt;</a>' in page.render()


@pytest.mark.parametrize("path", ["/etc/passwd", "javascript:alert(1)", "https://somewhere/x"])
def test_a_link_never_leads_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="is no relative path"):
        Page("one").section("More").link("x", path)


def test_what_is_folded_shows_its_title_until_it_is_opened() -> None:
    page = Page("t")
    section = page.section("s")
    section.heading("<Items>")
    section.sample([Turn("tutor", "long")], title="an & item", tone="bad", folded=True)
    section.table(["a"], [["1"]], caption="figures", folded=True)
    html = page.render()
    assert "<h3>&lt;Items&gt;</h3>" in html
    assert '<details class="sample bad"><summary>an &amp; item</summary>' in html
    assert '<details class="table"><summary>figures</summary>' in html
    assert outline(html).open == []


def test_cells_may_keep_their_lines() -> None:
    page = Page("t")
    page.section("s").table(["prompt", "n"], [[Verbatim("a:\n  <b>"), 3]])
    assert '<td class="plain verbatim">a:\n  &lt;b&gt;</td>' in page.render()


@pytest.mark.parametrize(("cards", "a_row"), [(1, 1), (5, 5), (6, 3), (7, 4), (11, 4)])
def test_no_card_is_left_by_itself(cards: int, a_row: int) -> None:
    page = Page("t")
    for number in range(cards):
        page.key_figure("figure", str(number))
    assert f"--row: {a_row}" in page.render()


def test_many_columns_stand_closer() -> None:
    page = Page("t")
    for count in (7, 8):
        page.section("s").table(["c"] * count, [["x"] * count])
    assert page.render().count('<table class="dense">') == 1
