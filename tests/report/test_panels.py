"""Small charts hold what they were given, in the page's colours."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from ontogeny.report.panels import NAMES_PX, Loss, LossGroup, Panel, loss_chart, panel_grid
from ontogeny.report.shapes import WIDTH, text_width

SVG = "{http://www.w3.org/2000/svg}"

PANEL = Panel(
    title="min_words",
    subtitle="words; 9% are < 50",
    edges=[10.0, 50.0, 90.0],
    total=[5, 0, 20, 3],
    kept=[0, 0, 12, 1],
    threshold=50.0,
    curve=[1.0, 0.9, 0.2],
    shade_left=True,
)


def test_panels_are_well_formed_and_escaped() -> None:
    odd = Panel("a <b>", "x & y", edges=[1.0], total=[0, 0], kept=[0, 0])
    svg = panel_grid([PANEL, odd, PANEL, PANEL], title="rule <i>")
    ElementTree.fromstring(svg)
    assert "rule &lt;i&gt;" in svg
    assert "a &lt;b&gt;" in svg
    assert svg.count("<polyline") == 3
    assert "#" not in re.sub(r"var\(--[\w-]+, #\w{6}\)", "", svg), "colours are those of the page"


def test_the_shaded_side_is_the_one_that_misses() -> None:
    left, right = (panel_grid([Panel(**{**vars(PANEL), "shade_left": side})]) for side in (True, False))
    assert left != right


def test_each_panel_is_a_drawing_of_its_own_that_a_narrow_page_can_put_under_the_others() -> None:
    grid = ElementTree.fromstring(panel_grid([PANEL] * 4, title="words"))
    drawn = list(grid.iter(f"{SVG}svg"))
    assert len(drawn) == 4
    assert {each.attrib["aria-label"] for each in drawn} == {"min_words: words; 9% are < 50"}
    assert {float(each.attrib["viewBox"].split()[2]) for each in drawn} == {259.0}
    assert not list(ElementTree.fromstring(panel_grid([])).iter(f"{SVG}svg"))


def test_losses_stand_under_their_rule_the_largest_first() -> None:
    group = LossGroup("gopher", (Loss("rare", 1), Loss("frequent", 30, "2 kB")))
    svg = loss_chart([group], read=100, kept=69, unit="documents")
    ElementTree.fromstring(svg)
    assert svg.index(">frequent<") < svg.index(">rare<")
    assert "30 · 2 kB" in svg
    assert "\N{MINUS SIGN}31, 31.0% of all" in svg
    assert ">69 documents<" in svg
    ElementTree.fromstring(loss_chart([], read=0, kept=0, unit="documents"))


def test_the_numbers_of_a_large_corpus_have_room() -> None:
    groups = [LossGroup("a rule with quite a long name of its own", (Loss("r" * 60, 10**9, "1.2 TB"),))]
    svg = loss_chart(groups, read=30 * 10**9, kept=29 * 10**9, unit="documents")
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        said = "".join(element.itertext())
        bold = element.attrib["font-weight"] == "600"
        width = text_width(said, float(element.attrib["font-size"]), bold=bold)
        assert float(element.attrib["x"]) + width < (WIDTH + 0.1 if "," in said else NAMES_PX)


def test_a_long_subtitle_has_two_lines() -> None:
    long = Panel("a", "of the text is repeated runs of 10 words; 3.2% are > 0.1", (0.5,), (1, 2), (1, 1))
    short = Panel("b", "words; 3.0% are < 50", (0.5,), (1, 2), (1, 1))
    said = [element.text for element in ElementTree.fromstring(panel_grid([long, short])).iter(f"{SVG}text")]
    assert {"of the text is repeated runs of 10 words", "3.2% are > 0.1", "words"} <= set(said)
    alone = [element.text for element in ElementTree.fromstring(panel_grid([short])).iter(f"{SVG}text")]
    assert "words; 3.0% are < 50" in alone
