from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from ontogeny.core.errors import UsageError
from ontogeny.model import attention, transformer
from ontogeny.model.branches import Branches, Segment
from ontogeny.model.loss import linear_cross_entropy
from tests.model.conftest import FAMILIES, Make

SWITCHES = [*FAMILIES.values(), {"n_kv_heads": 4}, {"n_kv_heads": 1}]


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("parts", [[40], [1] * 40, [7, 1, 20, 12]])
def test_with_a_cache_logits_are_those_without(
    make: Make, idx: torch.Tensor, switches: dict[str, Any], parts: list[int]
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
        cache.keep([0, 0])
        continuation = idx[1:, 10:20]
        ours = model(continuation, cache=cache)
        whole = torch.cat([idx[:1, :10].expand(2, -1), continuation], dim=1)
        torch.testing.assert_close(ours, model(whole)[:, 10:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_token_sees_what_follows(make: Make, idx: torch.Tensor, name: str) -> None:
    model = make(**FAMILIES[name])
    changed = idx.clone()
    changed[:, 20:] = 0
    with torch.no_grad():
        torch.testing.assert_close(model(changed)[:, :20], model(idx)[:, :20])


def test_a_window_ends_what_a_token_sees(make: Make, idx: torch.Tensor) -> None:
    """Two layers of nine tokens each reach back sixteen."""
    model = make(**FAMILIES["mistral"])
    changed = idx.clone()
    changed[:, 10] += 1
    with torch.no_grad():
        differs = (model(changed) != model(idx)).any(dim=-1).any(dim=0)
    assert differs.nonzero().flatten().tolist() == list(range(10, 10 + 2 * 8 + 1))


def test_padding_between_tokens_is_passed_over(make: Make, idx: torch.Tensor) -> None:
    model = make(**FAMILIES["gemma3"])
    mask = torch.rand(idx.shape, generator=torch.Generator().manual_seed(0)) < 0.6
    with torch.no_grad():
        logits = model(idx, mask=mask)
        for row in range(len(idx)):
            alone = model(idx[row][mask[row]][None])[0]
            torch.testing.assert_close(logits[row][mask[row]], alone, rtol=1e-4, atol=1e-4)


def test_a_rewound_cache_forgets_padding(make: Make, idx: torch.Tensor) -> None:
    model = make()
    cache = model.new_cache(batch=3)
    with torch.no_grad():
        model(idx, cache=cache, mask=idx > 150)
        cache.rewind(0)
        torch.testing.assert_close(model(idx, cache=cache), model(idx), rtol=1e-4, atol=1e-4)


def test_rows_of_several_caches_end_together(make: Make, idx: torch.Tensor) -> None:
    model = make()
    lengths = [25, 40, 8]
    rows = model.new_cache(batch=3)
    rows.begin(40)
    with torch.no_grad():
        for row, length in enumerate(lengths):
            alone = model.new_cache()
            model(idx[row : row + 1, :length], cache=alone)
            rows.fill(row, alone)
        rows.keep([2, 0])
        ours = model(idx[:2, :5], cache=rows)
        for row, (kept, length) in enumerate([(2, 8), (0, 25)]):
            whole = torch.cat([idx[kept, :length], idx[row, :5]])[None]
            torch.testing.assert_close(ours[row], model(whole)[0, length:], rtol=1e-4, atol=1e-4)


def test_a_repeated_cache_knows_its_padding(make: Make, idx: torch.Tensor) -> None:
    model = make()
    mask = torch.arange(40)[None] >= 7
    with torch.no_grad():
        cache = model.new_cache()
        model(idx[:1], cache=cache, mask=mask)
        cache.keep([0, 0])
        ours = model(idx[1:, :5], cache=cache)
        rows = torch.cat([idx[:1, 7:].expand(2, -1), idx[1:, :5]], dim=1)
        torch.testing.assert_close(ours, model(rows)[:, 33:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("places", [[39], [0, 5, 12, 39]])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("cached", [0, 13])
def test_states_at_some_places_are_those_of_all(
    make: Make, idx: torch.Tensor, name: str, places: list[int], padded: bool, cached: int
) -> None:
    model = make(**FAMILIES[name])
    mask = torch.ones_like(idx, dtype=torch.bool)
    mask[0, 3:8] = not padded

    def states(at: list[int] | None) -> torch.Tensor:
        cache = model.new_cache(batch=len(idx)) if cached else None
        if cache is not None:
            model.hidden(idx[:, :cached], cache=cache, mask=mask[:, :cached] if padded else None)
        wanted = None if at is None else torch.tensor(at) - cached
        return model.hidden(
            idx[:, cached:], cache=cache, mask=mask[:, cached:] if padded else None, at=wanted
        )

    late = [place for place in places if place >= cached]
    with torch.inference_mode():
        torch.testing.assert_close(states(late), states(None)[:, [place - cached for place in late]])


def test_a_mask_of_another_shape_is_refused(make: Make, idx: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"a mask of shape \[3, 41\] for tokens of shape \[3, 40\]"):
        make()(idx, mask=torch.ones(3, 41))


@pytest.mark.parametrize("name", ["qwen3", "qwen3, yarn", "gemma3"])
@pytest.mark.parametrize("padded", [False, True])
def test_fast_and_plain_paths_have_equal_gradients(
    make: Make, idx: torch.Tensor, monkeypatch: pytest.MonkeyPatch, name: str, padded: bool
) -> None:
    model = make(**FAMILIES[name]).double()
    mask = torch.arange(39).expand(3, -1) >= torch.tensor([[0], [5], [11]]) if padded else None
    gradients = []
    for fast in (True, False):
        if not fast:
            monkeypatch.setattr(attention, "has_cpu_gradient", lambda x: False)
        hidden = model.hidden(idx[:, :-1], mask=mask).flatten(0, 1)
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


@pytest.mark.parametrize("name", ["qwen3", "qwen3, yarn", "llama, llama3", "gemma3"])
@pytest.mark.parametrize("way", ["rows", "cache", "padding", "documents", "branches", "autocast"])
@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # of a gain in float32, which is no matter here
def test_tables_that_grow_have_the_same_bits(
    make: Make, idx: torch.Tensor, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    whole = make(**FAMILIES[name])
    monkeypatch.setattr(transformer, "FIRST_ROWS", 6)
    growing = make(**FAMILIES[name])
    assert len(growing.cos) == 6
    with torch.no_grad():
        assert torch.equal(read(growing, idx, way), read(whole, idx, way))
    assert 6 < len(growing.cos) <= 64
    assert torch.equal(growing.cos, whole.cos[: len(growing.cos)])
    assert "cos" not in growing.state_dict()


def read(model: transformer.Transformer, idx: torch.Tensor, way: str) -> torch.Tensor:
    """States of `idx` (B, T), read in some way."""
    if way == "cache":
        cache = model.new_cache(batch=len(idx))
        return torch.cat(
            [model.hidden(part, cache=cache) for part in idx.split([5, 1, 14, 20], dim=1)], dim=1
        )
    if way == "padding":
        return model.hidden(idx, mask=idx > 100)
    if way == "documents":
        return model.hidden(idx, documents=torch.arange(40).expand_as(idx) // 15)
    if way == "branches":
        return model.hidden(idx[:1], branches=Branches([Segment(20, None), Segment(12, 0), Segment(8, 0)]))
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
        return model.hidden(idx)


def test_tables_that_grew_in_inference_can_be_trained_with(
    make: Make, idx: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "FIRST_ROWS", 6)
    model = make()
    with torch.inference_mode():
        model(idx)
    model(idx).sum().backward()
    model.change_context(model.config.model_copy(update={"seq_len": 128}))
    assert len(model.cos) == 6
    model(idx.repeat(1, 3)).sum().backward()
    assert len(model.cos) == 120


def test_a_long_context_costs_nothing_before_it_is_used(make: Make, idx: torch.Tensor) -> None:
    model = make(seq_len=1 << 24)
    model(idx)
    assert len(model.cos) == transformer.FIRST_ROWS
