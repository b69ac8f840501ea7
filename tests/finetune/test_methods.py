"""What is trained: settings, what is frozen, what is told of it, and that a stopped run ends with the same adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import safe_open
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.instruct import Tuning, tune
from ontogeny.finetune.methods import LastBlocks, Method, check_method, choose_trained, describe
from ontogeny.model.config_lora import Lora
from ontogeny.model.heads import add_head
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train import objective, training
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.optim import Optimizer, trained_weights
from ontogeny.train.rates import training_flops_per_token
from tests.finetune.stop_after import StoppedError, stop_after
from tests.finetune.test_instruct import Examples, make_model, make_tuning
from tests.random_weights import randomise
from tests.train.conftest import make_tiny_model

METHODS: dict[str, Any] = {
    "last-blocks": LastBlocks(type="last-blocks", blocks=1),
    "lora": Lora(rank=4),
    "dora": Lora(rank=4, dora=True),
    "dropout": Lora(rank=4, dropout=0.2, b_rate=4.0),
}


def read(value: object) -> Any:
    return TypeAdapter(Method).validate_python(value)


def test_as_a_recipe_writes_them() -> None:
    assert read("full") == "full"
    assert read({"type": "last-blocks", "blocks": 2}) == LastBlocks(type="last-blocks", blocks=2)
    assert read({"type": "lora", "rank": 16, "targets": ["q_proj"]}) == Lora(rank=16, targets=("q_proj",))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("fill", "does not match any of the expected tags"),
        ({"type": "lora", "rnk": 8}, "Extra inputs are not permitted"),
        ({"type": "lora", "targets": []}, "at least 1 item"),
        ({"type": "lora", "dropout": 1.0}, "less than 1"),
        ({"type": "last-blocks"}, "Field required"),
        ({"type": "lora", "base": "int4"}, "should be 'float32', 'int8' or 'nf4'"),
        ({"type": "full", "base": "nf4"}, "`base` is for `type: lora` alone: `type: full` trains weights"),
        ({"type": "last-blocks", "blocks": 1, "base": "int8"}, "`base` is for `type: lora` alone"),
    ],
)
def test_what_cannot_be_meant(value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(value)


@pytest.mark.parametrize(
    ("method", "train", "message"),
    [
        (Lora(), {"processes": 2}, "`method: lora` trains in one process"),
        (Lora(), {"optimizer": {"type": "muon"}}, "`train.optimizer: {type: muon}` is for whole matrices"),
        (Lora(dropout=0.1), {"recompute": True}, "`train.recompute` would draw the dropout of `method` anew"),
    ],
)
def test_what_does_not_go_together(method: Any, train: dict[str, Any], message: str) -> None:
    config = TrainConfig.model_validate({"steps": 100, **train})
    with pytest.raises(ValueError, match=message):
        check_method(method, config)
    check_method("full", config)


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(UsageError, match=r"`method.blocks` \(3\) is more than the 2 of the model") as caught:
        choose_trained(make_tiny_model(), LastBlocks(type="last-blocks", blocks=3), seed=1)
    assert caught.value.hint == "lower it to at most 2, or leave `method` out to train all weights"


def test_gpt2_has_no_adapters() -> None:
    shape = make_tiny_model().config
    gpt2 = shape.model_copy(
        update={
            "qk_norm": False, "qkv_bias": True, "o_bias": True, "mlp_bias": True, "gated_mlp": False, "norm": "layer",
            "activation": "gelu_tanh", "positions": "learned", "n_kv_heads": shape.n_heads,
        }
    )  # fmt: skip
    with pytest.raises(UsageError, match="GPT-2 stores queries, keys and values as one matrix"):
        choose_trained(Transformer(gpt2), Lora(), seed=1)


def test_the_last_blocks_alone_have_gradients() -> None:
    model = make_tiny_model(tie_embeddings=False)
    choose_trained(model, LastBlocks(type="last-blocks", blocks=1), seed=1)
    model(torch.zeros(1, 5, dtype=torch.long)).sum().backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None) == name.startswith(("layers.1.", "norm.")), name


def test_frozen_weights_have_no_state() -> None:
    model = make_tiny_model()
    choose_trained(model, Lora(rank=2), seed=1)
    optimizer = Optimizer(model, AdamWConfig())
    names = {name.rpartition("/")[0] for name in optimizer.state()}
    assert names == trained_weights(model).keys()
    assert all(".lora_" in name for name in names)


def test_b_moves_with_a_rate_of_its_own() -> None:
    moved: dict[float, dict[str, Tensor]] = {}
    for b_rate in (1.0, 16.0):
        model = make_tiny_model()
        choose_trained(model, Lora(rank=2, b_rate=b_rate), seed=1)
        before = {name: weight.detach().clone() for name, weight in trained_weights(model).items()}
        optimizer = Optimizer(model, AdamWConfig(lr=1e-3, weight_decay=0.0))
        optimizer.set_lr(0.5)
        for weight in optimizer.parameters:
            weight.grad = torch.ones_like(weight)
        optimizer.step()
        moved[b_rate] = {name: before[name] - weight for name, weight in trained_weights(model).items()}
    for name, by in moved[16.0].items():
        times = 16 if name.endswith("lora_B") else 1
        torch.testing.assert_close(by, times * moved[1.0][name], rtol=1e-4, atol=1e-9)
        torch.testing.assert_close(by, torch.full_like(by, times * 0.5e-3), rtol=1e-3, atol=1e-9)


def test_what_is_told() -> None:
    model = make_tiny_model()
    choose_trained(model, Lora(rank=2, dora=True, rank_stabilised=True), seed=1)
    weights = sum(weight.numel() for weight in model.parameters())
    trained = sum(weight.numel() for weight in trained_weights(model).values())
    config = TrainConfig(steps=100, batch_rows=4)
    method, share, memory = describe(model, Lora(rank=2, dora=True, rank_stabilised=True), config, seq_len=12)
    assert method == "method      rank-stabilised DoRA of rank 2 on 14 frozen matrices"
    assert share == f"trained     {trained:,} of {weights:,} weights ({100 * trained / weights:.2f}%)"
    assert memory.startswith("memory ")
    assert memory.endswith(" at most, with 4 rows of 12 tokens")


def test_operations_that_frozen_weights_save() -> None:
    def of(method: Any) -> int:
        model = make_tiny_model()
        if method is not None:
            choose_trained(model, method, seed=1)
        return training_flops_per_token(model, 12)

    adapters, whole = of(Lora(rank=1)), of(None)
    assert 0.6 * whole < adapters < 0.8 * whole
    assert of(LastBlocks(type="last-blocks", blocks=1)) < adapters
    config = make_tiny_model().config
    both = of(LastBlocks(type="last-blocks", blocks=2))
    assert whole - both == 2 * config.vocab_size * config.d_model  # the head has no gradient


def test_no_operation_is_counted_for_words_where_labels_are_told() -> None:
    model = make_tiny_model()
    words = training_flops_per_token(model, 12)
    add_head(model, classes=2, kind="single")
    config = model.config
    assert words - training_flops_per_token(model, 12) == 6 * config.vocab_size * config.d_model


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_and_leaves_the_rest_alone(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, name: str
) -> None:
    model, tuning = ready(tokenizer, examples, METHODS[name])
    frozen = {key: weight.clone() for key, weight in model.named_parameters() if not weight.requires_grad}
    before = tuning.held_out_loss(model)
    trained = tune(model, tuning, folder=tmp_path, progress=QuietProgress())
    assert tuning.held_out_loss(model) < 0.9 * before
    weights = dict(model.named_parameters())
    assert all(torch.equal(weights[key], weight) for key, weight in frozen.items())
    count = sum(weight.numel() for weight in trained_weights(model).values())
    assert trained.figures["trainable_parameters"] == count


def ready(tokenizer: Tokenizer, examples: Examples, method: Any, **change: Any) -> tuple[Transformer, Tuning]:
    model = make_model(tokenizer)
    randomise(model, 1, std=0.2)
    choose_trained(model, method, seed=3)
    return model, make_tuning(tokenizer, examples, **change)


@pytest.mark.parametrize("name", METHODS)
def test_stopped_and_resumed(
    tmp_path: Path, tokenizer: Tokenizer, examples: Examples, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, tuning = ready(tokenizer, examples, METHODS[name])
    tune(whole, tuning, folder=tmp_path / "whole", progress=QuietProgress())
    for calls in (9, 13):
        with monkeypatch.context() as patch:
            patch.setattr(
                objective, "linear_cross_entropy", stop_after(calls, objective.linear_cross_entropy)
            )
            again, _ = ready(tokenizer, examples, METHODS[name])
            with pytest.raises(StoppedError):
                tune(again, tuning, folder=tmp_path / "broken", progress=QuietProgress())
    (saved,) = (tmp_path / "broken" / "checkpoints").glob("0*/rank-0000.safetensors")
    with safe_open(str(saved), framework="pt") as file:
        kept = {key.removeprefix("model/") for key in file.keys() if key.startswith("model/")}  # noqa: SIM118
    assert kept == trained_weights(whole).keys()
    resumed, _ = ready(tokenizer, examples, METHODS[name])
    tune(resumed, tuning, folder=tmp_path / "broken", progress=QuietProgress())
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_averaged_adapters(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> None:
    model, tuning = ready(tokenizer, examples, METHODS["lora"], average={"fraction": 0.3})
    trained = tune(model, tuning, folder=tmp_path, progress=QuietProgress())
    assert trained.figures["averaged_steps"] > 1
    assert tuning.some_held_out("cpu") is not None
    assert trained.figures["held_out_loss_averaged_weights"] != trained.figures["held_out_loss_last_weights"]
