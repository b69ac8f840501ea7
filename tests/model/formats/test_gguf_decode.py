from __future__ import annotations

import gguf
import numpy as np
import pytest

from ontogeny.model.formats.gguf_decode import DECODERS, decode
from ontogeny.model.formats.gguf_file import CODES, TYPES


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # theirs
def test_random_blocks_are_decoded_as_the_reference_decodes_them(kind: str) -> None:
    """Bit for bit, infinite scales included."""
    stored = TYPES[CODES[kind]]
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]] == (stored.block, stored.bytes)
    rows = np.random.default_rng(1).integers(0, 256, (40, 512 // stored.block * stored.bytes), dtype=np.uint8)
    theirs = gguf.dequantize(rows, gguf.GGMLQuantizationType[kind]).astype(np.float32)
    assert np.array_equal(decode(rows, kind, (40, 512)), theirs, equal_nan=True)
    assert theirs.shape == (40, 512)
