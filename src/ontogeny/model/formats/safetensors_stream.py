"""A safetensors file written tensor by tensor, so that a model need not stand in memory whole.

The format is a length, a header in JSON and the tensors one after another (huggingface/safetensors, README).
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT = 8
BYTES = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class Slot:
    """What is promised of a tensor: its type by the format's name, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        count = 1
        for size in self.shape:
            count *= size
        return count * BYTES[self.dtype]


def write_safetensors(
    path: Path, slots: Mapping[str, Slot], tensors: Iterator[tuple[str, npt.NDArray[Any]]]
) -> None:
    """Write `tensors`, which come in the order of `slots`; BF16 as its bits, uint16."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, slot in slots.items():
        header[name] = {
            "dtype": slot.dtype,
            "shape": list(slot.shape),
            "data_offsets": [place, place + slot.size],
        }
        place += slot.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, (given, tensor) in zip(slots, tensors, strict=True):
            assert name == given and tensor.nbytes == slots[name].size
            np.ascontiguousarray(tensor).tofile(file)
        file.flush()
        os.fsync(file.fileno())
