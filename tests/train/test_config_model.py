"""What a model cannot be trained with is said of its description alone."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.model.config import ModelConfig, ModelShape
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_model import check_model

SHAPE = ModelShape(d_model=32, n_layers=1, n_heads=4, n_kv_heads=2, d_ff=64, seq_len=16)


def model(**changes: Any) -> ModelConfig:
    return ModelConfig.model_validate(SHAPE.resolve(64).model_dump() | changes)


@pytest.mark.parametrize(
    ("settings", "where", "message"),
    [
        ({"seq_len": 17}, "train", r"`train.seq_len` \(17\) is longer than the model's context \(16\)"),
        (
            {"processes": 4, "tensor_parallel": 4},
            "train",
            r"`tensor_parallel` \(4\) does not divide the model's n_kv_heads \(2\)",
        ),
        (
            {"optimizer": {"type": "muon", "embedding_lr": 0.1}},
            "train.optimizer",
            "`embedding_lr` has no effect: the embedding of this model is its head as well",
        ),
    ],
)
def test_what_is_refused(settings: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_model(TrainConfig.model_validate({"steps": 100, **settings}), model())
    assert caught.value.where == where
    assert caught.value.hint


def test_a_phase_that_a_model_cannot_enter() -> None:
    learned = model(
        positions="learned", norm="layer", qk_norm=False, qkv_bias=True, o_bias=True, mlp_bias=True,
        gated_mlp=False, activation="gelu_tanh", n_kv_heads=4,
    )  # fmt: skip
    longer = TrainConfig.model_validate({"steps": 100, "phases": [{"until": 40}, {"seq_len": 32}]})
    with pytest.raises(
        UsageError, match="phase 2 changes the context or RoPE of a model with learned positions"
    ):
        check_model(longer, learned)


def test_what_fits_is_taken() -> None:
    settings = {"seq_len": 16, "processes": 2, "tensor_parallel": 2, "optimizer": {"type": "muon"}}
    check_model(TrainConfig.model_validate({"steps": 100, **settings}), model())
    untied = {"optimizer": {"type": "muon", "embedding_lr": 0.1}}
    check_model(TrainConfig.model_validate({"epochs": 1, **untied}), model(tie_embeddings=False))
