"""The container GGUF (ggml-org/ggml, docs/gguf.md), versions 2 and 3: read with every claim of the file checked.

    magic  version  tensor count  metadata count | key, type, value ... | name, shape, type, offset ... | padding | data

The file is mapped into memory, so that opening a large one costs what its header costs. Nothing is believed: a count
is held against the bytes that are left before anything is made of it, so a header can ask for no more memory than a
small multiple of its own size, and no tensor lies outside the file or over another.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.files import disk_errors

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
ALIGNMENT_KEY = "general.alignment"
LARGEST_ALIGNMENT = 1 << 20
LONGEST_KEY, LONGEST_NAME, MOST_DIMENSIONS = 65_535, 63, 4
STRING, ARRAY, BOOL = 8, 9, 7
SCALARS: dict[int, str] = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip
"""Number types of metadata by their code; a bool is a byte that is 0 or 1."""
OLD_MAGICS = {b"lmgg": "GGML", b"fmgg": "GGMF", b"tjgg": "GGJT", b"algg": "GGLA"}


@dataclass(frozen=True)
class TensorType:
    """How numbers are stored: `block` of them in `bytes` bytes."""

    name: str
    block: int
    bytes: int


TYPES: dict[int, TensorType] = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    30: TensorType("BF16", 1, 2),
}
CODES = {kind.name: code for code, kind in TYPES.items()}
# Types of ggml that are not read, by name, so that a refusal says what the file holds (ggml/include/ggml.h).
UNREAD_TYPES = {
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip

Number: TypeAlias = int | float | bool
Value: TypeAlias = Number | str | list[str] | npt.NDArray[Any]


@dataclass(frozen=True)
class TensorInfo:
    """A stored tensor. `shape` is row-major, so the reverse of what the file says; `start` is a place in the file."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    start: int
    size: int


class GgufFile:
    """Metadata and tensors of a file. The bytes of a tensor are a view of the mapped file: read it, do not keep it."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            ModelFormatError: not a GGUF file, or one that contradicts itself; says what and at which byte.
            ArtifactError: the operating system will not open it.
        """
        self.path = path
        with disk_errors("opening a GGUF file"), path.open("rb") as file:
            size = path.stat().st_size
            self._data: mmap.mmap | bytes = (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            )
        header = _Header(self._data, str(path))
        self.metadata: Mapping[str, Value] = header.metadata
        self.tensors: Mapping[str, TensorInfo] = header.tensors

    def raw(self, name: str) -> npt.NDArray[np.uint8]:
        """The stored bytes of tensor `name`."""
        info = self.tensors[name]
        return np.frombuffer(self._data, dtype=np.uint8, count=info.size, offset=info.start)

    def text(self, key: str, default: str | None = None) -> str:
        """The string under `key`.

        Raises:
            ModelFormatError: it is not there and has no default, or is no string; from the next two likewise.
        """
        value = self.metadata.get(key, default)
        if not isinstance(value, str):
            self._refuse(key, "a string")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """The whole number, not negative, under `key`."""
        value = self.metadata.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self._refuse(key, "a whole number")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        """The number under `key`."""
        value = self.metadata.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._refuse(key, "a number")
        return float(value)

    def _refuse(self, key: str, wanted: str) -> NoReturn:
        found = "is missing" if key not in self.metadata else f"is not {wanted}"
        raise ModelFormatError(
            f"metadata {key} {found}", where=str(self.path), hint="the file is not complete: convert it again"
        )


class _Header:
    """One pass over everything before the tensor data."""

    def __init__(self, data: mmap.mmap | bytes, where: str) -> None:
        self._data, self._where, self._at = data, where, 0
        self._check_magic()
        tensor_count, metadata_count = self._number("<u8"), self._number("<u8")
        self.metadata = self._read_metadata(metadata_count)
        alignment = self.metadata.get(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
        if (
            not isinstance(alignment, int)
            or not 0 < alignment <= LARGEST_ALIGNMENT
            or alignment & (alignment - 1)
        ):
            self._refuse(f"{ALIGNMENT_KEY} {alignment!r} is no power of two up to {LARGEST_ALIGNMENT:,}")
        self.tensors = self._read_tensors(tensor_count, alignment)

    def _check_magic(self) -> None:
        magic = bytes(self._data[:4])
        if not magic:
            self._refuse("the file is empty")
        if magic != MAGIC:
            old = OLD_MAGICS.get(magic)
            self._refuse(
                f"it is of the older format {old}"
                if old
                else f"it begins with {magic!r}, not with {MAGIC!r}",
                hint="convert the model again with llama.cpp's convert_hf_to_gguf.py" if old else None,
            )
        self._at = 4
        version = self._number("<u4")
        if version and not version & 0xFFFF:
            self._refuse(
                "it is big-endian", hint="convert it with gguf_convert_endian.py of the package gguf"
            )
        if version not in VERSIONS:
            self._refuse(
                f"version {version} is not supported",
                hint=f"versions {VERSIONS[0]} and {VERSIONS[1]} are read: convert the model again",
            )

    def _read_metadata(self, count: int) -> dict[str, Value]:
        self._check_room(count, 8 + 4 + 1, "metadata entries")
        values: dict[str, Value] = {}
        for _ in range(count):
            key = self._string("a metadata key", longest=LONGEST_KEY)
            if key in values:
                self._refuse(f"metadata {key!r} stands twice")
            values[key] = self._value(self._number("<u4"), key)
        return values

    def _value(self, kind: int, key: str) -> Value:
        if kind == STRING:
            return self._string(f"metadata {key!r}")
        if kind == ARRAY:
            return self._array(key)
        if kind not in SCALARS:
            self._refuse(f"metadata {key!r} is of unknown type {kind}")
        value: Number = self._number(SCALARS[kind])
        if kind != BOOL:
            return value
        if value not in (0, 1):
            self._refuse(f"metadata {key!r} is a bool of value {value}")
        return bool(value)

    def _array(self, key: str) -> list[str] | npt.NDArray[Any]:
        kind, length = self._number("<u4"), self._number("<u8")
        if kind == ARRAY:
            self._refuse(f"metadata {key!r} is an array of arrays, which is not supported")
        if kind == STRING:
            self._check_room(length, 8, f"strings of metadata {key!r}")
            return [self._string(f"metadata {key!r}") for _ in range(length)]
        if kind not in SCALARS:
            self._refuse(f"metadata {key!r} is an array of unknown type {kind}")
        dtype = np.dtype(SCALARS[kind])
        self._check_room(length, dtype.itemsize, f"numbers of metadata {key!r}")
        numbers = np.frombuffer(self._data, dtype=dtype, count=length, offset=self._at).copy()
        self._at += length * dtype.itemsize
        if kind != BOOL:
            return numbers
        if numbers.max(initial=0) > 1:
            self._refuse(f"metadata {key!r} holds a bool that is neither 0 nor 1")
        return numbers.astype(np.bool_)

    def _read_tensors(self, count: int, alignment: int) -> dict[str, TensorInfo]:
        self._check_room(count, 8 + 4 + 8 + 4 + 8, "tensors")
        claims: dict[str, tuple[tuple[int, ...], TensorType, int]] = {}
        for _ in range(count):
            name = self._string("the name of a tensor", longest=LONGEST_NAME)
            if name in claims:
                self._refuse(f"tensor {name!r} stands twice")
            claims[name] = (self._shape(name), self._tensor_type(name), self._number("<u8"))
        start = -(-self._at // alignment) * alignment
        tensors = {name: self._placed(name, *claim, start, alignment) for name, claim in claims.items()}
        in_order = sorted(tensors.values(), key=lambda info: info.start)
        for one, other in itertools.pairwise(in_order):
            if one.start + one.size > other.start:
                self._refuse(f"tensors {one.name!r} and {other.name!r} overlap")
        return tensors

    def _shape(self, name: str) -> tuple[int, ...]:
        dimensions = self._number("<u4")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            self._refuse(f"tensor {name!r} has {dimensions} dimensions, not 1 to {MOST_DIMENSIONS}")
        shape = tuple(self._number("<u8") for _ in range(dimensions))
        if 0 in shape:
            self._refuse(f"tensor {name!r} has shape {list(reversed(shape))}")
        return shape[::-1]

    def _tensor_type(self, name: str) -> TensorType:
        code = self._number("<u4")
        if code not in TYPES:
            self._refuse(
                f"tensor {name!r} is of type {UNREAD_TYPES.get(code, code)}, which is not supported",
                hint=f"the types that can be read are {', '.join(CODES)}",
            )
        return TYPES[code]

    def _placed(
        self, name: str, shape: tuple[int, ...], kind: TensorType, offset: int, start: int, alignment: int
    ) -> TensorInfo:
        if shape[-1] % kind.block:
            self._refuse(
                f"tensor {name!r} has rows of {shape[-1]}; {kind.name} stores blocks of {kind.block}"
            )
        numbers = 1
        for size in shape:
            numbers *= size
        size = numbers // kind.block * kind.bytes
        if offset % alignment:
            self._refuse(f"tensor {name!r} begins at {offset}, no multiple of {alignment}")
        if start + offset + size > len(self._data):
            self._refuse(
                f"tensor {name!r} ends {start + offset + size - len(self._data):,} bytes after the file"
            )
        return TensorInfo(name, shape, kind, start + offset, size)

    def _number(self, kind: str) -> Any:
        size = int(kind[2])
        self._check_room(1, size, "bytes")
        (value,) = struct.unpack_from(_FORMATS[kind], self._data, self._at)
        self._at += size
        return value

    def _string(self, what: str, *, longest: int | None = None) -> str:
        size = self._number("<u8")
        if longest is not None and size > longest:
            self._refuse(f"{what} has {size:,} bytes, more than {longest:,}")
        self._check_room(size, 1, f"bytes of {what}")
        start, self._at = self._at, self._at + size
        try:
            return str(self._data[start : self._at], "utf-8")
        except UnicodeDecodeError:
            self._at = start
            self._refuse(f"{what} is not UTF-8")

    def _check_room(self, count: int, size: int, what: str) -> None:
        """Refuse `count` things of at least `size` bytes each that the rest of the file cannot hold."""
        left = len(self._data) - self._at
        if count * size > left:
            self._refuse(f"it claims {count:,} more {what} where {left:,} bytes are left")

    def _refuse(self, reason: str, *, hint: str | None = None) -> NoReturn:
        raise ModelFormatError(
            f"not a GGUF file that can be read: {reason}",
            where=f"{self._where}, byte {self._at:,}",
            hint=hint or "it may be cut short or damaged: fetch it again",
        )


_FORMATS = {
    "<u1": "<B", "<i1": "<b", "<u2": "<H", "<i2": "<h", "<u4": "<I", "<i4": "<i", "<f4": "<f", "<u8": "<Q",
    "<i8": "<q", "<f8": "<d",
}  # fmt: skip
