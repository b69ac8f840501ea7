"""What a model costs to run: weights and floating-point operations (PaLM's count, arXiv 2204.02311, appendix B).

A multiplication and an addition are two operations. The backward pass costs twice the forward. Attention is counted
in full, as peers count it, though a causal kernel may skip half. Embedding lookups, norms and element-wise work are
left out.
"""

from __future__ import annotations

from ontogeny.model.config import ModelConfig

FORWARD_FLOPS_PER_WEIGHT = 2
TRAINING_TO_FORWARD = 3  # one forward, and a backward of twice its cost


def matmul_weights(config: ModelConfig) -> int:
    """Weights that multiply activations: every layer's matrices and the head, embeddings apart."""
    attention = 2 * config.d_model * config.head_dim * (config.n_heads + config.n_kv_heads)
    feed_forward = (3 if config.gated_mlp else 2) * config.d_model * config.d_ff
    return config.n_layers * (attention + feed_forward) + config.vocab_size * config.d_model


def parameter_count(config: ModelConfig) -> int:
    """All weights that are stored; a tied head counts once."""
    d_model, inner, kv_inner = (
        config.d_model,
        config.n_heads * config.head_dim,
        config.n_kv_heads * config.head_dim,
    )
    norm = 2 * d_model if config.norm == "layer" else d_model
    norms = (4 if config.post_norms else 2) * norm + (2 * config.head_dim if config.qk_norm else 0)
    biases = (inner + 2 * kv_inner if config.qkv_bias else 0) + (d_model if config.o_bias else 0)
    if config.mlp_bias:
        biases += (2 if config.gated_mlp else 1) * config.d_ff + d_model
    tables = 0 if config.tie_embeddings else config.vocab_size * d_model
    if config.positions == "learned":
        tables += config.seq_len * d_model
    return matmul_weights(config) + config.n_layers * (norms + biases) + norm + tables


def forward_flops_per_token(config: ModelConfig, context: int) -> int:
    """Operations to read one token behind `context` others (or, in training, in rows of `context` tokens)."""
    local = len(config.local_layers)
    seen = (config.n_layers - local) * context + local * min(context, config.window or context)
    attention = 2 * FORWARD_FLOPS_PER_WEIGHT * config.n_heads * config.head_dim * seen
    return FORWARD_FLOPS_PER_WEIGHT * matmul_weights(config) + attention


def flops_per_token(config: ModelConfig, seq_len: int) -> int:
    """Operations to train on one token in rows of `seq_len`, forward and backward."""
    return TRAINING_TO_FORWARD * forward_flops_per_token(config, seq_len)
