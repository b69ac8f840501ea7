"""How a document is named: as notes name it, by its id, or by a beginning that no other has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.seen import Reading, named, readings
from tests.conftest import Life

Ask = Callable[[str], list[Reading]]


@pytest.fixture(scope="module")
def everything(smoke: Life) -> list[Reading]:
    return readings(Workspace(smoke.workspace), "smoke/base")


@pytest.fixture
def ask(smoke: Life) -> Ask:
    return lambda document: readings(Workspace(smoke.workspace), "smoke/base", document=document)


def beginning(document: str, others: list[str]) -> str:
    """The shortest one that no other has."""
    return next(
        document[:length]
        for length in range(1, len(document) + 1)
        if sum(each.startswith(document[:length]) for each in others) == 1
    )


def test_one_name_everywhere(ask: Ask, everything: list[Reading]) -> None:
    ids = [each.document for each in everything]
    for reading in everything[:3]:
        assert reading.name == f"{reading.source}:{reading.document}" == f"python-docs:{reading.document}"
        short = beginning(reading.document, ids)
        for said in (reading.name, reading.document, short, f"{reading.source}:{short}"):
            (found,) = ask(said)
            assert (found.document, found.steps[0]) == (reading.document, reading.first_step), said
    assert named("", "3f") == "3f"


def test_a_snapshot_read_what_came_before_its_step(smoke: Life) -> None:
    workspace = Workspace(smoke.workspace)
    found = readings(workspace, "smoke/base@1:3")
    expected = readings(workspace, "smoke/base", steps="1:3")
    assert {each.model for each in found} == {"smoke/base@1:3"}
    assert [replace(each, model="smoke/base@1") for each in found] == expected
    with pytest.raises(UsageError, match="step 99999 is not within this training"):
        readings(workspace, "smoke/base@1:99999")


def test_several_that_begin_so(ask: Ask, everything: list[Reading]) -> None:
    with pytest.raises(
        UsageError, match="documents that smoke/base@1 read begin as 'python-docs:'"
    ) as caught:
        ask("python-docs:")
    assert caught.value.message.count("python-docs:") == 1 + 5
    assert caught.value.message.endswith(", ...")
    assert caught.value.hint == "give more of the id"
    first = everything[0].document[0]
    both = [each.name for each in everything if each.document.startswith(first)]
    if 1 < len(both) <= 5:
        with pytest.raises(UsageError, match="begin as") as caught:
            ask(first)
        assert all(name in caught.value.message for name in both)


def test_what_is_near_is_told(ask: Ask, everything: list[Reading]) -> None:
    reading = everything[0]
    slip = reading.document[:9] + ("0" if reading.document[9] != "0" else "1") + reading.document[10:]
    for said in (slip, f"python-docs:{slip}", f"books:{reading.document}"):
        with pytest.raises(UsageError) as caught:
            ask(said)
        told = f"smoke/base@1 never read a document {said!r}. Did you mean {reading.name!r}?"
        assert caught.value.message == told
        assert caught.value.hint == "`ontogeny seen smoke/base@1` lists what it read"


@pytest.mark.parametrize("said", ["nothing", "python-docs:nothing", "z" * 32])
def test_nothing_is_near(ask: Ask, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(said)
    assert caught.value.message == f"smoke/base@1 never read a document {said!r}"
