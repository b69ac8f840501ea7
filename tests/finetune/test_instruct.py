"""Tuning: what is planned, what is refused, and that a stopped run ends with the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.conversations import encode_conversations
from ontogeny.finetune.instruct import Tuning, plan_tuning, tune
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train import objective, training
from ontogeny.train.config import TrainConfig
from tests.random_weights import randomise

Examples = list[tuple[str, list[dict[str, str]]]]
SEQ_LEN = 100
SETTINGS = {
    "epochs": 3,
    "batch_rows": 4,
    "micro_batch_rows": 2,
    "optimizer": {"lr": 0.02},
    "schedule": {"warmup_steps": 2},
    "eval_every": 5,
    "checkpoint_seconds": 0,
}


def make_model(tokenizer: Tokenizer) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    return model


def make_tuning(tokenizer: Tokenizer, examples: Examples, *, seq_len: int = SEQ_LEN, **change: Any) -> Tuning:
    answers, held_out = (
        encode_conversations(part, tokenizer, seq_len=seq_len) for part in (examples[:22], examples[22:])
    )
    config = TrainConfig.model_validate({**SETTINGS, **change})
    return plan_tuning(answers, held_out, config=config, seq_len=seq_len, seed=1)


def test_the_plan_covers_the_epochs(tokenizer: Tokenizer, examples: Examples) -> None:
    tuning = make_tuning(tokenizer, examples)
    assert tuning.plan.rows == 22
    assert tuning.plan.order.steps == 17  # three epochs of 22 rows, four a step, rounded up


def test_held_out_loss_is_that_of_every_answer(tokenizer: Tokenizer, examples: Examples) -> None:
    tuning, model = make_tuning(tokenizer, examples), make_model(tokenizer)
    total, count = 0.0, 0
    for number in range(len(tuning.held_out)):
        span = (0, int(tuning.held_out.spans.start[number]), int(tuning.held_out.spans.length[number]))
        ids = torch.tensor(tuning.held_out.read(*span).tolist())
        learnt = torch.from_numpy(tuning.held_out.read_mask(*span))[1:]
        losses = torch.nn.functional.cross_entropy(model(ids[None, :-1])[0], ids[1:], reduction="none")
        total += float(losses.detach()[learnt].sum())
        count += int(learnt.sum())
    assert tuning.held_out_loss(model) == pytest.approx(total / count, rel=1e-5)


def test_it_learns_to_answer(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> None:
    tuning, model = make_tuning(tokenizer, examples), make_model(tokenizer)
    before = tuning.held_out_loss(model)
    trained = tune(model, tuning, folder=tmp_path, progress=QuietProgress())
    assert tuning.held_out_loss(model) < 0.6 * before
    assert trained.figures["supervised_tokens_per_second"] < trained.figures["tokens_per_second"]


def test_stopped_and_resumed(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    def weights(model: Transformer) -> list[Tensor]:
        return [parameter.detach() for parameter in model.parameters()]

    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    tuning, whole = make_tuning(tokenizer, examples), make_model(tokenizer)
    tune(whole, tuning, folder=tmp_path / "whole", progress=QuietProgress())
    for calls in (5, 13, 21):
        left = iter(range(calls))

        def stop(*arguments: Any, left: Any = left, plain: Any = objective.linear_cross_entropy) -> Tensor:
            if next(left, None) is None:
                raise StoppedError
            result: Tensor = plain(*arguments)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(objective, "linear_cross_entropy", stop)
            with pytest.raises(StoppedError):
                tune(make_model(tokenizer), tuning, folder=tmp_path / "broken", progress=QuietProgress())
    resumed = make_model(tokenizer)
    tune(resumed, tuning, folder=tmp_path / "broken", progress=QuietProgress())
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_no_answer_in_reach(tokenizer: Tokenizer, examples: Examples) -> None:
    with pytest.raises(
        DataError, match=r"no example has an answer within `seq_len` \(4 tokens\): 22 were left out"
    ):
        make_tuning(tokenizer, examples, seq_len=4)


def test_nothing_held_out(tokenizer: Tokenizer, examples: Examples) -> None:
    with pytest.raises(DataError, match="no example is held out, so nothing could be measured") as caught:
        make_tuning(tokenizer, examples[:22])
    assert caught.value.hint is not None
    assert "raise `held_out_fraction`" in caught.value.hint


def test_too_few_steps_for_the_schedule(tokenizer: Tokenizer, examples: Examples) -> None:
    with pytest.raises(UsageError, match="do not fit into 17 steps"):
        make_tuning(tokenizer, examples, schedule={"warmup_steps": 17})
