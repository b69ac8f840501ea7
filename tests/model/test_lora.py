"""Adapters: as a slow, obvious LoRA has them, on every path; frozen truly; merged without a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.core.errors import UsageError
from ontogeny.model import mlp
from ontogeny.model.amx import rounding
from ontogeny.model.config import ModelConfig, ModelShape
from ontogeny.model.config_lora import Lora, is_meant
from ontogeny.model.lora import AdaptedLinear, Dropout, adapters, attach, merge
from ontogeny.model.matrix import Matrix, times
from ontogeny.model.transformer import Transformer
from tests.model.conftest import FAMILIES as SWITCHES
from tests.random_weights import randomise

SHAPE = ModelShape(d_model=16, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=24, seq_len=32).resolve(40)
FAMILIES = {
    name: SHAPE.model_copy(update=SWITCHES[name])
    for name in ("qwen3", "llama", "llama, biases", "gemma3", "gpt2")
}
QWEN3, LLAMA = FAMILIES["qwen3"], FAMILIES["llama"]


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp, "PIECE_STATES", 64)


def made(config: ModelConfig, settings: Lora) -> Transformer:
    """A model with adapters that have learnt something."""
    model = Transformer(config).double()
    randomise(model, 1)
    attach(model, settings, seed=7)
    generator = torch.Generator().manual_seed(2)
    for layer in adapters(model).values():
        nn.init.normal_(layer.lora_B, std=0.3, generator=generator)
        if layer.lora_magnitude is not None:
            with torch.no_grad():
                layer.lora_magnitude.mul_(
                    1 + 0.1 * torch.rand(layer.lora_magnitude.shape, generator=generator)
                )
    return model


class SlowLora(nn.Module):
    """The formula as the papers write it, for autograd."""

    def __init__(self, layer: AdaptedLinear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        whole = layer.weight + layer.scale * layer.lora_B @ layer.lora_A
        if layer.lora_magnitude is not None:
            whole = layer.lora_magnitude[:, None] * whole / whole.detach().norm(dim=1, keepdim=True)
        return F.linear(x, whole, layer.bias)


def slow(model: Transformer) -> Transformer:
    """The same model, sharing all weights, with every adapter by the formula."""
    import copy

    twin = copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})
    for name, layer in adapters(twin).items():
        twin.set_submodule(name, SlowLora(layer))
    return twin


def tokens(rows: int = 3) -> Tensor:
    return torch.randint(40, (rows, 20), generator=torch.Generator().manual_seed(5))


def loss_of(model: Transformer, idx: Tensor) -> Tensor:
    return F.cross_entropy(model(idx[:, :-1]).flatten(0, 1), idx[:, 1:].flatten(), reduction="sum")


def gradients(model: Transformer, idx: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss_of(model, idx), trained(model))


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


VARIANTS = {
    "lora": Lora(rank=4),
    "rslora": Lora(rank=4, rank_stabilised=True),
    "dora": Lora(rank=4, dora=True),
    "some": Lora(rank=2, targets=("q_proj", "layers.1.mlp.*")),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_and_gradients_are_those_of_the_formula(family: str, variant: str) -> None:
    model = made(FAMILIES[family], VARIANTS[variant])
    idx = tokens()
    torch.testing.assert_close(model(idx), slow(model)(idx), rtol=0, atol=1e-10)
    found, expected = gradients(model, idx), gradients(slow(model), idx)
    assert len(found) == len(trained(model)) > 0
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_scales() -> None:
    assert Lora(rank=4, alpha=16).scale == 4
    assert Lora(rank=4, alpha=16, rank_stabilised=True).scale == 8


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_changes_at_the_beginning(family: str) -> None:
    model = Transformer(FAMILIES[family]).double()
    randomise(model, 1)
    before = model(tokens())
    attach(model, Lora(rank=4, dora=True), seed=7)
    torch.testing.assert_close(model(tokens()), before, rtol=0, atol=1e-12)


def test_what_a_begins_with_follows_from_seed_and_name() -> None:
    def drawn(seed: int, targets: tuple[str, ...]) -> Tensor:
        model = Transformer(QWEN3)
        return attach(model, Lora(rank=4, targets=targets), seed=seed)["layers.1.mlp.up_proj"].lora_A

    first = drawn(7, ("up_proj",))
    torch.testing.assert_close(first, drawn(7, ("layers.1.mlp.*", "q_proj")))
    assert not torch.equal(first, drawn(8, ("up_proj",)))
    assert float(first.detach().abs().max()) <= 16**-0.5  # PEFT's bounds


def test_the_base_is_frozen_truly() -> None:
    model = made(QWEN3, Lora(rank=4))
    loss_of(model, tokens()).backward()  # type: ignore[no-untyped-call]
    for name, weight in model.named_parameters():
        assert (weight.grad is None) == ("lora_" not in name), name


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_no_product_makes_a_gradient_of_a_frozen_weight(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(FAMILIES[family], Lora(rank=2))
    shapes = {tuple(layer.weight.shape) for layer in adapters(model).values()}
    products = list(_products(lambda: loss_of(model, tokens()).backward()))  # type: ignore[no-untyped-call]
    thick = [
        (left, right)
        for left, right in products
        if (left[0], right[-1]) in shapes and 2 not in (*left, *right)
    ]
    assert products
    assert thick == []


def _products(work: Callable[[], object]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Shapes of both sides of every matrix product in `work`."""
    from torch.utils._python_dispatch import TorchDispatchMode

    found = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
                left, right = args[-2:]
                found.append((tuple(left.shape), tuple(right.shape)))
            return func(*args, **(kwargs or {}))

    with Watch():  # type: ignore[no-untyped-call]
        work()
    yield from found


def test_micro_batches_add_up() -> None:
    model = made(QWEN3, Lora(rank=4))
    idx = tokens(4)
    whole = gradients(model, idx)
    halves = [gradients(model, part) for part in idx.chunk(2)]
    for both, one, other in zip(whole, *halves, strict=True):
        torch.testing.assert_close(one + other, both, rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_merged_is_what_was_adapted(family: str, variant: str) -> None:
    model = made(FAMILIES[family], VARIANTS[variant])
    before, names = model(tokens()), Transformer(FAMILIES[family]).state_dict().keys()
    merge(model)
    torch.testing.assert_close(model(tokens()), before, rtol=0, atol=1e-10)
    assert not adapters(model)
    assert model.state_dict().keys() == names
    assert len(trained(model)) == len(list(model.parameters()))


def test_no_wide_state_is_kept_for_adapters() -> None:
    def kept(model: Transformer) -> int:
        saved: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss_of(model, torch.zeros(8, 31, dtype=torch.long))
        return sum(size for place, size in saved.items() if place not in own)

    plain = Transformer(LLAMA).double()
    randomise(plain, 1)
    # beside what is kept for a model trained whole there are only the scaled B
    thin = sum(layer.lora_B.numel() * 8 for layer in adapters(made(LLAMA, Lora(rank=2))).values())
    assert kept(made(LLAMA, Lora(rank=2))) <= kept(plain) + thin


def test_dropout_follows_from_seed_and_step_and_is_for_training_only() -> None:
    model = made(QWEN3, Lora(rank=4, dropout=0.5))
    (dropout,) = {layer.dropout for layer in adapters(model).values()}
    assert dropout is not None
    with torch.no_grad():
        torch.testing.assert_close(model(tokens()), slow(model)(tokens()))

    def of_step(step: int) -> Tensor:
        dropout.restore({}, step)
        return loss_of(model, tokens()).detach()

    first, second = of_step(0), of_step(1)
    assert first != second
    assert of_step(0) == first
    of_step(0)
    dropout.after_step(None, None)
    assert dropout.state() == 1
    assert loss_of(model, tokens()) == second


def test_dropout_keeps_the_mean() -> None:
    dropout = Dropout(0.25, seed=1, device=torch.device("cpu"))
    dropped = dropout(torch.ones(100_000))
    assert float((dropped == 0).double().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)


def test_a_product_alone() -> None:
    x, weight = (
        torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True),
        torch.randn(4, 6, dtype=torch.float64),
    )
    a, b = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 6), (4, 2)))
    assert torch.autograd.gradcheck(lambda *parts: times(parts[0], Matrix(weight, *parts[1:])), (x, a, b))


def test_a_pattern_that_means_nothing() -> None:
    with pytest.raises(
        UsageError, match=r"`targets` has 'q_prj', which is no layer of this model\. Did"
    ) as caught:
        attach(Transformer(QWEN3), Lora(targets=("q_prj",)), seed=1)
    assert "q_proj" in str(caught.value)
    assert caught.value.hint is not None
    assert (
        "layers are named like layers.0.self_attn.q_proj and end in down_proj, gate_proj" in caught.value.hint
    )


def test_a_rank_beyond_a_matrix() -> None:
    with pytest.raises(
        UsageError, match=r"`rank` \(17\) is above the smaller side of .* \[16, 16\]"
    ) as caught:
        attach(Transformer(QWEN3), Lora(rank=17), seed=1)
    assert caught.value.hint == "lower it to at most 8"


def test_dropout_and_dora_are_refused_together() -> None:
    with pytest.raises(ValueError, match="`dropout` and `dora` do not go together"):
        Lora(dropout=0.1, dora=True)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("up_proj", True), ("mlp.*", True), ("layers.1?.mlp.up_proj", True), ("*", True), ("layers.12.*", True),
        ("proj", False), ("p_proj", False), ("layers.1.*", False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, meant: bool) -> None:
    assert is_meant(pattern, "layers.12.mlp.up_proj") is meant


def test_adapters_learn_where_products_are_rounded() -> None:
    model = made(QWEN3, Lora(rank=2)).float()
    idx = torch.randint(0, 40, (2, 9), generator=torch.Generator().manual_seed(5))
    gradients = []
    for rounded in (False, True):
        with rounding(rounded):
            model(idx).square().mean().backward()
        learnt = [weight.grad for weight in model.parameters() if weight.grad is not None]
        gradients.append(torch.cat([each.flatten() for each in learnt]))
        model.zero_grad()
    assert F.cosine_similarity(*gradients, dim=0) > 0.99
    assert not torch.equal(*gradients)


def test_rounding_does_not_eat_an_adapter() -> None:
    """What an adapter adds at first is less than half a place of a weight in bfloat16."""
    generator = torch.Generator().manual_seed(6)
    x, weight, a, b = (
        torch.randn(shape, generator=generator) for shape in ((9, 16), (24, 16), (2, 16), (24, 2))
    )
    weight = weight.bfloat16().float()
    plain, adapted = Matrix(weight), Matrix(weight, a, 1e-4 * b)
    together = (weight + adapted.b @ a).bfloat16().float() - weight
    assert F.cosine_similarity(together.flatten(), (adapted.b @ a).flatten(), dim=0) < 0.5
    d_out = torch.randn(9, 24, generator=generator)
    with rounding(True):
        added = adapted.product(x) - plain.product(x)
        added_back = adapted.product_back(d_out) - plain.product_back(d_out)
    expected = x @ (adapted.b @ a).T, d_out @ (adapted.b @ a)
    assert F.cosine_similarity(added.flatten(), expected[0].flatten(), dim=0) > 0.99
    assert F.cosine_similarity(added_back.flatten(), expected[1].flatten(), dim=0) > 0.99
