"""The chart of probabilities holds what it was given."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from ontogeny.report.reliability import Limit, ReliabilityBin, reliability_chart
from ontogeny.statistics.intervals import wilson

BINS = [ReliabilityBin(90, 0.02, 0.0), ReliabilityBin(10, 0.5, 0.4), ReliabilityBin(50, 1.0, 1.0)]


def test_dots_stand_at_share_and_probability_with_their_intervals() -> None:
    svg = reliability_chart(BINS, of=15, labels=("these", "those"))
    ElementTree.fromstring(svg)
    dots = [
        tuple(map(float, each))
        for each in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', svg)
    ]
    assert [(round(x), round(y)) for x, y, _ in dots] == [(45, 276), (165, 176), (290, 26)]
    assert dots[0][2] > dots[2][2] > dots[1][2]
    low, high = wilson(4, 10)
    assert f"M165.0 {26 + 250 * (1 - low):.1f}V{26 + 250 * (1 - high):.1f}" in svg


def test_both_sets_are_counted_and_limits_drawn() -> None:
    svg = reliability_chart(BINS, of=15, labels=("th<ese", "those"), limits=[Limit("min_score 0.3", 0.3)])
    assert "54 th&lt;ese" in svg and "96 those" in svg
    assert "min_score 0.3" in svg
    assert len(re.findall("<rect", svg)) == 6


def test_no_bins_are_a_chart() -> None:
    assert "nothing to draw" in reliability_chart([], of=15, labels=("a", "b"))
