import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.inference.engine import Engine, _StopTexts
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer


@pytest.fixture
def engine(model: Transformer, tokenizer: Tokenizer) -> Engine:
    return Engine(model, tokenizer)


def greedy_without_cache(model: Transformer, ids: list[int], count: int) -> list[int]:
    found: list[int] = []
    for _ in range(count):
        with torch.no_grad():
            found.append(int(model(torch.tensor([ids + found]))[0, -1].argmax()))
    return found


def test_the_cache_changes_nothing(engine: Engine, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Split the")
    done = engine.generate(ids, SamplingOptions(max_new_tokens=20))
    expected = greedy_without_cache(engine.model, ids, 20)
    stops = [place for place, token in enumerate(expected) if token in tokenizer.stop_ids]
    assert done.tokens == expected[: stops[0] if stops else 20]
    assert done.finish_reason == ("stop" if stops else "length")
    assert (done.prompt_tokens, done.completion_tokens) == (len(ids), len(done.tokens))


def test_pieces_make_the_whole_and_the_seed_decides(engine: Engine, tokenizer: Tokenizer) -> None:
    options = SamplingOptions(max_new_tokens=30, temperature=1.5, seed=5)
    ids = tokenizer.encode("Shuffle")
    pieces = list(engine.stream(ids, options))
    done = engine.generate(ids, options)
    assert "".join(piece.text for piece in pieces) == done.text
    assert done.text == tokenizer.decode(done.tokens, skip_special=True)
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    other = engine.generate(ids, SamplingOptions(max_new_tokens=30, temperature=1.5, seed=6))
    assert other.tokens != done.tokens


def test_the_context_ends_an_answer(engine: Engine, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("s" * 40)[:40]
    done = engine.generate(ids, SamplingOptions(max_new_tokens=500, temperature=1.0))
    assert done.completion_tokens <= engine.model.config.seq_len - len(ids)


def test_prompts_without_room_are_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="the prompt is empty"):
        engine.stream([], SamplingOptions())
    with pytest.raises(UsageError, match="the prompt has 48 tokens and the model's context holds 48"):
        engine.stream([5] * 48, SamplingOptions())


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(engine: Engine, tokenizer: Tokenizer) -> None:
    options = SamplingOptions(max_new_tokens=30, temperature=1.0, seed=1)
    whole = engine.generate(tokenizer.encode("Split"), options).text
    stop = whole[6:9]
    done = engine.generate(
        tokenizer.encode("Split"), SamplingOptions(max_new_tokens=30, temperature=1.0, seed=1, stop=(stop,))
    )
    assert done.text == whole[: whole.index(stop)]
    assert done.finish_reason == "stop"


@pytest.mark.parametrize("cuts", [[1] * 12, [3, 3, 3, 3], [12], [5, 7]])
def test_what_might_be_a_stop_text_is_held_back(cuts: list[int]) -> None:
    text, place, out = "ababacababab", 0, ""
    held = _StopTexts(["abac", "zz"])
    for cut in cuts:
        out += held.push(text[place : place + cut])
        assert not out.endswith("abac")
        place += cut
    assert out + held.flush("") == "ab"
    assert held.reached
    never = _StopTexts(["abad"])
    assert "".join(never.push(c) for c in text) + never.flush("") == text
