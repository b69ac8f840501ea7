"""Log-probabilities of continuations: those of reading token by token, whatever shares a pass with them."""

from __future__ import annotations

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.inference.continuations import score_continuations
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from tests.inference.conftest import reference


def test_continuations_share_their_context_and_do_not_see_each_other(
    model: Transformer, tokenizer: Tokenizer
) -> None:
    contexts = [tokenizer.encode(text) for text in ("Split", "Shuffle list", "Split")]
    continuations = [tokenizer.encode(text) for text in (" the string", " x", " naïve café 🙂", " s")]
    pairs = [(context, continuation) for context in contexts for continuation in continuations]
    expected = [sum(reference(model, context + ids, len(context))) for context, ids in pairs]
    for pass_tokens in (1, 16, 4096):
        found = score_continuations(model, pairs, pass_tokens=pass_tokens)
        assert [score.logprob for score in found] == pytest.approx(expected, abs=1e-4)


def test_what_pairs_begin_with_alike_is_computed_once(
    model: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tokenizer.encode("Shuffle list x in place. Split the string s.")
    contexts = [shown + tokenizer.encode(text) for text in ("Shuffle", "Split the", "Split")]
    pairs = [(context, [token]) for context in contexts for token in (5, 6, 7)]
    expected = [sum(reference(model, context + ids, len(context))) for context, ids in pairs]
    read: list[int] = []
    hidden = model.hidden

    def counted(idx: torch.Tensor, **options: object) -> torch.Tensor:
        read.append(idx.numel())
        return hidden(idx, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "hidden", counted)
    found = score_continuations(model, pairs)
    assert [score.logprob for score in found] == pytest.approx(expected, abs=1e-5)
    assert sum(read) <= len(shown) + sum(len(context) - len(shown) for context in contexts)


def test_a_continuation_is_greedy_where_each_token_is_the_likeliest(model: Transformer) -> None:
    context = [3, 4, 5]
    greedy: list[int] = []
    for _ in range(4):
        with torch.no_grad():
            greedy.append(int(model(torch.tensor([context + greedy]))[0, -1].argmax()))
    other = [*greedy[:-1], (greedy[-1] + 1) % model.config.vocab_size]
    found = score_continuations(model, [(context, greedy), (context, other), (context, greedy[:1])])
    assert [score.is_greedy for score in found] == [True, False, True]
    assert [score.tokens for score in found] == [4, 4, 1]


def test_scores_do_not_depend_on_what_else_is_asked(model: Transformer) -> None:
    """However many pairs share a pass, and in whatever order they come: the same but for the order of additions."""
    generator = torch.Generator().manual_seed(5)
    contexts = [
        torch.randint(0, 50, (length,), generator=generator).tolist() for length in (3, 20, 20, 31, 9)
    ]
    pairs = [
        (context, [token, 7, 9][:count]) for context in contexts for token in range(4) for count in (1, 3)
    ]
    alone = [score_continuations(model, [pair])[0].logprob for pair in pairs]
    for pass_tokens in (1, 40, 4096):
        together = score_continuations(model, pairs[::-1], pass_tokens=pass_tokens)[::-1]
        assert [score.logprob for score in together] == pytest.approx(alone, abs=1e-5)


def test_progress_is_told_pair_by_pair(model: Transformer) -> None:
    told: list[int] = []
    pairs = [([1, 2, 3], [4]), ([1, 2, 3], [5]), ([9, 8], [7, 6])]
    score_continuations(model, pairs, pass_tokens=1, advance=told.append)
    assert sum(told) == len(pairs)


@pytest.mark.parametrize("pair", [([], [1]), ([1], [])])
def test_empty_contexts_and_continuations_are_refused(
    model: Transformer, pair: tuple[list[int], list[int]]
) -> None:
    with pytest.raises(UsageError, match="at least one token each"):
        score_continuations(model, [pair])


def test_pairs_longer_than_the_context_are_refused(model: Transformer) -> None:
    with pytest.raises(UsageError, match="50 tokens, the model's context 48"):
        score_continuations(model, [([1] * 40, [2] * 10)])
    score_continuations(model, [([1] * 40, [2] * 9)])


def test_the_size_of_passes_moves_scores_by_rounding_alone(model: Transformer, tokenizer: Tokenizer) -> None:
    contexts = [tokenizer.encode(text) for text in ("Split the", "Shuffle list x", "in place, and", "naïve")]
    pairs = [(ids, tokenizer.encode(end)) for ids in contexts for end in (" string", " x in place", " None")]
    found = [
        [score.logprob for score in score_continuations(model, pairs, pass_tokens=tokens)]
        for tokens in (1, 8, 24, 64, 512, 4096)
    ]
    assert max(max(values) - min(values) for values in zip(*found, strict=True)) < 1e-5
