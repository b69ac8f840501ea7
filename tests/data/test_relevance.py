"""What is like the reference scores higher than what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.data.diversity import TextSample
from ontogeny.data.relevance import read_reference, relevance_figures

COOKING = "Stir the soup with salt and butter, then bake the bread in the oven until it is golden and serve it warm."
LAW = "The court held that the plaintiff had no standing, and the appeal was dismissed with costs to the defendant."


def sample() -> TextSample:
    texts = [f"{COOKING} {number}" for number in range(6)] + [f"{LAW} {number}" for number in range(6)]
    return TextSample(texts, ["kitchen"] * 6 + ["court"] * 6, [f"{number:032x}" for number in range(12)])


def test_the_source_that_is_like_the_reference_comes_first() -> None:
    figures = relevance_figures(sample(), {"recipes": ["Bake the bread, then stir butter into the soup."]})[
        "recipes"
    ]
    kitchen, court = figures["by_source"]["kitchen"], figures["by_source"]["court"]
    assert kitchen["log_ratio_bits"] > court["log_ratio_bits"] + 0.5
    assert kitchen["overlap"] > court["overlap"]
    assert {each["source"] for each in figures["nearest"]} <= {"kitchen"}
    assert 0 < figures["coverage"] < 1


def test_the_same_text_overlaps_wholly() -> None:
    figures = relevance_figures(sample(), {"itself": sample().texts})["itself"]
    assert figures["overlap"] == figures["coverage"] == 1
    assert figures["by_source"]["court"]["log_ratio_bits"] == 0
    assert relevance_figures(TextSample(), {"itself": ["x"]}) == {}


def test_a_reference_is_any_file_with_strings(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"question": "why?", "choices": ["a", {"b": "c"}], "gold": 1}\nnot json\n')
    assert read_reference(path) == ["why?\na\nc"]


def test_a_reference_without_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"gold": 1}\n')
    with pytest.raises(DataError, match="no row of the reference holds text"):
        read_reference(path)
    with pytest.raises(UsageError, match="there is no file"):
        read_reference(tmp_path / "none.txt")
