"""The container GGUF, version 3, written: metadata and places first, then tensors as they come, in any order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ontogeny.model.formats.gguf_file import (
    ARRAY,
    BOOL,
    CODES,
    DEFAULT_ALIGNMENT,
    MAGIC,
    SCALARS,
    STRING,
    TYPES,
    Value,
)

VERSION = 3
UINT32, FLOAT32, UINT64, INT64 = 4, 6, 10, 11
ARRAY_CODES = {np.dtype(kind): code for code, kind in SCALARS.items() if code != BOOL}


@dataclass(frozen=True)
class Stored:
    """How a tensor is stored: the name of a type and a row-major shape."""

    type: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        kind = TYPES[CODES[self.type]]
        return int(np.prod(self.shape, dtype=object)) // kind.block * kind.bytes


def write_gguf(
    path: Path,
    metadata: Mapping[str, Value],
    stored: Mapping[str, Stored],
    tensors: Iterable[tuple[str, npt.NDArray[np.uint8]]],
) -> None:
    """Write the file `path`.

    Args:
        metadata: a whole number becomes uint32 where it fits, a fraction float32, an array what its dtype says.
        stored: the tensors in the order in which they will lie in the file.
        tensors: the bytes of each of them, in any order.
    """
    head = bytearray(MAGIC + struct.pack("<IQQ", VERSION, len(stored), len(metadata)))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    offsets, end = {}, 0
    for name, tensor in stored.items():
        offsets[name] = end
        shape = tensor.shape[::-1]
        head += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", CODES[tensor.type], end)
        end = _aligned(end + tensor.size)
    start = _aligned(len(head))
    missing = set(stored)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(start + end)
        for name, data in tensors:
            assert data.nbytes == stored[name].size, name
            file.seek(start + offsets[name])
            file.write(np.ascontiguousarray(data).data)
            missing.remove(name)
        assert not missing, missing
        file.flush()
        os.fsync(file.fileno())


def _aligned(place: int) -> int:
    return -(-place // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<IB", BOOL, value)
    if isinstance(value, int):
        if value < 0:
            return struct.pack("<Iq", INT64, value)
        return struct.pack("<II", UINT32, value) if value < 1 << 32 else struct.pack("<IQ", UINT64, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_string, value))
    if value.dtype == np.bool_:
        return struct.pack("<IIQ", ARRAY, BOOL, len(value)) + value.tobytes()
    little = value.astype(value.dtype.newbyteorder("<"))
    return struct.pack("<IIQ", ARRAY, ARRAY_CODES[little.dtype], len(value)) + little.tobytes()
