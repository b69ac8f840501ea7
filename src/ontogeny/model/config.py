"""What a decoder is made of: the sizes a user chooses (`ModelShape`) and the full description (`ModelConfig`).

The default is exactly Qwen3-shaped (arXiv 2505.09388, section 2): RMSNorm, half-split RoPE, grouped-query attention
with QK-norm, SwiGLU, no biases. Two switches cover the neighbours people fine-tune: Llama (no QK-norm) and Qwen2
(no QK-norm, biases on q, k and v). This module imports no torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Family = Literal["qwen3", "llama", "qwen2"]

SWIGLU_RATIO = 8 / 3  # three matrices of 8/3 hold as many weights as two of 4 (arXiv 2002.05202, section 3)
D_FF_MULTIPLE = 64  # keeps rows aligned for SIMD and for tensor cores
ROPE_BASE = 10_000.0  # arXiv 2104.09864, section 3.3
NORM_EPS = 1e-6  # Qwen3's rms_norm_eps


class ModelShape(BaseModel):
    """The sizes a user chooses; the vocabulary comes from the tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    d_model: PositiveInt
    """Width of the residual stream."""
    n_layers: PositiveInt
    n_heads: PositiveInt
    """Query heads."""
    n_kv_heads: PositiveInt | None = None
    """Key and value heads; `n_heads` when not given."""
    head_dim: PositiveInt | None = None
    """Size of a head; `d_model / n_heads` when not given."""
    d_ff: PositiveInt | None = None
    """Width of the feed-forward layer; 8/3 of `d_model`, rounded up to a multiple of 64, when not given."""
    seq_len: PositiveInt = 256
    """Longest context, tokens."""
    rope_base: float = Field(default=ROPE_BASE, gt=1)
    norm_eps: float = Field(default=NORM_EPS, gt=0)
    tie_embeddings: bool = True
    """Whether the output head is the embedding table."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> ModelShape:
        if self.head_dim is None and self.d_model % self.n_heads:
            raise ValueError(
                f"n_heads ({self.n_heads}) does not divide d_model ({self.d_model}); "
                f"choose n_heads among {divisors(self.d_model)}, or set head_dim"
            )
        check_heads(
            self.n_heads, self.n_kv_heads or self.n_heads, self.head_dim or self.d_model // self.n_heads
        )
        return self

    def resolve(self, vocab_size: int) -> ModelConfig:
        """The full description, every derived size filled in."""
        return ModelConfig(
            vocab_size=vocab_size,
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            n_kv_heads=self.n_kv_heads or self.n_heads,
            head_dim=self.head_dim or self.d_model // self.n_heads,
            d_ff=self.d_ff or default_d_ff(self.d_model),
            seq_len=self.seq_len,
            rope_base=self.rope_base,
            norm_eps=self.norm_eps,
            tie_embeddings=self.tie_embeddings,
        )


class ModelConfig(BaseModel):
    """A decoder's full description: nothing left to derive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: PositiveInt
    d_model: PositiveInt
    n_layers: PositiveInt
    n_heads: PositiveInt
    n_kv_heads: PositiveInt
    head_dim: PositiveInt
    d_ff: PositiveInt
    seq_len: PositiveInt
    rope_base: float = Field(default=ROPE_BASE, gt=1)
    norm_eps: float = Field(default=NORM_EPS, gt=0)
    tie_embeddings: bool = True
    qk_norm: bool = True
    """RMSNorm on each query and key head, before RoPE."""
    qkv_bias: bool = False
    """Biases on the q, k and v projections (Qwen2)."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> ModelConfig:
        check_heads(self.n_heads, self.n_kv_heads, self.head_dim)
        if self.qk_norm and self.qkv_bias:
            raise ValueError(
                "qk_norm and qkv_bias together belong to no family that can be written; set one of them"
            )
        return self

    @property
    def family(self) -> Family:
        """The Hugging Face architecture with these switches."""
        if self.qk_norm:
            return "qwen3"
        return "qwen2" if self.qkv_bias else "llama"


def check_heads(n_heads: int, n_kv_heads: int, head_dim: int) -> None:
    """Raise ValueError unless query heads share key heads evenly and a head splits in two halves for RoPE."""
    if n_heads % n_kv_heads:
        raise ValueError(
            f"n_kv_heads ({n_kv_heads}) does not divide n_heads ({n_heads}); choose among {divisors(n_heads)}"
        )
    if head_dim % 2:
        raise ValueError(
            f"a head of size {head_dim} cannot be split in halves for RoPE; choose an even head_dim"
        )


def default_d_ff(d_model: int) -> int:
    """8/3 of `d_model`, rounded up to a multiple of 64."""
    return -(-round(SWIGLU_RATIO * d_model) // D_FF_MULTIPLE) * D_FF_MULTIPLE


def divisors(number: int) -> list[int]:
    """Every divisor of `number`, ascending."""
    return [candidate for candidate in range(1, number + 1) if number % candidate == 0]
