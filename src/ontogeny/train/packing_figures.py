"""What packing would do with documents of given lengths, at several lengths of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ontogeny.train.fitting import fitting_order
from ontogeny.train.order import Int64s, permute

ROW_LENGTHS = (512, 1024, 2048, 4096, 8192)
SEED = 0  # of the shuffle: any will do


def packing_figures(length: Int64s, row_lengths: Sequence[int] = ROW_LENGTHS) -> list[dict[str, Any]]:
    """For each row length that documents of `length` (n,) tokens fill: rows, padding, and documents cut.

    `longer` documents do not fit in a row and are always cut; `cut_end_to_end` and `cut_best_fit` count those that
    would fit. `padding` is the share of places in rows that stay empty, for both kinds of packing in the last row
    alone; `padding_apart` where every document had rows of its own.
    """
    length = length[permute(np.arange(len(length), dtype=np.int64), size=len(length), key=SEED)]
    tokens = int(length.sum())
    found = []
    for seq_len in row_lengths:
        if seq_len > tokens:
            continue
        rows, apart = -(-tokens // seq_len), int((-(-length // seq_len)).sum())
        fitted = length[fitting_order(length, seq_len=seq_len, key=SEED)]
        longer = int((length > seq_len).sum())
        found.append(
            {
                "seq_len": seq_len,
                "rows": rows,
                "longer": longer,
                "fitting": len(length) - longer,
                "cut_end_to_end": fitting_documents_cut(length, seq_len),
                "cut_best_fit": fitting_documents_cut(fitted, seq_len),
                "padding": 1 - tokens / (rows * seq_len),
                "padding_apart": 1 - tokens / (apart * seq_len),
            }
        )
    return found


def fitting_documents_cut(laid: Int64s, seq_len: int) -> int:
    """How many documents that fit in a row lie in two, of documents laid end to end."""
    end = np.cumsum(laid)
    begin = end - laid
    return int(((laid <= seq_len) & (begin // seq_len != (end - 1) // seq_len)).sum())
