"""How requests of tasks reach a real, tiny model: encoding, windows, truncation, generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from ontogeny.evaluate.subject import ModelReader, rolling_windows
from ontogeny.inference.engine import Completion, Engine
from ontogeny.inference.loading import LoadedModel
from ontogeny.inference.together import Asked, generate_together
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tasks.requests import Chat, Generate, Loglikelihood, Rolling, Scored, Turn
from ontogeny.tokenizer.chat import encode_prompt, render
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise

SEQ_LEN = 24
TEXTS = ["Walk a tree of folders, then walk it again.", "The folder that is worked in.", "Größe: 3"]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    tokenizer = train_bpe(TEXTS * 3, vocab_size=320)
    shape = ModelShape(d_model=32, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=48, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1, std=0.3)
    model.eval()
    return LoadedModel(model, tokenizer, Path())


@pytest.fixture
def reader(loaded: LoadedModel) -> ModelReader:
    return ModelReader(loaded, name="r/m@1")


def reference(loaded: LoadedModel, context: Sequence[int], continuation: Sequence[int]) -> tuple[float, bool]:
    """The sum over the continuation and whether it is the likeliest, by one plain pass over everything."""
    ids = [*context, *continuation]
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([ids[:-1]]))[0]
    places = range(len(context), len(ids))
    total = sum(float(logits.log_softmax(-1)[place - 1, ids[place]]) for place in places)
    return total, all(int(logits[place - 1].argmax()) == ids[place] for place in places)


def harness_pair(tokenizer: Tokenizer, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """lm-evaluation-harness's `_encode_pair`, written out."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    whole, lead = tokenizer.encode_default(context + continuation), tokenizer.encode_default(context)
    return lead, whole[len(lead) :]


def harness_windows(tokens: list[int], start: int, longest: int) -> Iterator[tuple[list[int], list[int]]]:
    """lm-evaluation-harness's rolling windows with a context of one token, written out."""
    first = min(longest, len(tokens))
    yield [start], tokens[:first]
    done = first
    while done < len(tokens):
        count = min(len(tokens) - done, longest)
        end = done + count
        inputs = tokens[end - longest - 1 : end - 1]
        yield inputs[: len(inputs) - (count - 1)], tokens[end - count : end]
        done = end


@pytest.mark.parametrize(
    ("context", "continuation"),
    [("Walk", " a tree"), ("Walk a ", "tree"), ("Walk\n", "The"), ("Größe:", " 3\n")],
)
def test_pairs_are_encoded_as_harness_encodes_them(
    loaded: LoadedModel, reader: ModelReader, context: str, continuation: str
) -> None:
    (found,) = reader.logprobs([Loglikelihood(context, continuation)])
    lead, ids = harness_pair(loaded.tokenizer, context, continuation)
    logprob, greedy = reference(loaded, lead, ids)
    assert found == Scored(pytest.approx(logprob, abs=1e-4), greedy, len(ids))


def test_a_seam_within_a_token_leaves_the_continuation_to_itself(
    loaded: LoadedModel, reader: ModelReader
) -> None:
    assert harness_pair(loaded.tokenizer, "Gr", "öße")[1] == [], (
        "the whole word has no more tokens than its beginning"
    )
    (found,) = reader.logprobs([Loglikelihood("Gr", "öße")])
    wanted = reference(loaded, loaded.tokenizer.encode("Gr"), loaded.tokenizer.encode("öße"))
    assert found is not None and found.logprob == pytest.approx(wanted[0], abs=1e-4)


@pytest.mark.parametrize("context", ["", " ", "\n"])
def test_an_empty_context_is_the_beginning_of_a_document(
    loaded: LoadedModel, reader: ModelReader, context: str
) -> None:
    (found,) = reader.logprobs([Loglikelihood(context, "Walk")])
    wanted = reference(loaded, [loaded.tokenizer.end_of_text_id], loaded.tokenizer.encode(context + "Walk"))
    assert found is not None and found.logprob == pytest.approx(wanted[0], abs=1e-4)


def test_what_the_model_would_write_is_greedy(loaded: LoadedModel, reader: ModelReader) -> None:
    ids = loaded.tokenizer.encode("Walk")
    with torch.inference_mode():
        likeliest = loaded.tokenizer.decode([int(loaded.model(torch.tensor([ids]))[0, -1].argmax())])
    found = reader.logprobs([Loglikelihood("Walk", text) for text in (likeliest, likeliest + "Größe")])
    assert [one is not None and one.is_greedy for one in found] in ([True, False], [False, False])


def test_a_context_that_does_not_fit_loses_its_beginning(loaded: LoadedModel, reader: ModelReader) -> None:
    context = "Walk a tree of folders. " * 12
    lead, ids = harness_pair(loaded.tokenizer, context, "The folder")
    (found,) = reader.logprobs([Loglikelihood(context, "The folder")])
    wanted = reference(loaded, lead[-(SEQ_LEN + 1 - len(ids)) :], ids)
    assert found == Scored(pytest.approx(wanted[0], abs=1e-4), wanted[1], len(ids), truncated=True)


def test_a_continuation_that_does_not_fit_is_told(reader: ModelReader) -> None:
    found = reader.logprobs([Loglikelihood("a", "§" * SEQ_LEN), Loglikelihood("a", "b")])
    assert found[0] is None and found[1] is not None


def test_order_and_company_change_nothing(reader: ModelReader) -> None:
    requests = [Loglikelihood(text[:5], text[5:]) for text in TEXTS] + [Rolling(text) for text in TEXTS]
    together = reader.logprobs(requests)
    alone = [reader.logprobs([request])[0] for request in requests]
    for one, other in zip(together, alone, strict=True):
        assert one is not None and other is not None
        assert one.logprob == pytest.approx(other.logprob, abs=1e-5)


def test_alone_a_request_scores_the_same(reader: ModelReader) -> None:
    requests = [Loglikelihood(text[:5], text[5:]) for text in TEXTS] + [Loglikelihood("a", "§" * SEQ_LEN)]
    together, alone = reader.logprobs(requests), reader.alone(requests)
    assert together[-1] is None and alone[-1] is None
    for one, other in zip(together[:-1], alone, strict=False):
        assert one is not None and other is not None
        assert one.logprob == pytest.approx(other.logprob, abs=1e-5)


@pytest.mark.parametrize("count", [1, SEQ_LEN - 1, SEQ_LEN, SEQ_LEN + 1, 3 * SEQ_LEN, 3 * SEQ_LEN + 5])
def test_rolling_windows_are_those_of_harness(count: int) -> None:
    ids = list(range(100, 100 + count))
    found = list(rolling_windows(ids, start_id=7, window=SEQ_LEN))
    assert found == list(harness_windows(ids, 7, SEQ_LEN))
    assert [token for _, part in found for token in part] == ids
    assert all(len(context) + len(part) <= SEQ_LEN + 1 for context, part in found)


def test_a_text_is_scored_window_by_window(loaded: LoadedModel, reader: ModelReader) -> None:
    text = " ".join(TEXTS * 3)
    ids = loaded.tokenizer.encode(text)
    windows = harness_windows(ids, loaded.tokenizer.end_of_text_id, SEQ_LEN)
    (found,) = reader.logprobs([Rolling(text)])
    assert found is not None and found.tokens == len(ids)
    assert found.logprob == pytest.approx(sum(reference(loaded, *pair)[0] for pair in windows), rel=1e-5)


def test_in_chat_the_answer_follows_the_template(loaded: LoadedModel, reader: ModelReader) -> None:
    chat = Chat((Turn("user", "Walk?"),))
    messages = [{"role": "user", "content": "Walk?"}]
    assert render(loaded.tokenizer, messages, add_generation_prompt=True).endswith("assistant\n")
    head = encode_prompt(loaded.tokenizer, messages)[: -len(loaded.tokenizer.encode("\n"))]
    ids = loaded.tokenizer.encode("\nWalk")  # white space at the seam belongs to the answer here too
    (found,) = reader.logprobs([Loglikelihood(chat, "Walk")])
    wanted = reference(loaded, head[-(SEQ_LEN + 1 - len(ids)) :], ids)
    assert found is not None and found.logprob == pytest.approx(wanted[0], abs=1e-4)
    assert found.tokens == len(ids) > len(loaded.tokenizer.encode("Walk"))
    begun = Chat((Turn("user", "?"),), "The")
    lead, ids = harness_pair(loaded.tokenizer, "The", " folder")
    head = encode_prompt(loaded.tokenizer, [{"role": "user", "content": "?"}])
    (found,) = reader.logprobs([Loglikelihood(begun, " folder")])
    kept = [*head, *lead][-(SEQ_LEN + 1 - len(ids)) :]
    assert found is not None and found.logprob == pytest.approx(reference(loaded, kept, ids)[0], abs=1e-4)


def test_it_writes_until_a_stop_text(loaded: LoadedModel, reader: ModelReader) -> None:
    (free,) = reader.generate([Generate("Walk", (), 8)])
    assert free.tokens <= 8 and free.seconds >= 0 and not free.truncated
    stop = free.text[len(free.text) // 2 :][:2]
    (stopped,) = reader.generate([Generate("Walk", (stop,), 8)])
    assert stopped.text == free.text[: free.text.index(stop)] and stopped.finish_reason == "stop"
    (long,) = reader.generate([Generate("Walk a tree. " * 30, (), 8)])
    assert long.truncated
    first, again, other = reader.generate([Generate("", (), 6, 1.5, seed=seed) for seed in (3, 3, 4)])
    assert first.text == again.text != other.text


def test_what_is_timed_is_written_alone(
    loaded: LoadedModel, reader: ModelReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [Generate(text, (), 6, timed=timed) for text in ("Walk", "A b") for timed in (False, True)]
    calm = reader.generate(requests)
    together: list[int] = []

    def counted(engine: Engine, asked: Sequence[Asked], **options: Any) -> list[Completion]:
        together.append(len(asked))
        return generate_together(engine, asked, **options)

    monkeypatch.setattr("ontogeny.inference.together.generate_together", counted)
    assert [one.text for one in reader.generate(requests)] == [one.text for one in calm]
    assert [one.text for one in calm[::2]] == [one.text for one in calm[1::2]] and together == [2]


def test_what_is_done_is_told(reader: ModelReader) -> None:
    told: list[float] = []
    reader.logprobs([Rolling(" ".join(TEXTS * 3)), Loglikelihood("a", "b")], advance=told.append)
    assert sum(told) == pytest.approx(2)
    told.clear()
    reader.generate([Generate("a", (), 1)] * 3, advance=told.append)
    assert told == [1, 1, 1]
