from __future__ import annotations

import math

import torch

from ontogeny.model.config import ModelShape
from ontogeny.model.init import EMBEDDING_STD, HEAD_STD, INIT_STD, initialise
from ontogeny.model.transformer import Transformer
from tests.model.conftest import GEMMA3, GPT2, Make


def build(n_layers: int, seed: int) -> Transformer:
    model = Transformer(ModelShape(d_model=64, n_layers=n_layers, n_heads=4).resolve(512))
    initialise(model, seed)
    return model


def test_a_seed_gives_the_same_weights_and_another_others() -> None:
    once, again, other = build(2, 5), build(2, 5), build(2, 6)
    for name, weights in once.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])
    assert not torch.equal(once.embed_tokens.weight, other.embed_tokens.weight)


def test_another_layer_does_not_move_the_numbers_of_those_before() -> None:
    two, three = build(2, 5).state_dict(), build(3, 5).state_dict()
    assert torch.equal(two["layers.1.mlp.up_proj.weight"], three["layers.1.mlp.up_proj.weight"])


def test_scales() -> None:
    model = Transformer(ModelShape(d_model=64, n_layers=8, n_heads=4, tie_embeddings=False).resolve(512))
    initialise(model, 5)
    for name, weights in model.state_dict().items():
        if weights.ndim == 1:
            assert torch.equal(weights, torch.ones_like(weights)), name
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            assert not weights.any(), name
        else:
            expected = {"lm_head.weight": HEAD_STD, "embed_tokens.weight": EMBEDDING_STD}.get(name, INIT_STD)
            assert math.isclose(float(weights.std()), expected, rel_tol=0.1), name


def test_gains_begin_at_one_also_where_one_is_added(make: Make) -> None:
    model = make(**GEMMA3)
    initialise(model, 5)
    for name, weights in model.state_dict().items():
        assert weights.any() == (weights.ndim > 1), name  # also of what writes to the stream, behind its norm


def test_biases_and_learned_positions(make: Make) -> None:
    model = make(**GPT2)
    initialise(model, 5)
    for name, weights in model.state_dict().items():
        if name.endswith("bias"):
            assert not weights.any(), name
    assert math.isclose(float(model.state_dict()["embed_positions.weight"].std()), INIT_STD, rel_tol=0.1)
