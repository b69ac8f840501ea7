"""Locators and samples."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ontogeny.records.row import SAMPLE_CHARS, byte_locator, record_locator, sample_of


def test_locators() -> None:
    assert byte_locator(Path("a/b.jsonl"), 3, 9) == "a/b.jsonl#bytes=3-9"
    assert record_locator("b.csv", 1) == "b.csv#record=1"


@given(
    st.one_of(st.binary(max_size=100), st.text(max_size=100), st.just("\ud800"), st.just(b"\xff" * 100_000))
)
def test_a_sample_is_short_and_utf8_can_hold_it(data: bytes | str) -> None:
    sample = sample_of(data)
    assert len(sample) <= SAMPLE_CHARS
    sample.encode()
