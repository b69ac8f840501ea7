"""Asking a base model for labels: prompts, examples in them, and answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from ontogeny.finetune.judged import Judged
from ontogeny.finetune.prompting import (
    LEAST_TEXT_TOKENS,
    Prompting,
    Shown,
    draw_shown,
    fitted_prompting,
    prompted,
    spoken,
)
from ontogeny.inference.continuations import score_continuations
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from tests.random_weights import randomise

NAMES = ("ham", "junk_mail")


class Letters:
    """A tokenizer of one token a letter."""

    start_id = 0

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(chr, ids))


CODEC = Letters()


def read(ids: Sequence[int]) -> str:
    assert ids[0] == 0
    return CODEC.decode(ids[1:])


def part(examples: int = 30) -> Judged:
    gold = np.arange(examples) % 2
    ids = tuple(f"{number:032x}" for number in range(examples))
    texts = tuple(f"{'win' if label else 'see you'} {number}" for number, label in enumerate(gold))
    return Judged(ids, texts, gold, np.full((examples, 2), 0.5), NAMES)


def test_a_prompt_asks_as_the_module_says() -> None:
    asked = Prompting(CODEC, NAMES, 1000, Shown(("a\n b",), (1,)))
    assert read(asked.context("win  a prize")) == (
        "Choose the label of the text, one of: ham, junk mail.\n\n"
        "Text: a b\nLabel: junk mail\n\nText: win a prize\nLabel:"
    )
    assert [CODEC.decode(choice) for choice in asked.choices] == [" ham", " junk mail"]


def test_names_are_spoken_unless_two_become_one() -> None:
    assert spoken(["card_arrival", "lost_ card"]) == ["card arrival", "lost card"]
    assert spoken(["a_b", "a b"]) == ["a_b", "a b"]
    assert spoken(["_", "x"]) == ["_", "x"]


def test_each_class_is_shown_before_any_twice() -> None:
    gold = np.array([0] * 50 + [1] * 3 + [2])
    texts = [f"text {number}" for number in range(len(gold))]
    shown = draw_shown(texts, gold, 4, seed=1)
    assert set(shown.gold) == {0, 1, 2} and len(set(shown.texts)) == 4
    assert all(
        gold[int(text.split()[1])] == label for text, label in zip(shown.texts, shown.gold, strict=True)
    )
    assert shown == draw_shown(texts, gold, 4, seed=1) != draw_shown(texts, gold, 4, seed=2)
    assert len(draw_shown(texts, gold, 2, seed=1).texts) == 2
    assert draw_shown(texts[:1], gold[:1], 8, seed=1) == Shown(("text 0",), (0,))


def by_content(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
    """A model that reads: it finds the right name likelier by a nat a letter."""

    def right(context: Sequence[int]) -> str:
        return " junk mail" if "Text: win" in read(context).split("\n\n")[-1] else " ham"

    return [
        (-1.0 if CODEC.decode(choice) == right(context) else -2.0) * len(choice) for context, choice in pairs
    ]


def test_the_likeliest_name_per_byte_is_the_answer() -> None:
    found = prompted(by_content, CODEC, part(), Shown(), seq_len=1000, seed=1)
    assert found["per byte"].scores.accuracy == 1.0
    assert found["per byte"].probabilities.max(1) == pytest.approx(1 / (1 + math.exp(-1)))
    # By the sum the short name wins where its letters are not twice as unlikely: 2 * 4 < 10.
    assert found["sum"].predicted.tolist() == [0] * 30


def test_a_limit_draws_examples_by_the_seed() -> None:
    done: list[int] = []
    found = prompted(by_content, CODEC, part(), Shown(), seq_len=1000, seed=1, limit=10, advance=done.append)[
        "sum"
    ]
    assert sum(done) == len(found.doc_ids) == 10
    assert set(found.doc_ids) < set(part().doc_ids)
    again = prompted(by_content, CODEC, part(), Shown(), seq_len=1000, seed=1, limit=10)["sum"]
    other = prompted(by_content, CODEC, part(), Shown(), seq_len=1000, seed=2, limit=10)["sum"]
    assert found.doc_ids == again.doc_ids != other.doc_ids


@pytest.mark.parametrize("seq_len", [30, 60, 90, 150, 300, 600, 5000])
def test_whatever_fits_is_asked_within_the_context(seq_len: int) -> None:
    shown = Shown(("long " * 200,) * 8, (0, 1) * 4)
    asked = fitted_prompting(CODEC, NAMES, shown, seq_len=seq_len)
    if asked is None:
        assert seq_len < 40
        return
    context = asked.context("word " * 500)
    assert len(context) + len(" junk mail") <= seq_len
    assert len(asked.shown.texts) == 8 or seq_len < 600
    assert asked.text_tokens >= LEAST_TEXT_TOKENS
    assert read(context).startswith(("Choose", "Text:"))


def test_a_context_too_small_for_any_prompt_gives_nothing() -> None:
    assert prompted(by_content, CODEC, part(), Shown(), seq_len=20, seed=1) == {}


def test_a_real_tokenizer_stays_within_the_context(tokenizer: Tokenizer) -> None:
    shown = Shown(("what does the function return \N{GRINNING FACE}" * 20,) * 3, (0, 1, 0))
    asked = fitted_prompting(tokenizer, NAMES, shown, seq_len=200)
    assert asked is not None and len(asked.shown.texts) == 3
    context = asked.context("Grüße \N{GRINNING FACE}" * 50)
    assert len(context) + max(map(len, asked.choices)) <= 200
    assert context[0] == tokenizer.start_id
    assert "\N{REPLACEMENT CHARACTER}" not in tokenizer.decode(context[1:])


def test_a_real_model_is_asked_as_token_by_token_sums_say(tokenizer: Tokenizer) -> None:
    shape = ModelShape(d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=24, seq_len=256)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 3)

    def scorer(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        return [score.logprob for score in score_continuations(model, pairs)]

    asked = part(4)
    found = prompted(scorer, tokenizer, asked, Shown(("a list",), (0,)), seq_len=256, seed=1)["sum"]
    prompt = fitted_prompting(tokenizer, NAMES, Shown(("a list",), (0,)), seq_len=256)
    assert prompt is not None
    for text, row in zip(found.texts, found.probabilities, strict=True):
        alone = [scorer([(prompt.context(text), choice)])[0] for choice in prompt.choices]
        assert math.log(row[0] / row[1]) == pytest.approx(alone[0] - alone[1], abs=1e-4)
