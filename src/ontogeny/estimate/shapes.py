"""Sizes by name: published shapes, and a shape of our own for any number of parameters.

shape_of("llama-2-7b")    shape_of("7b") is the same    shape_of("350m") is computed, Qwen3-shaped
"""

from __future__ import annotations

import math
import re
from typing import Any

from ontogeny.core.errors import UsageError, nearest
from ontogeny.model.config import ModelConfig, ModelShape, default_d_ff
from ontogeny.model.families import GPT2
from ontogeny.model.flops import layer_parameters, parameter_count

LLAMA = {"qk_norm": False, "tie_embeddings": False, "norm_eps": 1e-5}


def _shape(
    vocab_size: int,
    d_model: int,
    n_layers: int,
    heads: tuple[int, int, int],
    d_ff: int,
    seq_len: int,
    **switches: Any,
) -> ModelConfig:
    """`heads` are query heads, key heads and the size of a head."""
    n_heads, n_kv_heads, head_dim = heads
    return ModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        d_ff=d_ff,
        seq_len=seq_len,
        **switches,
    )  # fmt: skip


UNTIED = {"tie_embeddings": False}
TIED_LLAMA = {**LLAMA, "tie_embeddings": True}
# As published: GPT-2 (openai-community), Qwen3 (arXiv 2505.09388, table 1), SmolLM2 (arXiv 2502.02737), Llama 2 (arXiv
# 2307.09288), Llama 3 (arXiv 2407.21783, table 3).
NAMED: dict[str, ModelConfig] = {
    "gpt2-124m": _shape(50257, 768, 12, (12, 12, 64), 3072, 1024, **GPT2),
    "gpt2-355m": _shape(50257, 1024, 24, (16, 16, 64), 4096, 1024, **GPT2),
    "gpt2-774m": _shape(50257, 1280, 36, (20, 20, 64), 5120, 1024, **GPT2),
    "gpt2-1.5b": _shape(50257, 1600, 48, (25, 25, 64), 6400, 1024, **GPT2),
    "smollm2-135m": _shape(49152, 576, 30, (9, 3, 64), 1536, 8192, **TIED_LLAMA),
    "smollm2-360m": _shape(49152, 960, 32, (15, 5, 64), 2560, 8192, **TIED_LLAMA),
    "smollm2-1.7b": _shape(49152, 2048, 24, (32, 32, 64), 8192, 8192, **TIED_LLAMA),
    "qwen3-0.6b": _shape(151936, 1024, 28, (16, 8, 128), 3072, 40960),
    "qwen3-1.7b": _shape(151936, 2048, 28, (16, 8, 128), 6144, 40960),
    "qwen3-4b": _shape(151936, 2560, 36, (32, 8, 128), 9728, 40960),
    "qwen3-8b": _shape(151936, 4096, 36, (32, 8, 128), 12288, 40960, **UNTIED),
    "qwen3-14b": _shape(151936, 5120, 40, (40, 8, 128), 17408, 40960, **UNTIED),
    "qwen3-32b": _shape(151936, 5120, 64, (64, 8, 128), 25600, 40960, **UNTIED),
    "llama-2-7b": _shape(32000, 4096, 32, (32, 32, 128), 11008, 4096, **LLAMA),
    "llama-2-13b": _shape(32000, 5120, 40, (40, 40, 128), 13824, 4096, **LLAMA),
    "llama-2-70b": _shape(32000, 8192, 80, (64, 8, 128), 28672, 4096, **LLAMA),
    "llama-3.2-1b": _shape(128256, 2048, 16, (32, 8, 64), 8192, 131072, **TIED_LLAMA),
    "llama-3.2-3b": _shape(128256, 3072, 28, (24, 8, 128), 8192, 131072, **TIED_LLAMA),
    "llama-3.1-8b": _shape(128256, 4096, 32, (32, 8, 128), 14336, 131072, **LLAMA),
    "llama-3.1-70b": _shape(128256, 8192, 80, (64, 8, 128), 28672, 131072, **LLAMA),
    "llama-3.1-405b": _shape(128256, 16384, 126, (128, 8, 128), 53248, 131072, **LLAMA),
}
SHORT = {
    "124m": "gpt2-124m",
    "7b": "llama-2-7b",
    "8b": "llama-3.1-8b",
    "13b": "llama-2-13b",
    "70b": "llama-3.1-70b",
    "405b": "llama-3.1-405b",
}
COUNT = re.compile(r"(\d+(?:\.\d+)?)([kmbt])")
UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
LEAST, MOST = 1e5, 2e12
WIDE = 1024  # Qwen3's narrowest
WIDTHS = (*range(64, WIDE, 64), *range(WIDE, 32769, 256))  # what tensor cores and K-quants like
UNTIED_FROM = 4e9  # Qwen3 ties embedding and head up to 4B
MOST_LAYERS = 160
MISS_WEIGHT = 10.0  # of missing the number of parameters, against missing the proportion
WIDTH_PER_LAYER = 100.0  # arXiv 2001.08361, figure 5: loss hardly depends on it between 30 and 200


def shape_of(size: str, *, vocab_size: int) -> tuple[str, ModelConfig]:
    """The name and shape of `size`: a published model, or a number of parameters such as `350m`.

    `vocab_size` counts for shapes that are computed.

    Raises:
        UsageError: neither a name nor a number, or a number that no transformer has.
    """
    name = size.lower().strip()
    name = SHORT.get(name, name)
    if name in NAMED:
        return name, NAMED[name]
    counted = COUNT.fullmatch(name)
    if counted is None:
        raise UsageError(
            f"{size!r} is no size.{nearest(name, [*SHORT, *NAMED])}",
            hint=f"give a number of parameters such as 350m or 1.3b, or one of {', '.join([*SHORT, *NAMED])}",
        )
    wanted = float(counted[1]) * UNITS[counted[2]]
    if not LEAST <= wanted <= MOST:
        raise UsageError(
            f"a model of {size} parameters cannot be meant", hint="sizes from 100k to 2t are estimated"
        )
    return f"Qwen3-shaped, {size}", _computed(wanted, vocab_size)


def _computed(parameters: float, vocab_size: int) -> ModelConfig:
    """The shape near `parameters` whose width is nearest to 100 times its depth.

    Raises:
        UsageError: the vocabulary alone has more.
    """
    best: tuple[float, ModelConfig] | None = None
    for d_model in WIDTHS:
        tied = parameters < UNTIED_FROM
        layer = layer_parameters(_qwen3_like(d_model, 1, vocab_size, tied=tied))
        n_layers = round((parameters - vocab_size * d_model * (1 if tied else 2)) / layer)
        if not 2 <= n_layers <= MOST_LAYERS:
            continue
        shape = _qwen3_like(d_model, n_layers, vocab_size, tied=tied)
        miss = abs(math.log(parameter_count(shape) / parameters))
        slim = abs(math.log(d_model / n_layers / WIDTH_PER_LAYER))
        if best is None or MISS_WEIGHT * miss + slim < best[0]:
            best = MISS_WEIGHT * miss + slim, shape
    if best is None:
        raise UsageError(
            f"no shape has {parameters:,.0f} parameters with a vocabulary of {vocab_size:,}",
            hint="lower --vocab-size, or ask for a larger model",
        )
    return best[1]


def _qwen3_like(d_model: int, n_layers: int, vocab_size: int, *, tied: bool) -> ModelConfig:
    """From width 1024 on heads of 128 and, where it goes, 4 to 8 key heads as Qwen3 has; below, heads of 64."""
    wide = d_model >= WIDE
    head_dim = 128 if wide else 64
    n_heads = d_model // head_dim
    shared = [count for count in range(4, 9) if n_heads % count == 0] if wide else []
    return ModelShape(
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=max(shared, default=n_heads),
        head_dim=head_dim,
        d_ff=default_d_ff(d_model),
        seq_len=4096,
        tie_embeddings=tied,
    ).resolve(vocab_size)
