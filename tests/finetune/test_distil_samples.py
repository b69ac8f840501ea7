"""Answers that a student writes itself: what a sampler of one prompt would write, and the same whenever it is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ontogeny.finetune.config_distil import OwnSamples
from ontogeny.finetune.distil_samples import OwnAnswers, write_answers
from ontogeny.inference.engine import Engine
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.distilled import SEQ_LEN, Examples, make_student, make_tuning
from tests.random_weights import disturb

PROMPTS = [[5, 9, 200], [7], [30, 31, 32, 33, 34, 35, 36]]


def write(
    tokenizer: Tokenizer, prompts: list[list[int]], *, temperature: float, seed: int = 1
) -> list[list[int]]:
    model = make_student(tokenizer)
    disturb(model)
    return write_answers(
        model,
        prompts,
        max_tokens=20,
        temperature=temperature,
        stop_ids=tokenizer.stop_ids,
        vocab_size=tokenizer.vocab_size,
        seed=seed,
    )


def test_cold_it_is_the_likeliest_answer_to_each_alone(tokenizer: Tokenizer) -> None:
    model = make_student(tokenizer)
    disturb(model)
    engine = Engine(model, tokenizer)
    for prompt, answer in zip(PROMPTS, write(tokenizer, PROMPTS, temperature=1e-5), strict=True):
        alone = engine.generate(prompt, SamplingOptions(max_new_tokens=20))
        assert [token for token in answer if token not in tokenizer.stop_ids] == alone.tokens
        assert (answer[-1] in tokenizer.stop_ids) == (alone.finish_reason == "stop")


def test_the_seed_decides_what_is_drawn(tokenizer: Tokenizer) -> None:
    assert write(tokenizer, PROMPTS, temperature=1.0) == write(tokenizer, PROMPTS, temperature=1.0)
    assert write(tokenizer, PROMPTS, temperature=1.0) != write(tokenizer, PROMPTS, temperature=1.0, seed=2)


def test_tokens_are_drawn_as_often_as_they_are_likely(tokenizer: Tokenizer) -> None:
    model = make_student(tokenizer)
    disturb(model)
    prompt, rows = [5, 9, 200], 4000
    answers = write_answers(
        model,
        [prompt] * rows,
        max_tokens=1,
        temperature=0.5,
        stop_ids=frozenset(),
        vocab_size=tokenizer.vocab_size,
        seed=3,
    )
    found = np.bincount([answer[0] for answer in answers], minlength=tokenizer.vocab_size) / rows
    with torch.no_grad():
        expected = (model(torch.tensor([prompt]))[0, -1] / 0.5).softmax(0).numpy()
    assert np.abs(found - expected).sum() / 2 < 2 * np.sqrt(expected * (1 - expected) / rows).sum() / 2


def test_a_stop_token_is_learnt_and_nothing_after_it(tokenizer: Tokenizer) -> None:
    stops = tokenizer.stop_ids
    for answer in write(tokenizer, [[number] for number in range(40)], temperature=3.0):
        assert 1 <= len(answer) <= 20
        assert not stops & set(answer[:-1])
        assert len(answer) == 20 or answer[-1] in stops


@pytest.fixture
def own(tokenizer: Tokenizer, examples: Examples) -> OwnAnswers:
    settings = OwnSamples(share=0.3, max_tokens=9)
    turns = [{"role": "user", "content": "what else"}, {"role": "assistant", "content": "one number"}]
    longer = [(doc_id, [*messages, *turns]) for doc_id, messages in examples]
    tuning = make_tuning(tokenizer, longer)
    return OwnAnswers(settings, tuning, make_student(tokenizer), tokenizer.stop_ids, tokenizer.vocab_size)


def test_its_share_of_the_steps_is_about_what_was_asked_for(own: OwnAnswers) -> None:
    steps = [own.is_own(step) for step in range(2000)]
    assert steps == [own.is_own(step) for step in range(2000)]
    assert 0.26 < np.mean(steps) < 0.34


def test_the_last_answer_is_written_anew_and_alone_is_learnt(own: OwnAnswers, tokenizer: Tokenizer) -> None:
    batches = own.micro_batches(4)
    plan, learnt, read = own.tuning.plan, 0, 0
    for row in plan.order.rows_for_step(4):
        text = tokenizer.decode(own._prompt(int(plan.start[row]), int(plan.length[row])))
        assert "what else" in text
        assert text.count("assistant") == 2
        assert "one number" not in text.partition("what else")[2]
    for batch in batches:
        learnt, read = learnt + batch.supervised, read + batch.tokens
    assert 4 <= learnt <= 4 * 9
    again = own.micro_batches(4)
    assert all(torch.equal(one.idx, other.idx) for one, other in zip(batches, again, strict=True))
    other_step = own.micro_batches(5)
    assert not all(
        one.idx.shape == other.idx.shape and torch.equal(one.idx, other.idx)
        for one, other in zip(batches, other_step, strict=True)
    )


def test_answers_end_where_the_row_does(tokenizer: Tokenizer, examples: Examples) -> None:
    settings = OwnSamples(share=1.0, max_tokens=10**6)
    own = OwnAnswers(
        settings, make_tuning(tokenizer, examples), make_student(tokenizer), frozenset(), tokenizer.vocab_size
    )
    longest = max(batch.idx.shape[1] for batch in own.micro_batches(0))
    assert longest <= 2 * SEQ_LEN  # two rows of a micro-batch, end to end
    with torch.no_grad():
        for batch in own.micro_batches(0):
            own.model.hidden(batch.idx, documents=batch.documents)
