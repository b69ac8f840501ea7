"""What training does to a model before it trains, in one process: recomputing, compiling, refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_ranks import check_parts
from ontogeny.train.objective import next_token
from ontogeny.train.parallel import made_ready
from ontogeny.train.ranks import ALONE, current_ranks, whole_model_device
from ontogeny.train.sharded import hand_back, on_whole_matrices, total_norm, whole_copy

MakeModel = Callable[..., Transformer]


def gradients(model: Transformer) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, model.config.vocab_size, (3, 13), generator=generator)
    next_token(model, Batch(tokens[:, :-1], tokens[:, 1:].flatten(), None, 36)).backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    for weight in model.parameters():
        weight.grad = None
    return found


def test_recomputed_activations_give_the_same_bits(make_model: MakeModel) -> None:
    model = make_model()
    expected = gradients(model)
    config = TrainConfig(steps=1, schedule={"warmup_steps": 0}, recompute=True)
    trained = made_ready(model, config, ALONE, device="cpu", dtype=torch.float32)
    assert trained is not model
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        found = gradients(trained)
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert trained.embed_tokens.weight is model.embed_tokens.weight
    with_everything: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: with_everything.append(x.numel()) or x, lambda x: x
    ):
        gradients(model)
    assert sum(kept) < sum(with_everything)


@pytest.mark.filterwarnings("ignore")  # of the compiler's own looking around
def test_layers_compile_as_one_graph_on_the_path_of_a_gpu() -> None:
    """The meta device takes the same path as CUDA: nothing in a layer may break the graph."""
    shape = ModelShape(d_model=32, n_layers=1, n_heads=4, n_kv_heads=2, d_ff=64, seq_len=16)
    with torch.device("meta"):
        model = Transformer(shape.resolve(64)).to(torch.bfloat16)
        model.make_tables("meta")
    block = model.layers[0]
    block.forward = torch.compile(block.forward, fullgraph=True, backend="eager")
    hidden = model.hidden(torch.zeros(2, 16, dtype=torch.long, device="meta"))
    assert (hidden.shape, hidden.dtype) == ((2, 16, 32), torch.bfloat16)


def test_what_is_compiled() -> None:
    choices = {
        choice: TrainConfig.model_validate({"steps": 100, "compile": choice})
        for choice in ("auto", True, False)
    }
    assert [choices[choice].compiles_on("cpu") for choice in choices] == [False, True, False]
    assert [choices[choice].compiles_on("cuda") for choice in choices] == [True, True, False]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"processes": 4, "tensor_parallel": 3}, r"`tensor_parallel` \(3\) must divide `processes` \(4\)"),
        ({"processes": 4, "batch_rows": 3}, r"`batch_rows` \(3\) is fewer than the 4 processes"),
        ({"tensor_parallel": 2}, r"`tensor_parallel` \(2\) must divide `processes` \(1\)"),
    ],
)
def test_processes_without_work_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate({"steps": 100, **settings})


def test_processes_that_nobody_started() -> None:
    with pytest.raises(UsageError, match="`processes` is 2, and 1 is running") as caught:
        current_ranks(processes=2, tensor_parallel=1, device="cpu")
    assert "torchrun with 2 processes" in str(caught.value.hint)


@pytest.mark.parametrize(("parts", "name"), [(2, "n_kv_heads (1)"), (3, "n_heads (2)")])
def test_heads_that_cannot_be_shared_out(make_model: MakeModel, parts: int, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_parts(make_model().config, parts)
    assert f"`tensor_parallel` ({parts}) does not divide the model's {name}" in str(caught.value)
    assert "choose a number that divides" in str(caught.value.hint)


def test_what_one_device_cannot_hold_stays_in_the_memory_of_the_machine(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    expected = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    move = Transformer.to

    def move_if_there_is_room(moved: Transformer, device: str) -> Transformer:
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return move(moved, device)

    monkeypatch.setattr(Transformer, "to", move_if_there_is_room)
    hand_back(model, model, ALONE, "cuda")
    assert model.device.type == "cpu"
    assert all(torch.equal(weight, expected[name]) for name, weight in model.named_parameters())


def test_processes_begin_with_one_whole_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert whole_model_device("cuda", processes=1) == "cuda"
    assert whole_model_device("cuda", processes=2) == "cuda"  # nobody started them: `current_ranks` says so
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    places = []
    for rank in range(3):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        places.append(whole_model_device("cuda", processes=3))
    assert places == ["cpu", "meta", "meta"]


def test_the_norm_of_a_large_table_is_exact() -> None:
    table = torch.randn(1 << 17, 128, generator=torch.Generator().manual_seed(1))
    gains = torch.randn(128, generator=torch.Generator().manual_seed(2))
    exact = torch.cat([table.flatten(), gains]).double().norm()
    assert float(total_norm([table, gains]) / exact) == pytest.approx(1, abs=1e-6)


def test_a_whole_model_is_left_alone(make_model: MakeModel) -> None:
    model = make_model()
    assert whole_copy(model) is model
    matrices = [torch.eye(3), torch.ones(3, 3)]
    doubled = on_whole_matrices(matrices, matrices, lambda whole: 2 * whole)
    assert all(torch.equal(result, 2 * matrix) for result, matrix in zip(doubled, matrices, strict=True))
    assert float(total_norm(matrices)) == pytest.approx(12**0.5)
