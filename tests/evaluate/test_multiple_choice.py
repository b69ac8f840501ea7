"""How questions are put to a model, and what is kept of its answers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from ontogeny.core.errors import DataError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import multiple_choice
from ontogeny.evaluate.multiple_choice import prepare, score
from ontogeny.evaluate.runner import Source
from ontogeny.evaluate.scores import Scores
from ontogeny.evaluate.suites import MultipleChoiceSuite
from ontogeny.tasks.multiple_choice import Form, Prompt
from tests.evaluate.conftest import FakeReader

SUITE = MultipleChoiceSuite(name="questions", data="choices")


def scored(choices: Source, reader: FakeReader, forms: Sequence[Form] = ("chat",)) -> Scores:
    material = prepare(SUITE, choices.folder, name=choices.name, limit=None)
    return score(SUITE, material, reader, model="m", forms=forms, progress=QuietProgress())


def test_the_smaller_cap_counts(choices: Source) -> None:
    suite = SUITE.model_copy(update={"n": 5})
    assert len(prepare(suite, choices.folder, name=choices.name, limit=None).items) == 5
    assert len(prepare(suite, choices.folder, name=choices.name, limit=3).items) == 3
    assert len(prepare(SUITE, choices.folder, name=choices.name, limit=None).items) == 24


def test_a_skilled_reader_is_right(choices: Source) -> None:
    scores = scored(choices, FakeReader(skill=9.0))
    assert scores.metric("acc", "chat").value == 1.0
    assert scores.figures == {"chance": 1 / 3}
    assert all(row.correct and row.chosen == row.gold for row in scores.rows)


def test_rows_agree_with_metrics(choices: Source) -> None:
    scores = scored(choices, FakeReader(skill=1.0), ("plain", "chat"))
    assert scores.forms() == ("plain", "chat")
    for form in ("plain", "chat"):
        rows = [row for row in scores.rows if row.form == form]
        metric = scores.metric("acc", form)
        assert [row.item for row in rows] == list(metric.items)
        assert [float(bool(row.correct)) for row in rows] == list(metric.tops)
        assert 0.0 < metric.value < 1.0
        for row in rows:
            assert row.logprobs is not None and row.neutral_logprobs is not None
            assert row.chosen == max(range(3), key=row.logprobs.__getitem__)


def test_continuations_of_one_prompt_are_scored_together(
    choices: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scored(choices, FakeReader())
    calls: list[list[Prompt]] = []

    class Recording(FakeReader):
        def choice_logprobs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
            calls.append([prompt for prompt, _ in pairs])
            return super().choice_logprobs(pairs)

    monkeypatch.setattr(multiple_choice, "PAIRS_AT_ONCE", 4)
    assert scored(choices, Recording()) == whole
    assert len(calls) > 4
    for before, after in itertools.pairwise(calls):
        assert before[-1] != after[0]


def test_truncated_prompts_are_counted(choices: Source) -> None:
    assert scored(choices, FakeReader()).counts == {"truncated_prompts": 0, "left_out_items": 0}
    assert scored(choices, FakeReader(context=30)).counts["truncated_prompts"] == 24


def test_items_with_a_choice_that_cannot_fit_are_left_out_and_counted(choices: Source) -> None:
    longest = len("It is word10 in short!!!")
    scores = scored(choices, FakeReader(context=longest))
    left_out = scores.counts["left_out_items"]
    assert 0 < left_out < 24
    assert len(scores.metric("acc", "chat").items) == 24 - left_out


def test_no_item_that_fits_is_an_error(choices: Source) -> None:
    with pytest.raises(DataError, match="no question of 'questions' fits") as caught:
        scored(choices, FakeReader(context=3))
    assert caught.value.where == "m" and caught.value.hint
