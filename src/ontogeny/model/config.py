"""What a decoder is made of: the sizes a user chooses (`ModelShape`) and the full description (`ModelConfig`).

The default is exactly Qwen3-shaped (arXiv 2505.09388, section 2): RMSNorm, half-split RoPE, grouped-query attention
with QK-norm, SwiGLU, no biases. A few switches, each of one thing, cover the families people start from; which
settings a family has is written in `model.families`. This module imports no torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from ontogeny.model.families import FAMILIES, Family, family_of

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
    """Blocks of attention and feed-forward."""
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
    """Base of RoPE: the larger, the farther its slowest angles tell places apart."""
    norm_eps: float = Field(default=NORM_EPS, gt=0)
    """What norms add to the mean square before its root is taken."""
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


class RopeScaling(BaseModel):
    """How the frequencies of RoPE were changed for a longer context; computed as transformers does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["linear", "llama3", "yarn"]
    """`linear`: every frequency divided (arXiv 2306.15595); `llama3`: the slow ones (Llama 3.1); `yarn`: the slow
    ones, with a larger dot product (arXiv 2309.00071)."""
    factor: float = Field(ge=1)
    """How many times longer the context became."""
    original_seq_len: PositiveInt | None = None
    """The context before; not for `linear`."""
    low_freq_factor: PositiveFloat = 1.0
    """llama3: frequencies that turn less often than this over the original context are divided in full."""
    high_freq_factor: PositiveFloat = 4.0
    """llama3: those that turn more often than this are left alone."""
    beta_fast: PositiveFloat = 32.0
    """yarn: turns over the original context from which on a frequency is left alone."""
    beta_slow: PositiveFloat = 1.0
    """yarn: turns below which it is divided in full."""
    truncate: bool = True
    """yarn: whether the two bounds are rounded outwards to whole dimensions."""
    attention_factor: PositiveFloat | None = None
    """yarn: what cosines and sines are multiplied with; 0.1 ln(factor) + 1 when not given."""

    @model_validator(mode="after")
    def _whole(self) -> RopeScaling:
        if self.kind != "linear" and self.original_seq_len is None:
            raise ValueError(f"RoPE scaling of kind {self.kind} needs original_seq_len")
        if self.low_freq_factor >= self.high_freq_factor:
            raise ValueError(
                f"low_freq_factor ({self.low_freq_factor}) is not below high_freq_factor ({self.high_freq_factor})"
            )
        return self


class ModelConfig(BaseModel):
    """A decoder's full description: nothing left to derive.

    Beyond sizes, every field is a switch of one thing; the defaults are Qwen3's. Tensors are named as in Hugging Face's
    Llama (`layers.0.self_attn.q_proj.weight`), also for GPT-2, whose stored matrices are turned and split on reading.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
    """RMSNorm on each query and key head, before RoPE (Qwen3, Gemma 3)."""
    qkv_bias: bool = False
    """Biases on the q, k and v projections (Qwen2, GPT-2)."""
    o_bias: bool = False
    """A bias on the output projection of attention (GPT-2)."""
    mlp_bias: bool = False
    """Biases in the feed-forward layer (GPT-2)."""
    gated_mlp: bool = True
    """down(act(gate(x)) * up(x)); without, down(act(up(x))) (GPT-2)."""
    activation: Literal["silu", "gelu_tanh"] = "silu"
    """`gelu_tanh` is what transformers calls gelu_pytorch_tanh (Gemma 3) and gelu_new (GPT-2)."""
    norm: Literal["rms", "layer"] = "rms"
    """LayerNorm has a bias (GPT-2)."""
    norm_unit_offset: bool = False
    """Stored gains are what is added to one: x / rms(x) * (1 + weight) (Gemma 3)."""
    post_norms: bool = False
    """Norms on what attention and feed-forward give, before it is added to the stream (Gemma 3). The norm before the
    feed-forward is then `pre_feedforward_layernorm`, those after `post_attention_layernorm` and
    `post_feedforward_layernorm`; elsewhere `post_attention_layernorm` is the norm before the feed-forward."""
    scale_embeddings: bool = False
    """Token vectors are multiplied by sqrt(d_model) (Gemma 3)."""
    positions: Literal["rope", "learned"] = "rope"
    """`learned`: a table `embed_positions` (seq_len, d_model) added to the tokens, and no RoPE (GPT-2)."""
    query_pre_attn_scalar: PositiveFloat | None = None
    """Scores are divided by its square root; `head_dim` when not given (Gemma 3)."""
    window: PositiveInt | None = None
    """Tokens that a local layer sees, the current one included (Mistral, Gemma 3)."""
    local_layers: tuple[int, ...] = ()
    """Layers, from 0, whose attention is limited to `window`; ascending."""
    local_rope_base: float | None = Field(default=None, gt=1)
    """Base of RoPE in local layers, without scaling; that of the others when not given (Gemma 3)."""
    rope_scaling: RopeScaling | None = None

    @model_validator(mode="after")
    def _sizes_fit(self) -> ModelConfig:
        check_heads(self.n_heads, self.n_kv_heads, self.head_dim)
        if bool(self.local_layers) != (self.window is not None):
            raise ValueError("window and local_layers belong together; give both or neither")
        if list(self.local_layers) != sorted(set(self.local_layers) & set(range(self.n_layers))):
            raise ValueError(
                f"local_layers {list(self.local_layers)} are not ascending numbers below n_layers ({self.n_layers})"
            )
        if self.local_rope_base is not None and not self.local_layers:
            raise ValueError("local_rope_base is for local layers, and there are none")
        if self.positions == "learned" and (self.rope_scaling or self.local_rope_base):
            raise ValueError("learned positions have no RoPE to scale")
        if family_of(self) is None:
            raise ValueError(
                f"these switches together belong to no family that can be written ({', '.join(FAMILIES)})"
            )
        return self

    @property
    def family(self) -> Family:
        """The architecture with these switches; a Mistral without a window is a Llama."""
        family = family_of(self)
        assert family is not None, "checked when the configuration was made"
        return family


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
