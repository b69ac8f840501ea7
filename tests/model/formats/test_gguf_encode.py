from __future__ import annotations

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.model.formats.gguf_decode import decode
from ontogeny.model.formats.gguf_encode import ENCODERS, encode, fits

Floats = npt.NDArray[np.float32]


def numbers(seed: int = 1) -> Floats:
    """Rows as weights are, with rows of zeros, of one number, of tiny and of large ones between them."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((60, 512)).astype(np.float32) * rng.lognormal(-3, 1, (60, 1)).astype(
        np.float32
    )
    rows[3] = 0
    rows[4] = 0.25
    rows[5] *= 1e-6
    rows[6] *= 1e4 / np.abs(rows[6]).max()
    rows[7, 256:] = 0
    rows[8] = np.abs(rows[8])
    rows[9] = -np.abs(rows[9])
    return rows


def error(kind: str, rows: Floats) -> float:
    return float(
        np.sqrt(np.mean((decode(encode(rows, kind), kind, rows.shape) - rows) ** 2) / np.mean(rows**2))
    )


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_0"])
def test_bytes_are_those_of_the_reference(kind: str) -> None:
    rows = numbers()
    theirs = np.ascontiguousarray(gguf.quantize(rows, gguf.GGMLQuantizationType[kind])).view(np.uint8)
    assert np.array_equal(encode(rows, kind), theirs.reshape(-1))


# Relative root mean square errors on normal numbers; a plain rounding of the same bits is worse (next test).
@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("F32", 0),
        ("F16", 3e-4),
        ("BF16", 3e-3),
        ("Q8_0", 0.007),
        ("Q6_K", 0.019),
        ("Q5_0", 0.05),
        ("Q4_K", 0.075),
        ("Q4_0", 0.1),
    ],
)
def test_what_is_encoded_comes_back(kind: str, bound: float) -> None:
    rows = np.random.default_rng(2).standard_normal((64, 1024)).astype(np.float32)
    assert error(kind, rows) <= bound
    assert np.array_equal(
        decode(encode(np.zeros((2, 256), np.float32), kind), kind, (2, 256)), np.zeros((2, 256))
    )


def test_k_types_err_less_than_plain_rounding_of_the_same_bits() -> None:
    rows = np.random.default_rng(3).standard_normal((64, 1024)).astype(np.float32)
    parts = rows.reshape(-1, 32)
    low, step = parts.min(1, keepdims=True), np.ptp(parts, 1, keepdims=True) / 15
    plain = np.rint((parts - low) / step) * step + low
    assert error("Q4_K", rows) < 0.97 * np.sqrt(np.mean((plain - parts) ** 2) / np.mean(rows**2))
    parts = rows.reshape(-1, 16)
    step = np.abs(parts).max(1, keepdims=True) / 31
    plain = np.rint(parts / step) * step
    assert error("Q6_K", rows) < 1.0 * np.sqrt(np.mean((plain - parts) ** 2) / np.mean(rows**2))


@pytest.mark.parametrize("kind", ENCODERS)
def test_odd_rows_are_encoded_without_nonsense(kind: str) -> None:
    rows = numbers(4)
    back = decode(encode(rows, kind), kind, rows.shape)
    assert np.isfinite(back).all()
    blocks, found = rows.reshape(-1, 32), back.reshape(-1, 32)
    widest = np.abs(rows.reshape(-1, 256)).max(1).repeat(8)
    assert (np.abs(found - blocks).max(1) <= 0.16 * widest + 2e-6).all()  # a scale is a float16


def test_numbers_beyond_half_precision_do_not_fit_where_a_scale_is_one() -> None:
    large = np.full((1, 256), 1e5, np.float32)
    assert [kind for kind in ENCODERS if fits(large, kind)] == ["F32", "BF16"]
    assert [kind for kind in ENCODERS if fits(large * np.float32(np.inf), kind)] == ["F32", "F16", "BF16"]
