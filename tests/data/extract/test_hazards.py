"""Pages built to exhaust a parser are told by counting; ordinary ones pass."""

from __future__ import annotations

import pytest

from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fast import extract_fast
from ontogeny.data.extract.hazards import check_hazards

DEEP = {
    "open": "<div>" * 10_000,
    "closed": "<div>" * 10_000 + "</div>" * 10_000,
    "with end tags of what is not open": "<div></x>" * 10_000,
    "with tags that do not nest between": "<div><br><p>" * 10_000,
    "upper case": "<DIV>" * 10_000,
}


@pytest.mark.parametrize("page", DEEP)
def test_deep_nesting_is_told_however_it_is_dressed(page: str) -> None:
    with pytest.raises(
        NotExtractedError, match="10,000 elements one within another; 1,000 are read"
    ) as error:
        check_hazards(DEEP[page])
    assert error.value.reason == "nested_too_deeply"


@pytest.mark.parametrize(
    "page",
    [
        "<p>a" * 50_000,
        "a<br>" * 50_000,
        "<div><b>a</b></div>" * 20_000,
        "<ul>" + "<li>a" * 20_000,
        "a < b " * 9_000,
    ],
)
def test_long_pages_are_no_hazard(page: str) -> None:
    assert extract_fast(page) is not None


def test_a_tag_of_too_many_attributes_is_told() -> None:
    with pytest.raises(NotExtractedError, match="a tag of 20,000 attributes; 5,000 are read") as error:
        check_hazards("<a" + "".join(f" x{number}=1" for number in range(20_000)) + ">")
    assert error.value.reason == "too_many_attributes"


def test_a_picture_within_a_tag_is_no_hazard() -> None:
    check_hazards(f'<img src="data:image/png;base64,{"A" * 1_000_000}">')
