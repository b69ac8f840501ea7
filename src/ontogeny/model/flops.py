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
    return (
        config.n_layers * (attention + 3 * config.d_model * config.d_ff) + config.vocab_size * config.d_model
    )


def parameter_count(config: ModelConfig) -> int:
    """All weights that are stored; a tied head counts once."""
    norms = 2 * config.d_model + (2 * config.head_dim if config.qk_norm else 0)
    biases = (config.n_heads + 2 * config.n_kv_heads) * config.head_dim if config.qkv_bias else 0
    tables = 0 if config.tie_embeddings else config.vocab_size * config.d_model
    return matmul_weights(config) + config.n_layers * (norms + biases) + config.d_model + tables


def forward_flops_per_token(config: ModelConfig, context: int) -> int:
    """Operations to read one token behind `context` others (or, in training, in rows of `context` tokens)."""
    attention = 2 * FORWARD_FLOPS_PER_WEIGHT * config.n_layers * config.n_heads * config.head_dim * context
    return FORWARD_FLOPS_PER_WEIGHT * matmul_weights(config) + attention


def flops_per_token(config: ModelConfig, seq_len: int) -> int:
    """Operations to train on one token in rows of `seq_len`, forward and backward."""
    return TRAINING_TO_FORWARD * forward_flops_per_token(config, seq_len)
