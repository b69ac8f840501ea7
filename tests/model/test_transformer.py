from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ontogeny.core.errors import UsageError
from ontogeny.model import attention
from ontogeny.model.loss import linear_cross_entropy
from tests.model.conftest import Make

FAMILIES = [
    {},
    {"qk_norm": False},
    {"qk_norm": False, "qkv_bias": True},
    {"n_kv_heads": 4},
    {"n_kv_heads": 1},
]


@pytest.mark.parametrize("switches", FAMILIES)
@pytest.mark.parametrize("parts", [[40], [1] * 40, [7, 1, 20, 12]])
def test_with_a_cache_logits_are_those_without(
    make: Make, idx: torch.Tensor, switches: dict[str, int], parts: list[int]
) -> None:
    model = make(**switches)
    cache = model.new_cache(batch=3)
    with torch.no_grad():
        pieces = [model(part, cache=cache) for part in idx.split(parts, dim=1)]
        torch.testing.assert_close(torch.cat(pieces, dim=1), model(idx), rtol=1e-4, atol=1e-4)
    assert cache.length == 40


def test_a_cache_can_be_rewound_and_repeated(make: Make, idx: torch.Tensor) -> None:
    model = make()
    with torch.no_grad():
        cache = model.new_cache()
        model(idx[:1], cache=cache)
        cache.rewind(10)
        rows = cache.repeated(2)
        continuation = idx[1:, 10:20]
        ours = model(continuation, cache=rows)
        whole = torch.cat([idx[:1, :10].expand(2, -1), continuation], dim=1)
        torch.testing.assert_close(ours, model(whole)[:, 10:], rtol=1e-4, atol=1e-4)


def test_no_token_sees_what_follows(make: Make, idx: torch.Tensor) -> None:
    model = make()
    changed = idx.clone()
    changed[:, 20:] = 0
    with torch.no_grad():
        torch.testing.assert_close(model(changed)[:, :20], model(idx)[:, :20])


def test_fast_and_plain_paths_have_equal_gradients(
    make: Make, idx: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make().double()
    gradients = []
    for fast in (True, False):
        if not fast:
            monkeypatch.setattr(attention, "has_cpu_gradient", lambda x: False)
        hidden = model.hidden(idx[:, :-1]).flatten(0, 1)
        targets = idx[:, 1:].flatten()
        if fast:
            loss = linear_cross_entropy(hidden, model.head_weight, targets)
        else:
            loss = F.cross_entropy(model.head(hidden), targets, reduction="sum")
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_a_head_of_its_own(make: Make, idx: torch.Tensor) -> None:
    model = make(tie_embeddings=False)
    assert model.head_weight is not model.embed_tokens.weight
    assert model(idx).shape == (3, 40, 300)


def test_more_tokens_than_the_context_are_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="65 tokens do not fit into a context of 64"):
        make()(torch.zeros(1, 65, dtype=torch.int64))


def test_more_tokens_than_the_cache_are_refused(make: Make, idx: torch.Tensor) -> None:
    model = make()
    with pytest.raises(UsageError, match="40 tokens do not fit into a context of 30"):
        model(idx, cache=model.new_cache(batch=3, capacity=30))
