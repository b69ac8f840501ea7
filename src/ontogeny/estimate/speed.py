"""How long a training step takes: a roofline (Williams et al. 2009, doi 10.1145/1498765.1498785) over its parts.

    compute      products / what they reach + attention / what it reaches + bytes of the rest / memory bandwidth
    exposed      what FSDP sends and cannot hide behind compute, and every sum of tensor parallelism
    update       bytes of weights, gradients and state / memory bandwidth; Muon's iteration besides
    step         micro-batches x (compute + exposed) + update

Utilisation (MFU): the model's operations, without what is computed again, over peak x time (arXiv 2204.02311, appendix
B).
"""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.estimate.activations import FLOAT32, saved_bytes_per_token
from ontogeny.estimate.memory import iterates_on_gram, layer_matrices, muon_weights
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.model.flops import (
    FORWARD_FLOPS_PER_WEIGHT,
    TRAINING_TO_FORWARD,
    attention_flops_per_token,
    layer_matmul_weights,
    layer_parameters,
)

# The first two are fitted to published throughputs (tests/estimate/anchors.py), with what products reach on a device.
TRAFFIC_PER_SAVED_BYTE = 6.2
"""Bytes moved by norms, RoPE, activation functions and sums, forward and backward, for each byte that a layer saves:
written once, read a few times, and what comes between is not saved at all."""
TRAFFIC_PER_LOGIT = 40
"""Bytes moved for each logit of the chunked loss: made, softened, cast, read by two products."""
BANDWIDTH_FRACTION = 0.8
"""Share of the published memory bandwidth that streaming kernels reach (BabelStream on A100 and H100: 0.8 to 0.93)."""
LINK_FRACTION = 0.75
"""Share of a link's bandwidth that NCCL's rings reach for large messages (nccl-tests: 230 to 240 of 300 GB/s on A100,
360 of 450 on H100)."""

HIDDEN_SHARE = 0.8
"""Share of compute behind which FSDP's transfers can hide: kernels that transfer slow those that compute."""
LAUNCH_SECONDS = 6e-6
"""Time that starting one kernel takes the CPU in PyTorch: what a GPU waits for when kernels are shorter."""
KERNELS_PER_LAYER = 110
"""Kernels of one layer, forward and backward, eager."""
MASKED_ATTENTION = 2
"""How many times as much attention costs on a CPU under a mask of documents (docs/stages/pretraining.md); on CUDA no
more than without."""
NEWTON_SCHULZ_STEPS = 5
ADAM_BYTES = (
    FLOAT32 * 8
)  # weight, gradient and two moments read; weight and moments written; gradient read for its norm
MUON_BYTES = FLOAT32 * 12  # momentum, averaged gradient, its copies and the weight, each read and written


@dataclass(frozen=True)
class Speed:
    """Seconds of one update, by part, and what follows."""

    compute: float
    """Of all micro-batches."""
    exposed: float
    """Transfers that compute does not hide, of all micro-batches."""
    update: float
    tokens_per_second: float
    """All GPUs together."""
    flops_per_token: float
    """Of the model, forward and backward."""
    utilisation: float

    @property
    def step(self) -> float:
        """Seconds of one update."""
        return self.compute + self.exposed + self.update


def training_speed(setup: TrainingSetup, *, correction: float = 1.0) -> Speed:
    """What the formulas say; `correction` is the measured speed of earlier runs over what the formulas say of them."""
    once = compute_seconds(setup)
    exposed = setup.micro_batches * exposed_seconds(setup, once)
    compute, update = setup.micro_batches * once, update_seconds(setup)
    compute, exposed, update = (seconds / correction for seconds in (compute, exposed, update))
    tokens_per_second = setup.tokens_per_step / (compute + exposed + update)
    flops = model_flops_per_token(setup)
    utilisation = tokens_per_second * flops / (setup.gpus * setup.peak_flops)
    return Speed(compute, exposed, update, tokens_per_second, flops, utilisation)


def model_flops_per_token(setup: TrainingSetup) -> float:
    """Operations that training needs for a token; frozen matrices have no gradient of their own to compute."""
    config = setup.config
    products = FORWARD_FLOPS_PER_WEIGHT * _layer_products(setup)
    head = FORWARD_FLOPS_PER_WEIGHT * config.vocab_size * config.d_model
    passes = TRAINING_TO_FORWARD if setup.lora_rank is None else 2
    adapters = 0
    if setup.lora_rank is not None:
        adapters = TRAINING_TO_FORWARD * FORWARD_FLOPS_PER_WEIGHT * setup.trained_parameters
    attention = TRAINING_TO_FORWARD * attention_flops_per_token(config, setup.seq_len)
    return passes * (products + head) + adapters + attention


def compute_seconds(setup: TrainingSetup) -> float:
    """One micro-batch on one group of GPUs, transfers apart."""
    config, device, parts = setup.config, setup.device, setup.tensor_parallel
    again = 1 if setup.recompute else 0
    passes = (TRAINING_TO_FORWARD if setup.lora_rank is None else 2) + again
    products = passes * FORWARD_FLOPS_PER_WEIGHT * _layer_products(setup) / parts
    products += (passes - again) * FORWARD_FLOPS_PER_WEIGHT * config.vocab_size * config.d_model
    if setup.lora_rank is not None:
        products += (TRAINING_TO_FORWARD + again) * FORWARD_FLOPS_PER_WEIGHT * setup.trained_parameters
    causal = (TRAINING_TO_FORWARD + again) * attention_flops_per_token(config, setup.seq_len) / 2 / parts
    if setup.document_mask and device.kind == "cpu":
        causal *= MASKED_ATTENTION
    traffic = TRAFFIC_PER_SAVED_BYTE * config.n_layers * saved_bytes_per_token(setup) * (1 + again / 3)
    traffic += TRAFFIC_PER_LOGIT * config.vocab_size
    per_token = (
        products / setup.product_flops
        + causal / (device.peak_flops * device.attention_fraction)
        + traffic / (device.memory_bandwidth * BANDWIDTH_FRACTION)
    )
    computed = setup.tokens_at_once * per_token
    if device.kind == "cpu":
        return computed
    return max(computed, config.n_layers * KERNELS_PER_LAYER * (1 + again / 3) * LAUNCH_SECONDS)


def _layer_products(setup: TrainingSetup) -> int:
    return setup.config.n_layers * layer_matmul_weights(setup.config)


def exposed_seconds(setup: TrainingSetup, compute: float) -> float:
    """Transfers of one micro-batch that `compute` seconds do not hide."""
    return fsdp_exposed_seconds(setup, compute) + tensor_parallel_seconds(setup)


def fsdp_exposed_seconds(setup: TrainingSetup, compute: float) -> float:
    """Gathering weights twice and summing gradients once (arXiv 1910.02054, section 7), beyond what compute hides.

    At least one layer's gather and sum are in the open.
    """
    groups = setup.groups
    if groups == 1:
        return 0.0
    weights = setup.parameters / setup.tensor_parallel
    sent = (groups - 1) / groups * weights * 2 * setup.product_bytes
    sent += (groups - 1) / groups * setup.trained_parameters / setup.tensor_parallel * FLOAT32
    seconds = sent / bus_bandwidth(setup)
    share_of_layer = layer_parameters(setup.config) / setup.parameters
    return max(seconds - HIDDEN_SHARE * compute, seconds * share_of_layer)


def bus_bandwidth(setup: TrainingSetup) -> float:
    """Bytes/s that each GPU passes on in rings over all groups. A ring leaves a machine once, so the rings of a machine
    together have the bandwidth of all its network cards, one a GPU."""
    device = setup.device
    link = device.link_bandwidth
    if setup.gpus > device.per_node:
        across = device.network_bandwidth * device.per_node
        link = min(link, across)
    return LINK_FRACTION * link / setup.tensor_parallel


def tensor_parallel_seconds(setup: TrainingSetup) -> float:
    """Sums of activations of one micro-batch: two a layer forward, two backward, two when it is computed again
    (arXiv 1909.08053, section 3); nothing hides them."""
    parts = setup.tensor_parallel
    if parts == 1:
        return 0.0
    sums = setup.config.n_layers * (6 if setup.recompute else 4)
    size = setup.product_bytes * setup.config.d_model * setup.tokens_at_once
    return sums * 2 * (parts - 1) / parts * size / (LINK_FRACTION * setup.device.link_bandwidth)


def update_seconds(setup: TrainingSetup) -> float:
    """One update: memory-bound passes over a shard, and Newton-Schulz for Muon's matrices, shared among the GPUs."""
    device = setup.device
    rate = BANDWIDTH_FRACTION * device.memory_bandwidth * setup.gpus
    if setup.optimizer == "adamw" or setup.lora_rank is not None:
        return ADAM_BYTES * setup.trained_parameters / rate
    matrices = layer_matrices(setup.config)
    inside = muon_weights(setup)
    flops = setup.config.n_layers * sum(
        newton_schulz_flops(rows, columns, on_gram=iterates_on_gram(setup, rows, columns))
        for rows, columns in matrices
    )
    moved = MUON_BYTES * inside + ADAM_BYTES * (setup.trained_parameters - inside)
    return moved / rate + flops / (setup.product_flops * setup.gpus)


def newton_schulz_flops(rows: int, columns: int, *, on_gram: bool = False) -> int:
    """Operations of Muon's iteration on one matrix (`train.optim.muon`): X Xᵀ, its square, and their product with X in
    every step; or, `on_gram`, the first and the last product with X, and between them those of Gram matrices alone."""
    short, long = min(rows, columns), max(rows, columns)
    steps = NEWTON_SCHULZ_STEPS
    if on_gram:
        return 4 * short * short * long + 2 * (4 * steps - 3) * short**3
    return steps * (4 * short * short * long + 2 * short**3)
