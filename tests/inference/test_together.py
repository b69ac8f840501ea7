"""Answers written at once are those written one by one, whatever stands beside them."""

from __future__ import annotations

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.inference import together
from ontogeny.inference.engine import Engine
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.inference.together import Asked, generate_together
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer


@pytest.fixture
def engine(model: Transformer, tokenizer: Tokenizer) -> Engine:
    return Engine(model, tokenizer)


@pytest.fixture
def asked(engine: Engine) -> list[Asked]:
    """Prompts of one to 40 tokens, some of which begin alike or are the same; cold, warm, stopped, cut short."""
    texts = [
        "Shuffle list x in place",
        "Shuffle list x in",
        "S",
        "Split the string s. naïve",
        "Shuffle list x in",
    ]
    options = [
        SamplingOptions(max_new_tokens=20),
        SamplingOptions(max_new_tokens=5, temperature=1.0, seed=3),
        SamplingOptions(max_new_tokens=30, temperature=1.5, top_p=0.9, seed=4),
        SamplingOptions(max_new_tokens=1),
        SamplingOptions(max_new_tokens=24, temperature=1.0, seed=5, stop=("e", "s")),
        SamplingOptions(max_new_tokens=500, temperature=0.7, top_k=5, seed=6),
    ]
    ids = [engine.tokenizer.encode(text) for text in texts]
    return [Asked(prompt[:40], option) for prompt in ids for option in options]


def answers(engine: Engine, asked: list[Asked]) -> list[tuple[str, list[int], str, int]]:
    return [
        (done.text, done.tokens, done.finish_reason, done.prompt_tokens)
        for done in generate_together(engine, asked, advance=lambda _: None)
    ]


def one_by_one(engine: Engine, asked: list[Asked]) -> list[tuple[str, list[int], str, int]]:
    found = [engine.generate(one.ids, one.options) for one in asked]
    return [(done.text, done.tokens, done.finish_reason, done.prompt_tokens) for done in found]


def test_answers_do_not_depend_on_what_is_written_beside_them(engine: Engine, asked: list[Asked]) -> None:
    expected = one_by_one(engine, asked)
    assert len({reason for _, _, reason, _ in expected}) == 2
    assert answers(engine, asked) == expected
    assert answers(engine, asked[::-1]) == expected[::-1]
    assert [answers(engine, [one])[0] for one in asked] == expected


@pytest.mark.parametrize(
    ("rows", "leaving", "cache_bytes"), [(2, 0.01, 2**30), (7, 1.0, 2**30), (16, 0.5, 1)]
)
def test_how_answers_share_batches_changes_nothing(
    engine: Engine,
    asked: list[Asked],
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    leaving: float,
    cache_bytes: int,
) -> None:
    monkeypatch.setattr(together, "ROWS", rows)
    monkeypatch.setattr(together, "LEAVING", leaving)
    monkeypatch.setattr(together, "CACHE_BYTES", cache_bytes)
    assert answers(engine, asked) == one_by_one(engine, asked)


def test_what_prompts_begin_with_alike_is_read_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    hidden = engine.model.hidden

    def counted(idx: torch.Tensor, **options: object) -> torch.Tensor:
        read.append(idx.numel())
        return hidden(idx, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.model, "hidden", counted)
    beginning = list(range(5, 25))
    prompts = [Asked([*beginning, end], SamplingOptions(max_new_tokens=1)) for end in (30, 31, 32, 30)]
    generate_together(engine, prompts, advance=lambda _: None)
    assert sorted(read) == [1, 1, 1, 21]


def test_prompts_whose_answers_fit_no_common_context(engine: Engine) -> None:
    """48 tokens of context: 40 and 8 more, 4 and 44 more."""
    options = SamplingOptions(max_new_tokens=100, temperature=1.0, seed=1)
    asked = [Asked(engine.tokenizer.encode("s" * 60)[:length], options) for length in (40, 4)]
    assert answers(engine, asked) == one_by_one(engine, asked)


def test_progress_is_told_answer_by_answer(engine: Engine, asked: list[Asked]) -> None:
    told: list[int] = []
    generate_together(engine, asked, advance=told.append)
    assert told == [1] * len(asked)
    assert generate_together(engine, [], advance=told.append) == []


def test_prompts_without_room_are_refused(engine: Engine) -> None:
    for ids, message in (([], "the prompt is empty"), ([5] * 48, "the prompt has 48 tokens")):
        with pytest.raises(UsageError, match=message):
            generate_together(engine, [Asked(ids, SamplingOptions())], advance=lambda _: None)
