"""A batch of texts as one buffer: the form that compiled passes read, and that Arrow stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Texts:
    """n texts: text i is the UTF-8 of `data[offsets[i]:offsets[i + 1]]`.

    `data` (bytes,) uint8 and `offsets` (n + 1,) int64 may be views of memory that is not theirs to change.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of each text, (n,)."""
        return np.diff(self.offsets)

    @classmethod
    def of(cls, strings: Sequence[str]) -> Texts:
        """`strings` joined into one buffer."""
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    @classmethod
    def of_arrow(cls, column: pa.ChunkedArray[Any] | pa.Array[Any]) -> Texts:
        """The texts of a column of strings without nulls; nothing is copied where it is one chunk of large strings."""
        import pyarrow as pa

        chunks: list[pa.Array[Any]] = [column] if isinstance(column, pa.Array) else column.chunks
        # A single chunk is taken as it is: joining copies.
        joined = chunks[0] if len(chunks) == 1 else pa.concat_arrays([*chunks, pa.array([], column.type)])
        array = joined.cast(pa.large_string())
        buffers: list[Any] = array.buffers()
        _, offsets, data = buffers
        bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        whole = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
        return cls(whole[bounds[0] : bounds[-1]], bounds if bounds[0] == 0 else bounds - bounds[0])

    def to_arrow(self) -> pa.Array[Any]:
        """The same as an Arrow array of large strings, over the same memory."""
        import pyarrow as pa

        parts = (np.ascontiguousarray(self.offsets), np.ascontiguousarray(self.data))
        buffers = [None, *(pa.py_buffer(part.data) for part in parts)]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)

    def to_arrow_strings(self) -> pa.Array[Any]:
        """The same as an Arrow array of strings, whose buffer Arrow bounds at 2 GiB, over the same memory."""
        import pyarrow as pa

        parts = (self.offsets.astype(np.int32), np.ascontiguousarray(self.data))
        buffers = [None, *(pa.py_buffer(part.data) for part in parts)]
        return pa.Array.from_buffers(pa.string(), len(self), buffers)

    def strings(self) -> list[str]:
        """Each text as a string."""
        whole, bounds = self.data.tobytes(), self.offsets.tolist()
        return [whole[start:end].decode() for start, end in pairwise(bounds)]


class TextsBuilder:
    """Gathers texts one by one into one buffer, so that no string needs to stay."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._offsets = [0]

    def add(self, text: str) -> None:
        """One text more."""
        self._data += text.encode()
        self._offsets.append(len(self._data))

    def done(self) -> Texts:
        """What was gathered, over the builder's own buffer: nothing can be added after."""
        return Texts(np.frombuffer(self._data, dtype=np.uint8), np.array(self._offsets, dtype=np.int64))
