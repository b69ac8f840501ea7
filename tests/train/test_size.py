"""The dial: sane from one layer to 32, equal to what its rules say, and overridden by what is given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.model.flops import matmul_weights, parameter_count
from ontogeny.train.config import TrainBesideSize
from ontogeny.train.config_by_size import OVERRIDES
from ontogeny.train.config_optimizer import MuonConfig, ScheduleConfig
from ontogeny.train.config_watching import Keep
from ontogeny.train.size import Size, Sized, derive, shape_of
from ontogeny.train.size_rules import RULES

DEPTHS = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32]


def sized(
    depth: int, *, vocab_size: int = 32_768, beside: TrainBesideSize | None = None, **given: Any
) -> Sized:
    return derive(Size(depth=depth, **given), vocab_size=vocab_size, beside=beside)


def values(found: Sized) -> dict[str, Any]:
    return {value.name: value.value for value in found.values}


def muon(found: Sized) -> MuonConfig:
    assert isinstance(found.train.optimizer, MuonConfig)
    return found.train.optimizer


@pytest.mark.parametrize("vocab_size", [300, 4096, 50_257])
@pytest.mark.parametrize("depth", DEPTHS)
def test_what_holds_at_every_depth(depth: int, vocab_size: int) -> None:
    found = sized(depth, vocab_size=vocab_size)
    model, train = found.model.resolve(vocab_size), found.train
    assert model.n_heads * model.head_dim == model.d_model
    if depth >= 8:
        assert model.d_model % 256 == model.d_ff % 256 == 0
    assert 2.5 <= model.d_ff / model.d_model <= 3
    assert train.steps is not None
    tokens = train.steps * train.batch_rows * model.seq_len
    assert tokens == pytest.approx(10.5 * matmul_weights(model), rel=0.01)
    assert train.batch_rows & (train.batch_rows - 1) == 0
    assert train.batch_rows % train.rows_at_once == 0
    assert train.rows_at_once * model.seq_len <= 16_384
    rates = muon(found)
    assert 0.9 < rates.adam_betas[1] < 1
    assert 1 / (rates.lr * rates.weight_decay * train.steps) == pytest.approx(0.25, rel=0.02)
    assert [value.name for value in found.values] == list(RULES)
    assert not any(value.given for value in found.values)


def test_larger_models_read_more_in_larger_batches_at_lower_rates() -> None:
    found = [sized(depth) for depth in DEPTHS]
    for name, falling in (("tokens", False), ("batch_tokens", False), ("lr", True), ("embedding_lr", True)):
        row = [values(each)[name] for each in found]
        assert row == sorted(row, reverse=falling), name


def test_twelve_layers_are_of_the_size_of_gpt_2() -> None:
    """GPT-2's smallest: 12 layers, 768 wide, 1,024 tokens, 124M weights with a tied head (Radford et al. 2019)."""
    found = sized(12, vocab_size=50_257, tie_embeddings=True)
    assert (found.model.d_model, found.model.seq_len) == (768, 1024)
    assert parameter_count(found.model.resolve(50_257)) == pytest.approx(124e6, rel=0.02)


@pytest.mark.parametrize("depth", [12, 20, 26])
def test_beside_nanochat(depth: int) -> None:
    """Width, tokens, and the matrices' rate beside nanochat's 0.02 with the factor it has for a batch of ours.

    Its Muon moves a square matrix by its rate, ours by 0.2 · sqrt(width) of it.
    """
    found = sized(depth)
    assert found.model.d_model - 64 * depth in range(256)
    tokens, batch = values(found)["tokens"], values(found)["batch_tokens"]
    theirs = 0.02 * math.sqrt(batch / 2**19)
    ours = muon(found).lr * 0.2 * math.sqrt(found.model.d_model)
    assert 0.5 < ours / theirs < 2
    assert 2**14 <= batch <= 2**19 * (tokens / 1.2e9) ** 0.383


def test_weights_forget_sooner_in_a_longer_run() -> None:
    """1 / (lr · decay) steps are a quarter of the usual run, and half that share of one four times as long."""
    usual = values(sized(4))["tokens"]
    for times in (1, 4, 1 / 16):
        found = sized(4, tokens=round(times * usual))
        assert found.train.steps is not None
        share = 1 / (muon(found).lr * muon(found).weight_decay * found.train.steps)
        assert share == pytest.approx(0.25 / times**0.5, rel=0.02)
        assert muon(found).cautious
    assert not muon(sized(4, weight_decay=0.0)).cautious


def test_beta2_forgets_after_as_many_tokens_at_any_batch() -> None:
    for rows in (1, 8, 64):
        batch = rows * 256
        beta2 = muon(sized(4, seq_len=256, batch_tokens=batch)).adam_betas[1]
        assert math.log(0.5) / math.log(beta2) * batch == pytest.approx(7.085e6, rel=0.02)


GIVEN: dict[str, Any] = {
    "d_model": 320,
    "head_dim": 32,
    "n_kv_heads": 5,
    "d_ff": 512,
    "seq_len": 100,
    "tie_embeddings": False,
    "tokens": 50_000,
    "batch_tokens": 730,
    "lr": 0.02,
    "adam_lr": 0.03,
    "embedding_lr": 0.04,
    "beta2": 0.9,
    "weight_decay": 0.0,
}


def test_everything_that_can_be_given_can() -> None:
    assert GIVEN.keys() == Size.model_fields.keys() - {"depth"}
    found = sized(3, **GIVEN)
    told = {value.name: value for value in found.values}
    for name, value in GIVEN.items():
        assert (told[name].value, told[name].given) == (value, True), name
        assert told[name].line.endswith("(given)")
    assert found.model.model_dump(include={*GIVEN}) == {
        name: value for name, value in GIVEN.items() if name in type(found.model).model_fields
    }
    assert (found.train.batch_rows, found.train.steps) == (7, round(50_000 / 700))
    assert muon(found).model_dump(
        include={"lr", "adam_lr", "embedding_lr", "adam_betas", "weight_decay"}
    ) == {
        "lr": 0.02,
        "adam_lr": 0.03,
        "embedding_lr": 0.04,
        "adam_betas": (0.9, 0.9),
        "weight_decay": 0.0,
    }


def test_a_given_batch_moves_the_rates_by_its_root() -> None:
    usual = sized(6)
    larger = sized(6, batch_tokens=4 * values(usual)["batch_tokens"])
    assert muon(larger).lr == pytest.approx(2 * muon(usual).lr, rel=0.01)
    assert muon(larger).adam_lr == pytest.approx(2 * muon(usual).adam_lr, rel=0.01)


def test_what_train_says_beside_it_stays() -> None:
    schedule = ScheduleConfig(warmup_steps=5, decay_fraction=1, shape="cosine")
    beside = TrainBesideSize(schedule=schedule, micro_batch_rows=2, z_loss=1e-5, log_every=3)
    found = sized(2, beside=beside)
    assert found.train.schedule == schedule
    said = found.train.model_dump(include={*TrainBesideSize.model_fields})
    assert said == beside.model_dump()
    assert not {"warmup_steps", "decay_fraction", "micro_batch_rows"} & values(found).keys()


def test_a_line_tells_value_rule_and_source() -> None:
    lines = {value.name: value.line for value in sized(12).values}
    assert lines["d_model"] == (
        "d_model: 768 (64 a layer, from 8 layers on in multiples of 256 for K-quants; nanochat, scripts/base_train.py)"
    )
    assert lines["tie_embeddings"].startswith("tie_embeddings: no (")
    assert lines["lr"].startswith("lr: 0.00")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"d_model": 100}, r"`size.d_model` \(100\) is no multiple of `head_dim` \(64\)"),
        ({"batch_tokens": 100}, r"`size.batch_tokens` \(100\) is less than one row of 256 tokens"),
        ({"tokens": 100}, r"`size.tokens` \(100\) is less than one batch of 256 tokens"),
        (
            {"n_kv_heads": 3},
            r"what `size` comes to does not fit: n_kv_heads \(3\) does not divide n_heads \(4\)",
        ),
    ],
)
def test_what_does_not_fit(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sized(4, **given)


def test_what_train_says_must_fit_the_steps() -> None:
    beside = TrainBesideSize(schedule=ScheduleConfig(warmup_steps=50))
    with pytest.raises(
        UsageError, match=r"what `size` comes to does not fit: the 50 of `schedule\.warmup_steps`"
    ) as caught:
        sized(2, beside=beside, tokens=100_000)
    assert caught.value.hint == OVERRIDES
    with pytest.raises(UsageError, match=r"`micro_batch_rows` \(3\) must divide `batch_rows`"):
        sized(2, beside=TrainBesideSize(micro_batch_rows=3))
    with pytest.raises(UsageError, match=r"`keep.every` \(900\) has no effect in \d+ steps"):
        sized(2, beside=TrainBesideSize(keep=Keep(every=900)), tokens=100_000)


def test_the_shape_needs_no_vocabulary() -> None:
    assert shape_of(Size(depth=4, n_kv_heads=2)) == sized(4, n_kv_heads=2).model
    with pytest.raises(UsageError, match="what `size` comes to does not fit: n_kv_heads") as caught:
        shape_of(Size(depth=4, n_kv_heads=3))
    assert caught.value.hint == "there are as many heads as `size.head_dim` (64) goes into the width (256)"


def test_the_page_lists_every_rule() -> None:
    page = (Path(__file__).parents[2] / "docs" / "stages" / "pretraining.md").read_text()
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule.words} | {rule.source} |" in page, name
