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
    return config.n_layers * layer_matmul_weights(config) + config.vocab_size * config.d_model


def layer_matmul_weights(config: ModelConfig) -> int:
    """The matrices of one layer: queries, keys, values, output, feed-forward."""
    attention = 2 * config.d_model * config.head_dim * (config.n_heads + config.n_kv_heads)
    feed_forward = (3 if config.gated_mlp else 2) * config.d_model * config.d_ff
    return attention + feed_forward


def parameter_count(config: ModelConfig) -> int:
    """All weights that are stored; a tied head counts once."""
    tables = config.vocab_size * config.d_model * (1 if config.tie_embeddings else 2)
    if config.positions == "learned":
        tables += config.seq_len * config.d_model
    return config.n_layers * layer_parameters(config) + _norm_parameters(config) + tables


def layer_parameters(config: ModelConfig) -> int:
    """All weights of one layer."""
    inner, kv_inner = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    norms = (4 if config.post_norms else 2) * _norm_parameters(config)
    norms += 2 * config.head_dim if config.qk_norm else 0
    biases = (inner + 2 * kv_inner if config.qkv_bias else 0) + (config.d_model if config.o_bias else 0)
    if config.mlp_bias:
        biases += (2 if config.gated_mlp else 1) * config.d_ff + config.d_model
    return layer_matmul_weights(config) + norms + biases


def _norm_parameters(config: ModelConfig) -> int:
    return 2 * config.d_model if config.norm == "layer" else config.d_model


def forward_flops_per_token(config: ModelConfig, context: int) -> int:
    """Operations to read one token behind `context` others (or, in training, in rows of `context` tokens)."""
    return FORWARD_FLOPS_PER_WEIGHT * matmul_weights(config) + attention_flops_per_token(config, context)


def attention_flops_per_token(config: ModelConfig, context: int) -> int:
    """Operations of one forward token on `context` keys and values in every layer, or on the window of a local one."""
    local = len(config.local_layers)
    seen = (config.n_layers - local) * context + local * min(context, config.window or context)
    return 2 * FORWARD_FLOPS_PER_WEIGHT * config.n_heads * config.head_dim * seen


def flops_per_token(config: ModelConfig, seq_len: int) -> int:
    """Operations to train on one token in rows of `seq_len`, forward and backward."""
    return TRAINING_TO_FORWARD * forward_flops_per_token(config, seq_len)


def tuning_flops_per_token(config: ModelConfig, seq_len: int, *, first_layer: int, trained: int) -> int:
    """Operations where only `trained` weights of matrices are, none of them in tables or below layer `first_layer`.

    The backward pass goes from the head to that layer; gradients of weights are computed for those alone.
    """
    layers = config.n_layers - first_layer
    products = layers * layer_matmul_weights(config) + config.vocab_size * config.d_model
    attention = attention_flops_per_token(config, seq_len) * layers // config.n_layers
    backward = FORWARD_FLOPS_PER_WEIGHT * (products + trained) + (TRAINING_TO_FORWARD - 1) * attention
    return forward_flops_per_token(config, seq_len) + backward
