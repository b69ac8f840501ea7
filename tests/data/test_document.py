"""Identity and split of documents: stable, disjoint, about as large as asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.document import (
    Conversation,
    Document,
    MultipleChoice,
    Text,
    content_bytes,
    digest_content,
    make_doc_id,
    shown,
    split_of,
    to_row,
)
from ontogeny.data.portions import stored_schema
from ontogeny.records.conversations import Message

TALK = Conversation((Message("user", "Why?"), Message("assistant", "Därum.")))
CHOICE = MultipleChoice("Which?", "It is ", ("this", "that"), 1)


def test_ids_are_pinned() -> None:
    """Everything downstream names documents by these: a change would orphan every lineage there is."""
    assert make_doc_id("python-docs", "asyncio") == "e4cb2ac509c31baaf1e7d660956d7f03"
    assert make_doc_id("python-docs", "asyncio") != make_doc_id("python-doc", "sasyncio")


def test_the_split_is_pinned() -> None:
    assert [split_of(name, 0.1) for name in ("argparse", "json", "datetime", "threading")] == [
        "train",
        "train",
        "held_out",
        "held_out",
    ]


SHARES = st.floats(0, 1, allow_subnormal=False)  # a model in the same process treats those as zero


@given(st.text(max_size=20), SHARES, SHARES)
def test_a_larger_fraction_holds_out_the_same_and_more(group: str, first: float, second: float) -> None:
    low, high = sorted((first, second))
    if split_of(group, low) == "held_out":
        assert split_of(group, high) == "held_out"
    assert split_of(group, 0.0) == "train"
    assert split_of(group, 1.0) == "held_out"


def test_the_fraction_is_met_on_many_groups() -> None:
    held_out = sum(split_of(f"group-{number}", 0.1) == "held_out" for number in range(10_000))
    assert 900 < held_out < 1_100  # three standard deviations of a binomial are 90


@pytest.mark.parametrize("content", [Text("Grün"), TALK, CHOICE])
def test_a_row_has_the_columns_of_its_schema(content: Text | Conversation | MultipleChoice) -> None:
    shape = {Text: "text", Conversation: "instruct", MultipleChoice: "multiple-choice"}[type(content)]
    document = Document(doc_id="00" * 16, group="g", source="s", locator="f#bytes=0-4", content=content)
    row = to_row(document)
    assert list(row) == stored_schema(shape).names  # type: ignore[arg-type]
    assert row["digest"] == digest_content(content)


def test_sizes_count_utf8_bytes_and_digests_tell_contents_apart() -> None:
    assert content_bytes(Text("Grün")) == 5
    assert content_bytes(TALK) == 4 + 7
    assert content_bytes(CHOICE) == 6 + 6 + 8
    swapped = MultipleChoice("Which?", "It is ", ("this", "that"), 0)
    assert len({digest_content(content) for content in (Text("Grün"), TALK, CHOICE, swapped)}) == 4


def test_people_can_read_them() -> None:
    assert shown(TALK) == "user: Why?\nassistant: Därum."
    assert shown(CHOICE) == "Which?\n- this\n* that"
