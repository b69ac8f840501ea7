from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ontogeny.model import causal
from ontogeny.model.amx import is_rounding, rounding
from ontogeny.model.causal import (
    HALVED,
    _pieces,
    causal_attention,
    turned_causal_attention,
)
from ontogeny.model.norm import rms_norm
from ontogeny.model.rope import interleaved, rope_tables, rotate

EPS = 1e-6


def reference(q: Tensor, k: Tensor, v: Tensor, *, scale: float | None) -> Tensor:
    """Attention as written in arXiv 1706.03762, equation 1, with a causal mask."""
    T, D = q.shape[2:]
    k, v = (each.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for each in (k, v))
    scores = q @ k.transpose(2, 3) * (scale or D**-0.5)
    seen = torch.ones(T, T, dtype=torch.bool).tril()
    return scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize("scale", [None, 0.2])
@pytest.mark.parametrize("n_kv_heads", [4, 2])
@pytest.mark.parametrize("T", [1, 7, HALVED.start + 1, HALVED.stop])
def test_values_and_gradients_are_those_of_the_definition(
    T: int, n_kv_heads: int, scale: float | None
) -> None:
    generator = torch.Generator().manual_seed(T)
    q, k, v, d_out = (
        torch.randn(2, T, heads, 8, dtype=torch.float64, generator=generator).transpose(1, 2)
        for heads in (4, n_kv_heads, n_kv_heads, 4)
    )
    results = []
    for function in (reference, causal_attention):
        inputs = [each.clone().requires_grad_() for each in (q, k, v)]
        out = function(*inputs, scale=scale)
        results.append([out, *torch.autograd.grad(out, inputs, d_out)])
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n_kv_heads", [4, 2])
@pytest.mark.parametrize("T", [1, 7, HALVED.start + 1])
def test_norms_and_turns_within_are_those_before(T: int, n_kv_heads: int) -> None:
    """Against halves side by side, each part a function of its own."""
    D = 8
    generator = torch.Generator().manual_seed(T)
    q, k, v = (
        torch.randn(2, T, heads, D, dtype=torch.float64, generator=generator)
        for heads in (4, n_kv_heads, n_kv_heads)
    )
    gains = [torch.rand(D, dtype=torch.float64, generator=generator) for _ in range(2)]
    d_out = torch.randn(2, 4, T, D, dtype=torch.float64, generator=generator)
    cos, sin = (table.double() for table in rope_tables(T, D, 10_000.0))
    turns = torch.complex(cos, sin).unsqueeze(1)
    order = interleaved(torch.arange(D), D)

    def parts(q: Tensor, k: Tensor, v: Tensor, *gains: Tensor) -> Tensor:
        heads = (rotate(rms_norm(x, gain, EPS), cos, sin) for x, gain in zip((q, k), gains, strict=True))
        return reference(*(x.transpose(1, 2) for x in (*heads, v)), scale=None)

    def together(q: Tensor, k: Tensor, v: Tensor, *gains: Tensor) -> Tensor:
        q, k = q[..., order].contiguous(), k[..., order].contiguous()
        return turned_causal_attention(q, k, v, (gains[0][order], gains[1][order]), turns, eps=EPS)

    results = []
    for function in (parts, together):
        inputs = [each.clone().requires_grad_() for each in (q, k, v, *gains)]
        out = function(*inputs)
        results.append([out, *torch.autograd.grad(out, inputs, d_out)])
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("T", [1, HALVED.start, HALVED.stop - 1, 5000])
def test_pieces_cover_every_query_once(T: int) -> None:
    pieces = _pieces(T)
    assert [start for start, _ in pieces] == [0, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == T


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("lengths", [[3, 4, 1, 6], [HALVED.start - 1, HALVED.start + 7]])
def test_documents_end_to_end_are_what_each_is_alone(lengths: list[int], normed: bool) -> None:
    """Two rows, over whose border a document may go; each document alone is the reference."""
    D, total = 8, sum(lengths)
    generator = torch.Generator().manual_seed(total)
    q, k, v, d_out = (
        torch.randn(2, total // 2, heads, D, dtype=torch.float64, generator=generator)
        for heads in (4, 2, 2, 4)
    )
    gains = [torch.rand(D, dtype=torch.float64, generator=generator) for _ in range(2)] if normed else []
    cos, sin = (table.double() for table in rope_tables(max(lengths), D, 10_000.0))
    table = torch.complex(cos, sin).unsqueeze(1)
    turns = torch.cat([table[:length] for length in lengths])

    def at_once(q: Tensor, k: Tensor, v: Tensor, *gains: Tensor) -> Tensor:
        begins = [0, *torch.tensor(lengths).cumsum(0).tolist()]
        pair = (gains[0], gains[1]) if gains else None
        own = turns.view(2, -1, 1, D // 2)
        return turned_causal_attention(q, k, v, pair, own, eps=EPS, begins=begins).transpose(1, 2)

    def alone(q: Tensor, k: Tensor, v: Tensor, *gains: Tensor) -> Tensor:
        pair = (gains[0], gains[1]) if gains else None
        laid = (each.reshape(1, total, -1, D).split(lengths, dim=1) for each in (q, k, v))
        mixed = [
            turned_causal_attention(*each, pair, table[: each[0].shape[1]], eps=EPS)
            for each in zip(*laid, strict=True)
        ]
        return torch.cat(mixed, dim=2).transpose(1, 2).view(q.shape)

    results = []
    for function in (alone, at_once):
        inputs = [each.clone().requires_grad_() for each in (q, k, v, *gains)]
        out = function(*inputs)
        results.append([out, *torch.autograd.grad(out, inputs, d_out)])
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("T", [1, 7, HALVED.start + 1])
def test_turns_without_norms_are_those_before(T: int) -> None:
    D = 8
    generator = torch.Generator().manual_seed(T)
    q, k, v, d_out = (
        torch.randn(2, T, heads, D, dtype=torch.float64, generator=generator) for heads in (4, 2, 2, 4)
    )
    cos, sin = (table.double() for table in rope_tables(T, D, 10_000.0))
    turns = torch.complex(cos, sin).unsqueeze(1)
    order = interleaved(torch.arange(D), D)

    def before(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        heads = (rotate(q, cos, sin), rotate(k, cos, sin), v)
        return reference(*(x.transpose(1, 2) for x in heads), scale=None)

    def within(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = q[..., order].contiguous(), k[..., order].contiguous()
        return turned_causal_attention(q, k, v, None, turns, eps=EPS)

    results = []
    for function in (before, within):
        inputs = [each.clone().requires_grad_() for each in (q, k, v)]
        out = function(*inputs)
        results.append([out, *torch.autograd.grad(out, inputs, d_out.transpose(1, 2))])
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("T", "rounded"), [(64, False), (HALVED.start, False), (HALVED.stop, True)])
def test_short_rows_are_not_rounded(T: int, rounded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for name in ("_flash", "_flash_backward"):
        kernel = getattr(causal, name)
        monkeypatch.setattr(
            causal,
            name,
            lambda *given, kernel=kernel, **more: (seen.append(is_rounding()), kernel(*given, **more))[1],
        )
    q, k, v = (torch.randn(1, T, 2, 8, requires_grad=True) for _ in range(3))
    cos, sin = rope_tables(T, 8, 10_000.0)
    turns = torch.complex(cos, sin).unsqueeze(-2)
    with rounding(True):
        turned_causal_attention(q, k, v, None, turns, eps=EPS).sum().backward()
        assert is_rounding()
    assert seen and set(seen) == {rounded}
    with rounding(False):
        seen.clear()
        turned_causal_attention(q, k, v, None, turns, eps=EPS)
    assert set(seen) == {False}
