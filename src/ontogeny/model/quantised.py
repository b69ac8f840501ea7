"""Matrices in a quarter or an eighth of their memory: int8, or NF4 (arXiv 2305.14314, section 3).

    packed = quantise(weight, "nf4")     # codes, and what they are multiplied with
    packed.whole()                       # (out, in) again, rounded; made for a product and let go behind it

    int8    code · scale of the row                    code from -127 to 127, scale = largest of the row / 127
    nf4     level[code] · block code · scale of the row     blocks of 64 within a row, block codes from 1 to 255

NF4's block has the largest absolute value of its numbers for a scale, and that is quantised as well (double
quantisation): as a whole number of 255ths of the largest of its row. Codes are chosen by the scale as it is read, so
its rounding is no error of theirs. Numbers go to the nearest code; between two, int8 takes the even one, NF4 the lower.

The parts of a matrix have a row for each of its rows, so rows can be reordered in this form.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.model.quantised_kinds import QuantisedForm, block_size

NF4_LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
"""Levels that a normal distribution fills evenly: eight of its quantiles above zero, seven below and zero itself, so
that the largest is 1 (arXiv 2305.14314, appendix E, whose numbers these are)."""
LARGEST_INT8, LARGEST_BLOCK_CODE = 127, 255


class Quantised(NamedTuple):
    """A quantised matrix (out, in)."""

    codes: Tensor
    """int8 (out, in), or NF4's uint8 (out, in / 2): two codes a byte, the first in its upper half."""
    scales: Tensor
    """(out, 1) in the type of the numbers that are made of it."""
    blocks: Tensor | None = None
    """NF4's block codes, uint8 (out, blocks)."""

    def whole(self) -> Tensor:
        """The matrix (out, in), new memory."""
        if self.blocks is None:
            return self.codes.to(self.scales.dtype).mul_(self.scales)
        pairs = _pairs(self.scales.dtype, self.scales.device)
        numbers = torch.view_as_real(pairs.index_select(0, self.codes.flatten().int()))
        by_block = numbers.view(*self.blocks.shape, -1)
        return by_block.mul_((self.blocks * self.scales).unsqueeze(-1)).view(len(self.codes), -1)


def quantise(weight: Tensor, form: QuantisedForm) -> Quantised:
    """`weight` (out, in), contiguous, in `form`. Where it is not finite, scales are not.

    Raises:
        UsageError: NF4 of a matrix with an odd number of columns.
    """
    smallest = torch.finfo(weight.dtype).tiny  # rows of zeros have a scale, too
    if form == "int8":
        # What stays is made before what goes, or holes would be left in memory.
        codes = torch.empty_like(weight, dtype=torch.int8)
        scales = (_largest(weight) / LARGEST_INT8).clamp_(min=smallest)
        return Quantised(codes.copy_((weight / scales).round_()), scales)
    rows, columns = weight.shape
    codes = weight.new_empty(rows, columns // 2, dtype=torch.uint8)
    blocks = weight.view(rows, -1, block_size(columns))
    largest = _largest(blocks)  # (out, blocks, 1)
    scales = (largest.amax(dim=1) / LARGEST_BLOCK_CODE).clamp_(min=smallest)
    block_codes = (largest.squeeze(2) / scales).round_().clamp_(1, LARGEST_BLOCK_CODE)
    levels = _nearest_levels(blocks / (block_codes * scales).unsqueeze(2)).view(rows, -1, 2)
    torch.bitwise_or(levels[..., 0] << 4, levels[..., 1], out=codes)
    return Quantised(codes, scales, block_codes.to(torch.uint8))


def _nearest_levels(numbers: Tensor) -> Tensor:
    """uint8 codes of `numbers`: how many of the bounds between levels each is above, which is ten times
    as fast as a search."""
    codes = torch.zeros_like(numbers, dtype=torch.uint8)
    for lower, upper in pairwise(NF4_LEVELS):
        codes += numbers > (lower + upper) / 2
    return codes


def _largest(numbers: Tensor) -> Tensor:
    largest: Tensor = torch.linalg.vector_norm(numbers, ord=math.inf, dim=-1, keepdim=True)
    return largest


@lru_cache(maxsize=4)
def _pairs(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(256,): for each byte the numbers of its two codes, as the parts of a complex one, which one look-up gives."""
    levels = torch.tensor(NF4_LEVELS, dtype=dtype, device=device)
    return torch.complex(levels.repeat_interleave(16), levels.repeat(16))
