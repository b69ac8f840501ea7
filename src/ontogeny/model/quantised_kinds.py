"""Forms in which frozen matrices are kept, and what they take; light to import. See `model.quantised`."""

from __future__ import annotations

from typing import Literal

from ontogeny.core.errors import UsageError

QuantisedForm = Literal["int8", "nf4"]

BLOCK = 64  # numbers of NF4 that share a scale (arXiv 2305.14314, section 3, "Double Quantization")
SCALE_BYTES = 4  # float32, one for each row


def block_size(columns: int) -> int:
    """Numbers of a row of NF4 that share a scale: 64, or the next even number below it of which rows are made.

    Raises:
        UsageError: an odd number of columns.
    """
    if columns % 2:
        raise UsageError(
            f"nf4 keeps two numbers in a byte, and a matrix of this model has rows of {columns}",
            where="method.base",
            hint="give `base: int8`",
        )
    return next(size for size in range(BLOCK, 0, -2) if columns % size == 0)


def quantised_bytes(rows: int, columns: int, form: QuantisedForm) -> int:
    """What a matrix (rows, columns) takes in `form`."""
    codes = columns if form == "int8" else columns // 2 + columns // block_size(columns)
    return rows * (codes + SCALE_BYTES)
