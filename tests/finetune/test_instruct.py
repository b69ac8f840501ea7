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
from tests.finetune.stop_after import StoppedError, stop_after
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


@pytest.fixture(autouse=True)
def _rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine can compute is not measured here."""
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)


def make_model(tokenizer: Tokenizer) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    return model


def make_tuning(tokenizer: Tokenizer, examples: Examples, *, seq_len: int = SEQ_LEN, **change: Any) -> Tuning:
    answers, held_out = (
        encode_conversations(part, tokenizer, seq_len=seq_len) for part in (examples[:22], examples[22:])
    )
    computed = {name: change.pop(name) for name in ("packing", "neftune_alpha") if name in change}
    config = TrainConfig.model_validate({**SETTINGS, **change})
    return plan_tuning(answers, held_out, config=config, seq_len=seq_len, seed=1, **computed)


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


def tuned_in_float64(folder: Path, tokenizer: Tokenizer, examples: Examples, **change: Any) -> list[Tensor]:
    """The weights after some steps."""
    folder.mkdir(parents=True)
    model = make_model(tokenizer).double()
    tuning = make_tuning(tokenizer, examples, steps=4, epochs=None, **change)
    tune(model, tuning, folder=folder, progress=QuietProgress())
    return [parameter.detach() for parameter in model.parameters()]


@pytest.mark.parametrize("neftune_alpha", [None, 5.0])
def test_how_rows_are_computed_changes_nothing_but_rounding(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, neftune_alpha: float | None
) -> None:
    found = {
        (packing, rows): tuned_in_float64(
            tmp_path / f"{packing}{rows}",
            tokenizer,
            examples,
            packing=packing,
            micro_batch_rows=rows,
            neftune_alpha=neftune_alpha,
        )
        for packing in (True, False)
        for rows in (1, 2, 4)
    }
    expected = found[False, 1]
    for weights in found.values():
        for one, other in zip(weights, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_noise_is_on_what_is_trained_and_not_on_what_is_measured(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples
) -> None:
    model = make_model(tokenizer)
    plain, noisy = make_tuning(tokenizer, examples), make_tuning(tokenizer, examples, neftune_alpha=5.0)
    assert noisy.held_out_loss(model) == plain.held_out_loss(model)
    assert all(batch.noise is None for batch in noisy.some_held_out("cpu").every_row())
    assert all(batch.noise is not None for batch in noisy.batches(model).micro_batches(3))
    calm, moved = (
        tuned_in_float64(tmp_path / str(alpha), tokenizer, examples, neftune_alpha=alpha)
        for alpha in (None, 5.0)
    )
    assert not all(torch.equal(one, other) for one, other in zip(calm, moved, strict=True))


def test_logits_are_computed_where_a_label_stands_and_nowhere_else(
    tokenizer: Tokenizer, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []

    def count(hidden: Tensor, *arguments: Any, plain: Any = objective.linear_cross_entropy) -> Tensor:
        rows.append(len(hidden))
        result: Tensor = plain(hidden, *arguments)
        return result

    monkeypatch.setattr(objective, "linear_cross_entropy", count)
    model, tuning = make_model(tokenizer), make_tuning(tokenizer, examples)
    batches = tuning.batches(model).micro_batches(0)
    for batch in batches:
        objective.next_token(model, batch)
    first_rows = tuning.plan.order.rows_for_step(0)
    spans = tuning.conversations.spans.take(first_rows)
    learnt = [
        int(tuning.conversations.read_mask(0, int(start), int(length))[1:].sum())
        for start, length in zip(spans.start, spans.length, strict=True)
    ]
    assert sum(rows) == sum(learnt) < sum(batch.tokens for batch in batches)


@pytest.mark.parametrize("computed", [{}, {"packing": False}, {"neftune_alpha": 5.0}])
def test_stopped_and_resumed(
    tmp_path: Path,
    tokenizer: Tokenizer,
    examples: Examples,
    monkeypatch: pytest.MonkeyPatch,
    computed: dict[str, Any],
) -> None:
    def weights(model: Transformer) -> list[Tensor]:
        return [parameter.detach() for parameter in model.parameters()]

    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    tuning, whole = make_tuning(tokenizer, examples, **computed), make_model(tokenizer)
    tune(whole, tuning, folder=tmp_path / "whole", progress=QuietProgress())
    for calls in (5, 13, 21):
        with monkeypatch.context() as patch:
            patch.setattr(
                objective, "linear_cross_entropy", stop_after(calls, objective.linear_cross_entropy)
            )
            with pytest.raises(StoppedError):
                tune(make_model(tokenizer), tuning, folder=tmp_path / "broken", progress=QuietProgress())
    resumed = make_model(tokenizer)
    tune(resumed, tuning, folder=tmp_path / "broken", progress=QuietProgress())
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_no_answer_in_reach(tokenizer: Tokenizer, examples: Examples) -> None:
    with pytest.raises(
        DataError,
        match=r"no example has an answer within `seq_len` \(4 tokens\): of 22 to learn from, 0 have no answer, 22 are "
        "too long",
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
