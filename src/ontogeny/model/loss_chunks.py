"""How many logits the loss makes at once: known without torch, since an estimate of memory needs it."""

from __future__ import annotations

# Logits of a chunk. On a CPU 32 MiB of float32: smaller chunks make the multiplications too thin (at V = 8192, C = 384,
# 2^20 costs a tenth more), larger ones win nothing. On CUDA kernels want larger ones.
CHUNK_LOGITS = {"cpu": 1 << 23, "cuda": 1 << 27}
MIN_CHUNK_ROWS = 128
