"""Texts that share their beginnings in one row: each token has the state that it has in its text alone."""

from __future__ import annotations

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.model import branches as module
from ontogeny.model.branches import Branches, Segment
from tests.model.conftest import FAMILIES, Make

#            0: a question, of which 2, 3 and 4 are answers; 3 goes on in two ways; 1: a text by itself
SEGMENTS = [
    Segment(12, None),
    Segment(5, None),
    Segment(3, 0),
    Segment(6, 0),
    Segment(1, 0),
    Segment(4, 3),
    Segment(2, 3),
]


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("family_tokens", [1, 8, 256])
def test_states_are_those_of_the_texts_alone(
    make: Make, family: str, family_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAMILY_TOKENS", family_tokens)
    model = make(**FAMILIES[family]).double()
    branches = Branches(SEGMENTS)
    idx = torch.randint(0, 300, (1, branches.length), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        together = model.hidden(idx, branches=branches)[0]
        for last in range(len(SEGMENTS)):
            places = torch.cat(
                [torch.arange(branches.begins[each], branches.end(each)) for each in branches.path(last)]
            )
            alone = model.hidden(idx[:, places])[0]
            torch.testing.assert_close(together[places], alone, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("places", [[11], [0, 3, 11, 12, 16], [18, 19, 22, 26, 28, 32], list(range(33))])
def test_states_at_some_places_are_those_of_all(make: Make, family: str, places: list[int]) -> None:
    model = make(**FAMILIES[family]).double()
    branches = Branches(SEGMENTS)
    idx = torch.randint(0, 300, (1, branches.length), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        everywhere = model.hidden(idx, branches=branches)
        some = model.hidden(idx, branches=branches, at=torch.tensor(places))
    torch.testing.assert_close(some, everywhere[:, places], atol=1e-10, rtol=1e-10)


def test_where_segments_lie() -> None:
    branches = Branches(SEGMENTS)
    assert branches.begins == [0, 12, 17, 20, 26, 27, 31]
    assert branches.depths == [0, 0, 12, 12, 12, 18, 18]
    assert (branches.length, branches.longest) == (33, 22)
    assert branches.path(6) == [0, 3, 6]
    assert branches.positions(torch.device("cpu"))[0, -2:].tolist() == [18, 19]


def test_a_parent_stands_before_its_children() -> None:
    with pytest.raises(ValueError, match="segment 1 hangs from 1"):
        Branches([Segment(2, None), Segment(2, 1)])


def test_a_text_longer_than_the_context_is_refused(make: Make) -> None:
    model = make()
    context = model.config.seq_len
    fits = Branches([Segment(context - 2, None), Segment(2, 0), Segment(2, 0)])
    model.hidden(torch.zeros(1, fits.length, dtype=torch.int64), branches=fits)
    longer = Branches([Segment(context - 2, None), Segment(3, 0)])
    with pytest.raises(UsageError, match=f"{context + 1} tokens do not fit into a context of {context}"):
        model.hidden(torch.zeros(1, longer.length, dtype=torch.int64), branches=longer)
