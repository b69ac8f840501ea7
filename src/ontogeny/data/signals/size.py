"""How long a text is: its characters (Unicode code points) and its bytes in UTF-8."""

from __future__ import annotations

import numpy as np

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts

CONTINUATION, CONTINUATION_MASK = 0x80, 0xC0  # RFC 3629, section 3: every byte of a character but its first


def measure(texts: Texts) -> Columns:
    """`chars` and `bytes` of each text, (n,) int64."""
    starts = (texts.data & CONTINUATION_MASK) != CONTINUATION
    before = np.zeros(len(texts.data) + 1, dtype=np.int64)
    np.cumsum(starts, out=before[1:])
    return {"chars": np.diff(before[texts.offsets]), "bytes": texts.sizes}


SIZE = SignalGroup("size", 1, ("chars", "bytes"), measure)
