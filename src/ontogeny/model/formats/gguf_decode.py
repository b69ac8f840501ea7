"""The stored numbers of GGUF as float32: the arithmetic of ggml (ggml/src/ggml-quants.c, dequantize_row_*), vectorised.

A quantised row is a row of blocks. Each block holds one scale, sometimes a minimum, and small whole numbers; blocks of
256 (the K types) hold scales for parts of 16 or 32 numbers, themselves stored as small whole numbers. Bytes are viewed,
never parsed: `blocks` is (N, bytes of a block) uint8 and the result (N, numbers of a block) float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.model.formats.gguf_file import CODES, TYPES

Bytes: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]

BLOCKS_AT_ONCE = (
    1 << 14
)  # a few MB of numbers in between: small beside any tensor, large beside what a call costs


def decode(raw: Bytes, kind: str, shape: tuple[int, ...]) -> Floats:
    """The numbers of a tensor of type `kind`, (shape) float32."""
    stored = TYPES[CODES[kind]]
    blocks = raw.reshape(-1, stored.bytes)
    out = np.empty((len(blocks), stored.block), dtype=np.float32)
    step = BLOCKS_AT_ONCE * 256 // stored.block
    with np.errstate(invalid="ignore", over="ignore"):  # infinite scales are the file's own
        for first in range(0, len(blocks), step):
            part = slice(first, first + step)
            out[part] = DECODERS[kind](blocks[part])
    return out.reshape(shape)


def half(blocks: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of each block, (N, 1) float32."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _f32(blocks: Bytes) -> Floats:
    return np.ascontiguousarray(blocks).view("<f4").astype(np.float32)


def _f16(blocks: Bytes) -> Floats:
    return half(blocks, 0)


def _bf16(blocks: Bytes) -> Floats:
    wide = np.ascontiguousarray(blocks).view("<u2").astype(np.uint32) << np.uint32(16)
    return wide.view(np.float32)


def _q8_0(blocks: Bytes) -> Floats:
    return half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


def _q4_0(blocks: Bytes) -> Floats:
    return half(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.int8) - np.int8(8)).astype(np.float32)


def _q4_1(blocks: Bytes) -> Floats:
    return half(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + half(blocks, 2)


def _q5_0(blocks: Bytes) -> Floats:
    numbers = _nibbles(blocks[:, 6:]) | _fifth_bits(blocks[:, 2:6])
    return half(blocks, 0) * (numbers.astype(np.int8) - np.int8(16)).astype(np.float32)


def _q5_1(blocks: Bytes) -> Floats:
    numbers = _nibbles(blocks[:, 8:]) | _fifth_bits(blocks[:, 4:8])
    return half(blocks, 0) * numbers.astype(np.float32) + half(blocks, 2)


def _q4_k(blocks: Bytes) -> Floats:
    scales, minima = scales_and_minima(blocks)
    numbers = _pairs_of_32(blocks[:, 16:]).astype(np.float32)
    return scales.repeat(32, 1) * numbers - minima.repeat(32, 1)


def _q5_k(blocks: Bytes) -> Floats:
    scales, minima = scales_and_minima(blocks)
    high = (blocks[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[None, :, None]) & np.uint8(1)
    numbers = _pairs_of_32(blocks[:, 48:]) | (high << np.uint8(4)).reshape(-1, 256)
    return scales.repeat(32, 1) * numbers.astype(np.float32) - minima.repeat(32, 1)


def _q6_k(blocks: Bytes) -> Floats:
    low, high = blocks[:, :128].reshape(-1, 2, 1, 64), blocks[:, 128:192].reshape(-1, 2, 1, 32)
    fours = (low >> np.array([0, 4], np.uint8)[None, None, :, None]) & np.uint8(15)  # (N, 2, 2, 64)
    twos = (high >> np.array([0, 2, 4, 6], np.uint8)[None, None, :, None]) & np.uint8(3)  # (N, 2, 4, 32)
    numbers = fours.reshape(-1, 256) | (twos << np.uint8(4)).reshape(-1, 256)
    signed = (numbers.astype(np.int8) - np.int8(32)).astype(np.float32)
    scales = half(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)
    return scales.repeat(16, 1) * signed


def scales_and_minima(blocks: Bytes) -> tuple[Floats, Floats]:
    """Scales and minima of the eight parts of a Q4_K or Q5_K block, (N, 8) float32 each.

    Twelve bytes hold eight scales and eight minima of six bits: the first four of each in the low six bits of bytes 0
    to 3 and 4 to 7, the rest in the nibbles of bytes 8 to 11, their two high bits atop the first four.
    """
    packed = blocks[:, 4:16]
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    six, four = np.uint8(63), np.uint8(15)
    high = np.uint8(0x30)
    scales = np.concatenate([first & six, (third & four) | ((first >> np.uint8(2)) & high)], axis=1)
    minima = np.concatenate([second & six, (third >> np.uint8(4)) | ((second >> np.uint8(2)) & high)], axis=1)
    return half(blocks, 0) * scales.astype(np.float32), half(blocks, 2) * minima.astype(np.float32)


def _nibbles(packed: Bytes) -> Bytes:
    """Low nibbles, then high nibbles."""
    return np.concatenate([packed & np.uint8(15), packed >> np.uint8(4)], axis=1)


def _pairs_of_32(packed: Bytes) -> Bytes:
    """Of every 32 bytes the low nibbles, then the high ones."""
    return _nibbles(packed.reshape(-1, 32)).reshape(len(packed), -1)


def _fifth_bits(packed: Bytes) -> Bytes:
    """Bit i of four bytes as the fifth bit of number i."""
    return np.unpackbits(packed, axis=1, bitorder="little") << np.uint8(4)


DECODERS: dict[str, Callable[[Bytes], Floats]] = {
    "F32": _f32,
    "F16": _f16,
    "BF16": _bf16,
    "Q8_0": _q8_0,
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
}
