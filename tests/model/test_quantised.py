"""Codes: those of a slow, obvious reference; there and back; levels where a normal distribution has them."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.model.matrix import Matrix
from ontogeny.model.quantised import NF4_LEVELS, Quantised, quantise
from ontogeny.model.quantised_kinds import QuantisedForm, block_size, quantised_bytes

FORMS: tuple[QuantisedForm, ...] = ("int8", "nf4")
SHAPES = [(5, 128), (3, 24), (4, 100), (1, 2)]
OFFSET = (
    0.9677083  # the outermost quantile of bitsandbytes' `create_normal_map`: between 1 - 1/32 and 1 - 1/30
)


def drawn(rows: int, columns: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers of which some rows are larger than others, one is zero, and one has an outlier."""
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows), dtype=dtype)
    weight *= torch.logspace(-3, 2, rows, dtype=dtype).unsqueeze(1)
    weight[rows // 2] = 0
    weight[-1, -1] *= 30
    return weight


def test_levels_are_quantiles_of_a_normal_distribution() -> None:
    def quantiles(count: int) -> list[float]:
        step = (OFFSET - 0.5) / (count - 1)
        return [NormalDist().inv_cdf(OFFSET - step * number) for number in range(count - 1)]

    above, below = quantiles(9), quantiles(8)
    levels = sorted([*above, 0.0, *(-each for each in below)])
    assert [each / levels[-1] for each in levels] == pytest.approx(NF4_LEVELS, abs=1e-6)


def nearest(value: float, levels: tuple[float, ...]) -> int:
    """The code of the level next to `value`, the lower one of two."""
    return min(range(len(levels)), key=lambda code: (abs(levels[code] - value), code))


def slow_nf4(row: list[float]) -> list[float]:
    """A row there and back, number by number."""
    size = block_size(len(row))
    blocks = [row[start : start + size] for start in range(0, len(row), size)]
    scale = max(abs(value) for value in row) / 255
    out = []
    for block in blocks:
        code = max(1, round(max(abs(value) for value in block) / scale)) if scale else 1
        whole = code * scale
        out += [NF4_LEVELS[nearest(value / whole, NF4_LEVELS)] * whole if whole else 0.0 for value in block]
    return out


def slow_int8(row: list[float]) -> list[float]:
    scale = max(abs(value) for value in row) / 127
    return [round(value / scale) * scale if scale else 0.0 for value in row]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_there_and_back_is_as_by_hand(form: QuantisedForm, shape: tuple[int, int]) -> None:
    weight = drawn(*shape, torch.float64)
    slow = slow_nf4 if form == "nf4" else slow_int8
    expected = torch.tensor([slow(row) for row in weight.tolist()], dtype=torch.float64)
    torch.testing.assert_close(quantise(weight, form).whole(), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_what_codes_mean_has_the_same_codes(form: QuantisedForm) -> None:
    once = quantise(drawn(5, 128), form)
    again = quantise(once.whole(), form)
    assert torch.equal(once.codes, again.codes)
    torch.testing.assert_close(again.whole(), once.whole(), rtol=1e-6, atol=0)


def test_between_two_levels_the_lower_is_taken() -> None:
    exact = [(low + high) / 2 for low, high in pairwise(NF4_LEVELS)]
    row = torch.tensor([[*exact, 1.0]], dtype=torch.float64)  # the last is the scale of the block
    assert torch.equal(
        quantise(row, "nf4").whole(), torch.tensor([[*NF4_LEVELS[:15], 1.0]], dtype=torch.float64)
    )
    halves = torch.tensor([[0.5, 1.5, -0.5, -2.5, 127.0]])
    assert quantise(halves, "int8").codes.tolist() == [[0, 2, 0, -2, 127]]


@pytest.mark.parametrize(("form", "bits"), [("int8", 8 + 32 / 576), ("nf4", 4 + 8 / 64 + 32 / 576)])
def test_bytes(form: QuantisedForm, bits: float) -> None:
    packed = quantise(drawn(64, 576), form)
    held = sum(part.numel() * part.element_size() for part in packed if part is not None)
    assert held == quantised_bytes(64, 576, form) == 64 * 576 * bits / 8


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_reordered_as_codes(form: QuantisedForm) -> None:
    codes, scales, blocks = quantise(drawn(6, 24), form)
    turned = Matrix(codes, scales=scales, blocks=blocks).with_rows(lambda part: part.flip(0))
    assert torch.equal(turned.whole(), Quantised(codes, scales, blocks).whole().flip(0))


def test_blocks_are_as_large_as_rows_allow() -> None:
    assert [block_size(columns) for columns in (4096, 576, 100, 24, 202)] == [64, 64, 50, 24, 2]
    with pytest.raises(UsageError, match="a matrix of this model has rows of 33") as caught:
        block_size(33)
    assert caught.value.hint == "give `base: int8`"


def test_error_is_what_a_normal_distribution_has() -> None:
    weight = torch.randn(64, 1024, generator=torch.Generator().manual_seed(1))
    errors = [float((quantise(weight, form).whole() - weight).norm() / weight.norm()) for form in FORMS]
    assert errors[0] < 0.01 < 0.08 < errors[1] < 0.11
