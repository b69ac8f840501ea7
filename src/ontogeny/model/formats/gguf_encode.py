"""Numbers to the stored types of GGUF: the choices of ggml's reference quantisers (ggml/src/ggml-quants.c,
quantize_row_*_ref), vectorised over blocks.

The plain types round to nearest against one scale a block. The K types search: for each part of a block some twenty
scales are tried, for each the best scale and minimum follow by least squares, and the one with the least weighted error
is kept; then the parts' scales are themselves rounded to six or eight bits, and the numbers rounded once more against
what is really stored.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ontogeny.model.formats.gguf_decode import Bytes, Floats, half, scales_and_minima
from ontogeny.model.formats.gguf_file import CODES, TYPES

NUMBERS_AT_ONCE = 1 << 20
NEARLY_ZERO = np.float32(1e-15)  # ggml's GROUP_MAX_EPS: a part without anything larger is stored as zeros
Q4_K_STEPS, Q6_K_STEPS = 20, 9  # scales tried
LARGEST_HALF = np.float32(65504)


def encode(numbers: Floats, kind: str) -> Bytes:
    """The bytes of `numbers`, whose rows are whole blocks, as type `kind`: (bytes,) uint8.

    Numbers that the type cannot hold become infinite, or make a scale infinite; `fits` tells beforehand.
    """
    stored = TYPES[CODES[kind]]
    blocks = np.ascontiguousarray(numbers, dtype=np.float32).reshape(-1, stored.block)
    out = np.empty((len(blocks), stored.bytes), dtype=np.uint8)
    step = NUMBERS_AT_ONCE // stored.block
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for first in range(0, len(blocks), step):
            part = slice(first, first + step)
            out[part] = ENCODERS[kind](blocks[part])
    return out.reshape(-1)


def fits(numbers: Floats, kind: str) -> bool:
    """Whether `kind` can hold numbers of this size: all types but F32 and BF16 store a float16 for each block."""
    if not np.isfinite(numbers).all():
        return kind in ("F32", "F16", "BF16")
    return kind in ("F32", "BF16") or bool(np.abs(numbers).max(initial=0) <= LARGEST_HALF)


def _f32(blocks: Floats) -> Bytes:
    return blocks.astype("<f4").view(np.uint8)


def _f16(blocks: Floats) -> Bytes:
    return blocks.astype("<f2").view(np.uint8)


def _bf16(blocks: Floats) -> Bytes:
    """Rounded to nearest, ties to even; a NaN stays one."""
    bits = blocks.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(64)
    return np.where(np.isnan(blocks), quiet, rounded).astype("<u2").view(np.uint8)


def _q8_0(blocks: Floats) -> Bytes:
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = blocks * _inverse(scale)
    away = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))  # C's roundf: halves away from zero
    return np.concatenate([_half_bytes(scale), away.astype(np.int8).view(np.uint8)], axis=1)


def _q4_0(blocks: Floats) -> Bytes:
    scale, numbers = _signed(blocks, 8)
    return np.concatenate([_half_bytes(scale), _pack_nibbles(numbers)], axis=1)


def _q5_0(blocks: Floats) -> Bytes:
    scale, numbers = _signed(blocks, 16)
    high = np.packbits(numbers >> np.uint8(4), axis=1, bitorder="little")
    return np.concatenate([_half_bytes(scale), high, _pack_nibbles(numbers & np.uint8(15))], axis=1)


def _signed(blocks: Floats, middle: int) -> tuple[Floats, Bytes]:
    """Scale and numbers such that the largest magnitude, whatever its sign, lies at the end that reaches further."""
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-middle)
    numbers = np.trunc(blocks * _inverse(scale) + np.float32(middle + 0.5))
    return scale, numbers.clip(0, 2 * middle - 1).astype(np.uint8)


def _q4_k(blocks: Floats) -> Bytes:
    parts = blocks.reshape(-1, 32)
    scales, minima = (found.reshape(-1, 8) for found in _best_scale_and_minimum(parts))
    six = np.float32(63)
    block_scale, block_minimum = scales.max(axis=1, keepdims=True), minima.max(axis=1, keepdims=True)
    header = np.concatenate(
        [
            _half_bytes(block_scale / six),
            _half_bytes(block_minimum / six),
            _pack_sixes(
                np.rint(scales * _over(six, block_scale)).clip(0, 63).astype(np.uint8),
                np.rint(minima * _over(six, block_minimum)).clip(0, 63).astype(np.uint8),
            ),
        ],
        axis=1,
    )
    stored_scales, stored_minima = scales_and_minima(header)
    numbers = _rounded(parts + stored_minima.reshape(-1, 1), stored_scales.reshape(-1, 1), 0, 15)
    pairs = numbers.astype(np.uint8).reshape(-1, 4, 2, 32)
    packed = pairs[:, :, 0] | (pairs[:, :, 1] << np.uint8(4))
    return np.concatenate([header, packed.reshape(-1, 128)], axis=1)


def _best_scale_and_minimum(parts: Floats) -> tuple[Floats, Floats]:
    """Scale and (negated) minimum of each part of 32, (N,) each: ggml's make_qkx2_quants for 4 bits."""
    top = np.float32(15)
    weights = np.sqrt((parts * parts).mean(axis=1, keepdims=True)) + np.abs(parts)
    lowest = np.minimum(parts.min(axis=1, keepdims=True), np.float32(0))
    width = parts.max(axis=1, keepdims=True) - lowest
    sum_w, sum_x = weights.sum(axis=1, keepdims=True), (weights * parts).sum(axis=1, keepdims=True)
    scale, minimum = width / top, lowest
    error = np.full_like(scale, np.inf)
    for step in range(-1, Q4_K_STEPS + 1):
        # The first turn measures the plain scale; the others look about it.
        reach = top if step < 0 else np.float32(-1 + 0.1 * step) + top
        numbers = np.rint((parts - lowest) * (reach / width)).clip(0, 15)
        if step < 0:
            new_scale, new_minimum = scale, minimum
            sound = np.isfinite(new_scale)
        else:
            weighted = weights * numbers
            sum_l, sum_ll = (
                weighted.sum(axis=1, keepdims=True),
                (weighted * numbers).sum(axis=1, keepdims=True),
            )
            sum_xl = (weighted * parts).sum(axis=1, keepdims=True)
            determinant = sum_w * sum_ll - sum_l * sum_l
            sound = determinant > 0
            new_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant
            new_minimum = (sum_ll * sum_x - sum_l * sum_xl) / determinant
            positive = new_minimum > 0  # a minimum is only ever subtracted
            new_scale = np.where(positive, sum_xl / sum_ll, new_scale)
            new_minimum = np.where(positive, np.float32(0), new_minimum)
        off = new_scale * numbers + new_minimum - parts
        new_error = (weights * off * off).sum(axis=1, keepdims=True)
        better = sound & (new_error < error)
        scale, minimum = np.where(better, new_scale, scale), np.where(better, new_minimum, minimum)
        error = np.where(better, new_error, error)
    return np.where(width > 0, scale, np.float32(0)), -minimum


def _q6_k(blocks: Floats) -> Bytes:
    parts = blocks.reshape(-1, 16)
    scales = _best_scale(parts).reshape(-1, 16)
    largest = np.take_along_axis(scales, np.abs(scales).argmax(axis=1)[:, None], axis=1)
    nothing = np.abs(largest) < NEARLY_ZERO
    inverse = np.where(nothing, np.float32(0), np.float32(-128) / largest)
    eights = np.minimum(np.rint(inverse * scales), 127).astype(np.int8)
    block_scale = _half_bytes(_inverse(inverse))
    stored = half(block_scale, 0) * eights.astype(np.float32)
    numbers = (_rounded(parts, stored.reshape(-1, 1), -32, 31) + np.float32(32)).astype(np.uint8)
    quarters = numbers.reshape(-1, 2, 4, 32)
    low, high = quarters & np.uint8(15), quarters >> np.uint8(4)
    fours = low[:, :, :2] | (low[:, :, 2:] << np.uint8(4))
    twos = high[:, :, 0] | (high[:, :, 1] << 2) | (high[:, :, 2] << 4) | (high[:, :, 3] << 6)
    return np.concatenate(
        [fours.reshape(-1, 128), twos.reshape(-1, 64), eights.view(np.uint8), block_scale], axis=1
    )


def _best_scale(parts: Floats) -> Floats:
    """Scale of each part of 16, (N,), either sign: ggml's make_qx_quants for 6 bits, weights x squared."""
    largest = np.take_along_axis(parts, np.abs(parts).argmax(axis=1)[:, None], axis=1)
    weights = parts * parts
    scale, best = np.zeros_like(largest), np.zeros_like(largest)
    steps = sorted(range(-Q6_K_STEPS, Q6_K_STEPS + 1), key=lambda step: (step != 0, step))
    for step in steps:  # the plain scale first
        numbers = np.rint(parts * (np.float32(-(32 + 0.1 * step)) / largest)).clip(-32, 31)
        weighted = weights * numbers
        sum_xl, sum_ll = (
            (weighted * parts).sum(axis=1, keepdims=True),
            (weighted * numbers).sum(axis=1, keepdims=True),
        )
        better = (sum_ll > 0) & (sum_xl * sum_xl > best * sum_ll)
        scale = np.where(better, sum_xl / sum_ll, scale)
        best = np.where(better, sum_xl * sum_xl / sum_ll, best)
    return np.where(np.abs(largest) < NEARLY_ZERO, np.float32(0), scale)[:, 0]


def _rounded(numbers: Floats, scales: Floats, low: int, high: int) -> Floats:
    """Numbers over scales, whole and within bounds; 0 where the scale is 0."""
    return np.where(scales == 0, np.float32(0), np.rint(numbers / scales).clip(low, high))


def _over(one: np.float32, other: Floats) -> Floats:
    """`one` over `other`; 0 where that is 0."""
    return np.where(other > 0, one / other, np.float32(0))


def _inverse(scale: Floats) -> Floats:
    return np.where(scale == 0, np.float32(0), np.float32(1) / scale)


def _half_bytes(scale: Floats) -> Bytes:
    """(N, 1) as float16, (N, 2) uint8."""
    return np.ascontiguousarray(scale).astype("<f2").view(np.uint8)


def _pack_nibbles(numbers: Bytes) -> Bytes:
    middle = numbers.shape[1] // 2
    return numbers[:, :middle] | (numbers[:, middle:] << np.uint8(4))


def _pack_sixes(scales: Bytes, minima: Bytes) -> Bytes:
    """The inverse of what `scales_and_minima` unpacks, (N, 12)."""
    high = np.uint8(4)
    two = np.uint8(6)
    return np.concatenate(
        [
            scales[:, :4] | ((scales[:, 4:] >> high) << two),
            minima[:, :4] | ((minima[:, 4:] >> high) << two),
            (scales[:, 4:] & np.uint8(15)) | ((minima[:, 4:] & np.uint8(15)) << high),
        ],
        axis=1,
    )


ENCODERS: dict[str, Callable[[Floats], Bytes]] = {
    "F32": _f32,
    "F16": _f16,
    "BF16": _bf16,
    "Q8_0": _q8_0,
    "Q4_0": _q4_0,
    "Q5_0": _q5_0,
    "Q4_K": _q4_k,
    "Q6_K": _q6_k,
}
