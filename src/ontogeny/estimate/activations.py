"""What the forward pass keeps for the backward pass: every tensor that autograd saves in our decoder, one by one.

The accounting is that of Korthikanti et al. (arXiv 2205.05198, section 4.1), for our layer: attention is fused, so the
T x T scores are never stored (their equation 1 without the 5as/h); the feed-forward layer is gated; nothing drops out;
the loss is chunked, so logits never stand whole. Tests compare the sums with what autograd really saves.
"""

from __future__ import annotations

from ontogeny.estimate.setup import TrainingSetup
from ontogeny.model.config import ModelConfig
from ontogeny.model.flops import layer_matmul_weights
from ontogeny.model.loss_chunks import CHUNK_LOGITS, MIN_CHUNK_ROWS

FLOAT32 = 4
INDEX = 8  # a token id, a target


def saved_bytes_per_token(setup: TrainingSetup) -> float:
    """Bytes that one layer saves of one token, on one GPU of its group."""
    config = setup.config
    inner, kv_inner = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    heads = config.n_heads + config.n_kv_heads
    norms = 4 if config.post_norms else 2
    norm_input = setup.stream_bytes * config.d_model + _norm_numbers(config)
    product_inputs = _casts(setup) * setup.product_bytes * config.d_model
    attention = (
        setup.product_bytes * (2 * inner + 2 * kv_inner) + FLOAT32 * config.n_heads
    )  # q, k, v, out, log sums
    raw_heads = 0 if _made_again(setup) and not config.qkv_bias else setup.stream_bytes * (inner + kv_inner)
    head_norms = raw_heads + FLOAT32 * heads if config.qk_norm else 0
    feed_forward = setup.wide_bytes * _wide_tensors(setup) * config.d_ff
    return (
        norms * norm_input + product_inputs + (attention + head_norms + feed_forward) / setup.tensor_parallel
    )


def _norm_numbers(config: ModelConfig) -> int:
    """Bytes a norm keeps of a row beside its input: 1/rms, or mean and 1/deviation."""
    return FLOAT32 * (2 if config.norm == "layer" else 1)


def _casts(setup: TrainingSetup) -> int:
    """How often what enters attention and feed-forward is saved: once each where the norm gives the products' type.

    Where it gives float32, autocast casts it anew for every matrix that reads it. On a CPU it is not saved, but made
    again (`model.projections`), except before biases.
    """
    config = setup.config
    if setup.stream_bytes != setup.product_bytes:
        return 3 + (2 if config.gated_mlp else 1)
    if not _made_again(setup):
        return 2
    return int(config.qkv_bias) + int(config.mlp_bias or not config.gated_mlp)


def _made_again(setup: TrainingSetup) -> bool:
    """Whether what norms give, and turned heads, are made again in the backward pass instead of being saved."""
    return setup.device.kind == "cpu" and setup.config.norm == "rms"


def _wide_tensors(setup: TrainingSetup) -> int:
    """Tensors of width d_ff: gate, act(gate), up and their product; on a CPU gate and up (`model.mlp`)."""
    plain = setup.device.kind == "cpu" and not setup.config.mlp_bias
    return 4 if setup.config.gated_mlp and not plain else 2


def layer_copies_bytes(setup: TrainingSetup) -> float:
    """Bytes of copies of weights that one layer saves, whatever the batch.

    On a CPU the rows of queries and keys are reordered for RoPE (`model.rope.interleaved`). On one GPU autocast keeps a
    bfloat16 copy of every matrix until the backward pass; sharded weights are gathered instead.
    """
    config = setup.config
    if setup.device.kind == "cpu":
        reordered = config.qk_norm and not config.qkv_bias
        number = FLOAT32 if setup.base == "float32" else 1  # codes are reordered as codes
        return number * config.d_model * config.head_dim * (config.n_heads + config.n_kv_heads) * reordered
    if setup.gpus > 1 or setup.precision == "float32" or setup.lora_rank is not None:
        return 0
    return setup.product_bytes * layer_matmul_weights(config)


def activation_bytes(setup: TrainingSetup) -> float:
    """Bytes that stand between the two passes on one GPU, the loss apart."""
    config, tokens = setup.config, setup.tokens_at_once
    layer = saved_bytes_per_token(setup) * tokens + layer_copies_bytes(setup)
    last = (setup.stream_bytes * config.d_model + _norm_numbers(config) + 2 * INDEX) * tokens
    if not setup.recompute:
        return config.n_layers * layer + last
    entering = setup.product_bytes if setup.groups > 1 else setup.stream_bytes  # sharded layers get it cast
    return config.n_layers * entering * config.d_model * tokens + layer + last


def layer_gradient_bytes(setup: TrainingSetup) -> float:
    """Bytes of gradients of activations inside one layer at the height of its backward pass: of the wide tensors, or of
    queries, keys, values and their raw forms, and of the residual stream."""
    config = setup.config
    wide = max(3 * config.d_ff, 3 * config.head_dim * (config.n_heads + 2 * config.n_kv_heads))
    per_token = setup.product_bytes * wide / setup.tensor_parallel + 2 * setup.stream_bytes * config.d_model
    return per_token * setup.tokens_at_once


def loss_bytes(setup: TrainingSetup) -> float:
    """Bytes of the chunked loss while it is computed: chunks of logits beside what it keeps (`model.loss`).

    A chunk is there in float32 and, where products are in bfloat16, in that too.
    """
    config, tokens = setup.config, setup.tokens_at_once
    rows = max(MIN_CHUNK_ROWS, CHUNK_LOGITS[setup.device.kind] // config.vocab_size)
    per_logit = FLOAT32 if setup.precision == "float32" else FLOAT32 + setup.product_bytes
    return min(tokens, rows) * config.vocab_size * per_logit + kept_loss_bytes(setup)


def kept_loss_bytes(setup: TrainingSetup) -> float:
    """Bytes that the loss keeps until the backward pass: gradients of the last states and of the head."""
    config = setup.config
    states = (setup.stream_bytes + setup.product_bytes) * config.d_model * setup.tokens_at_once
    return states + (0 if setup.lora_rank is not None else FLOAT32 * config.vocab_size * config.d_model)
