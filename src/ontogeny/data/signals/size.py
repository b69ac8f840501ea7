"""How long a text is: its characters (Unicode code points) and its bytes in UTF-8."""

from __future__ import annotations

import numpy as np

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts

CONTINUATION, CONTINUATION_MASK = 0x80, 0xC0  # RFC 3629, section 3: every byte of a character but its first


def measure(texts: Texts) -> Columns:
    """`chars` and `bytes` of each text, (n,) int64."""
    continuing = np.flatnonzero((texts.data & CONTINUATION_MASK) == CONTINUATION)
    before = np.searchsorted(continuing, texts.offsets)
    return {"chars": texts.sizes - np.diff(before), "bytes": texts.sizes}


SIZE = SignalGroup("size", 1, ("chars", "bytes"), measure)
