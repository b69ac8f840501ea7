"""Small charts hold what they were given, in the page's colours."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from ontogeny.report.panels import Loss, LossGroup, Panel, loss_chart, panel_grid

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
    assert "#" not in svg.replace("#666b74", "").replace("#e2e3e7", "").replace("#b83c43", "").replace(
        "#2f6db5", ""
    ).replace("#d0741f", "").replace("#2c8f6b", "")


def test_the_shaded_side_is_the_one_that_misses() -> None:
    left, right = (panel_grid([Panel(**{**vars(PANEL), "shade_left": side})]) for side in (True, False))
    assert left != right


def test_an_empty_grid_is_a_chart() -> None:
    assert ElementTree.fromstring(panel_grid([])).tag.endswith("svg")


def test_losses_stand_under_their_rule_the_largest_first() -> None:
    group = LossGroup("gopher", (Loss("rare", 1), Loss("frequent", 30, "2 kB")))
    svg = loss_chart([group], read=100, kept=69, unit="documents")
    ElementTree.fromstring(svg)
    assert svg.index(">frequent<") < svg.index(">rare<")
    assert "30 · 2 kB" in svg
    assert "\N{MINUS SIGN}31, 31.0% of all" in svg
    assert ">69 documents<" in svg
    ElementTree.fromstring(loss_chart([], read=0, kept=0, unit="documents"))
