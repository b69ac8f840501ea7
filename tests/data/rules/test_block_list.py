from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.data.rules.block_list import BlockListRule, files_of, judge_block_list


def urls(*values: str | None) -> dict[str, Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return {"url": column}


def test_listed_places_and_words_go(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("bad.example\nok.example/bad\n")
    rule = BlockListRule(type="block-list", paths=(path,), words=("Casino", "bonus"), min_words=2)
    judgement = judge_block_list(
        rule,
        urls(
            "http://www.bad.example/x",
            "ok.example/bad/1",
            "http://ok.example/casino_bonus.html",
            "http://ok.example/casino-casino",
            "http://ok.example/casinobonus",
            None,
            "",
        ),
    )
    assert judgement.code.tolist() == [1, 2, 3, 0, 0, 0, 0]
    assert judgement.reasons == ("blocked_domain", "blocked_url", "blocked_words")
    assert judgement.score[:3].tolist() == [1, 1, 2]
    assert files_of(rule) == [path]


def test_words_need_no_list() -> None:
    judgement = judge_block_list(
        BlockListRule(type="block-list", words=("casino",)), urls("a.example/CASINO", "b.example")
    )
    assert judgement.code.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "names neither paths nor words"),
        ({"words": ["two words"]}, "'two words' is not one word"),
        ({"words": ["a"], "categories": ["x"]}, "`categories` picks from folders"),
        ({"words": ["a", "A"], "min_words": 2}, "min_words 2 is more than the 1 different words"),
    ],
)
def test_settings_without_effect_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BlockListRule(type="block-list", **settings)
    assert message in str(caught.value)


def test_where_there_is_no_address_the_domain_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("bad.example\n")
    rule = BlockListRule(type="block-list", paths=(path,))
    columns = {
        **urls(None, "http://ok.example/x", ""),
        "domain": np.array(["bad.example", "bad.example", None]),
    }
    assert judge_block_list(rule, columns).code.tolist() == [1, 0, 0]
