"""Memory of training on each GPU: what lasts, what a step adds, and when the two are largest together.

    lasting    weights, gradients, optimizer state: float32, sharded over all GPUs (ZeRO-3, arXiv 1910.02054, section 5)
    passing    activations (`estimate.activations`), the loss, gathered layers, what the optimizer makes for a moment

A step has three heights: the loss, when all activations stand; the end of the backward pass, when all gradients do;
and the update. The peak is the highest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.estimate.activations import (
    FLOAT32,
    activation_bytes,
    kept_loss_bytes,
    layer_gradient_bytes,
    loss_bytes,
)
from ontogeny.estimate.devices import Device
from ontogeny.estimate.setup import OptimizerName, TrainingSetup
from ontogeny.model.config import ModelConfig
from ontogeny.model.flops import layer_matmul_weights, layer_parameters
from ontogeny.model.quantised_kinds import quantised_bytes

STATES: dict[OptimizerName, int] = {"adamw": 2, "muon": 1}
"""Float32 numbers an optimizer keeps of a weight: both moments (arXiv 1711.05101); the momentum of a matrix."""
RESERVED_BYTES = {"cuda": 1.5e9, "cpu": 0.35e9}
"""What a process holds beside tensors: CUDA's context, cuBLAS's workspaces and NCCL's buffers, rounded up; on a CPU the
interpreter and its libraries."""
FRAGMENTS = 0.05
"""Share of the memory that a caching allocator leaves in pieces too small to use; PyTorch, notes on CUDA memory."""

INDEX_BYTES = 4  # of a byte of NF4 when it is looked up (`model.quantised`): int32
GRAM_FROM = 1.5
"""Columns a row from which on Muon iterates on Gram matrices in float32 (`train.optim.muon.LONGER`)."""


@dataclass(frozen=True)
class Memory:
    """Bytes on each GPU. `peak` is at `height`; the parts are not all there at once."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    loss: float
    gathered: float
    peak: float
    height: str
    usable: float
    """What a GPU has for tensors."""

    @property
    def fits(self) -> bool:
        """Whether the peak fits into what is usable."""
        return self.peak <= self.usable


def training_memory(setup: TrainingSetup) -> Memory:
    """Bytes on the GPU that holds most."""
    weights, gradients, optimizer = (
        weight_bytes(setup),
        FLOAT32 * setup.per_gpu(setup.trained_inside, setup.trained_outside),
        optimizer_bytes(setup),
    )
    activations, loss, gathered = activation_bytes(setup), loss_bytes(setup), gathered_bytes(setup)
    lasting = weights + optimizer + gathered
    accumulated = gradients if setup.micro_batches > 1 else 0.0
    between = layer_gradient_bytes(setup) + _made_matrix_bytes(setup)
    heights = {
        "the loss": lasting + accumulated + activations + max(loss, kept_loss_bytes(setup) + between),
        "the end of the backward pass": lasting
        + gradients
        + between
        + activations / setup.config.n_layers
        + _embedding_gradient_bytes(setup),
        "the update": weights + optimizer + gradients + update_bytes(setup),
    }
    height = max(heights, key=lambda name: heights[name])
    return Memory(
        weights=weights,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        loss=loss,
        gathered=gathered,
        peak=heights[height],
        height=height,
        usable=usable_of(setup.device),
    )


def usable_of(device: Device) -> float:
    """What a process on `device` can have as tensors."""
    share = 1 - FRAGMENTS if device.kind == "cuda" else 1
    return device.memory_bytes * share - RESERVED_BYTES[device.kind]


def weight_bytes(setup: TrainingSetup) -> float:
    """Float32 weights, a shard of them on each GPU. Under adapters the frozen ones are in the type of the products, or
    those of the layers in codes and the others float32."""
    outside = setup.parameters - setup.layer_parameters
    if setup.lora_rank is None:
        return FLOAT32 * setup.per_gpu(setup.layer_parameters, outside)
    adapters = FLOAT32 * setup.per_gpu(setup.trained_inside, 0)
    if setup.base == "float32":
        return setup.product_bytes * setup.per_gpu(setup.layer_parameters, outside) + adapters
    layer = sum(quantised_bytes(*shape, setup.base) for shape in layer_matrices(setup.config))
    others = setup.parameters - setup.config.n_layers * layer_matmul_weights(setup.config)
    return setup.per_gpu(setup.config.n_layers * layer, FLOAT32 * others) + adapters


def _made_matrix_bytes(setup: TrainingSetup) -> float:
    """The largest matrix that is made of codes for a product, and the codes as indices for the look-up."""
    if setup.base == "float32":
        return 0.0
    return (FLOAT32 + INDEX_BYTES / 2) * max(rows * columns for rows, columns in layer_matrices(setup.config))


def optimizer_bytes(setup: TrainingSetup) -> float:
    """Optimizer state of the trained weights. Muon has the matrices inside the layers, AdamW the rest."""
    muon = muon_weights(setup)
    inside = STATES["muon"] * muon + STATES["adamw"] * (setup.trained_inside - muon)
    return FLOAT32 * setup.per_gpu(inside, STATES["adamw"] * setup.trained_outside)


def muon_weights(setup: TrainingSetup) -> int:
    """Weights that Muon moves."""
    if setup.optimizer != "muon":
        return 0
    if setup.lora_rank is not None:
        return setup.trained_inside
    return setup.config.n_layers * sum(rows * columns for rows, columns in layer_matrices(setup.config))


def layer_matrices(config: ModelConfig) -> list[tuple[int, int]]:
    """Shapes of the matrices of one layer, (out, in)."""
    inner, kv_inner, width = (
        config.n_heads * config.head_dim,
        config.n_kv_heads * config.head_dim,
        config.d_model,
    )
    raising = [(config.d_ff, width)] * (2 if config.gated_mlp else 1)
    return [
        (inner, width),
        (kv_inner, width),
        (kv_inner, width),
        (width, inner),
        *raising,
        (width, config.d_ff),
    ]


def gathered_bytes(setup: TrainingSetup) -> float:
    """Whole weights that a sharded run holds for a moment, and their gradients before they are summed and cut.

    The layer at work and the next one, fetched ahead (FSDP, arXiv 2304.11277, section 3.3.2), in the type of the
    products; the gradient of one layer in it and, for the sum, in float32; embedding and head, which stay whole.
    """
    if setup.groups == 1:
        return 0.0
    config = setup.config
    layer = layer_parameters(config) / setup.tensor_parallel
    tables = config.vocab_size * config.d_model * (1 if config.tie_embeddings else 2)
    gradient = (setup.product_bytes + FLOAT32) * layer if setup.lora_rank is None else 0.0
    return setup.product_bytes * (2 * layer + tables) + gradient


def _embedding_gradient_bytes(setup: TrainingSetup) -> float:
    """The embedding's own gradient, dense, before it is added to that of a tied head or summed over GPUs."""
    tied = setup.config.tie_embeddings
    if setup.lora_rank is not None or not (tied or setup.gpus > 1):
        return 0.0
    return FLOAT32 * setup.config.vocab_size * setup.config.d_model


def update_bytes(setup: TrainingSetup) -> float:
    """What an update makes for a moment. Muon turns all matrices of one shape at once: the averaged gradient, its copy
    that is iterated on, the copy after a step, and two Gram matrices, or five where it iterates on those; all but the
    gradient in the type of the iteration. AdamW, fused, makes nothing."""
    if setup.optimizer != "muon" or setup.lora_rank is not None:
        return 0.0
    shapes = layer_matrices(setup.config)
    count = (
        1 if setup.gpus > 1 else setup.config.n_layers
    )  # sharded, whole matrices are gathered one at a time
    number = 2 if setup.rounded or setup.device.kind == "cuda" else FLOAT32
    most = 0.0
    for rows, columns in set(shapes):
        matrices = shapes.count((rows, columns)) * count if setup.gpus == 1 else 1
        grams = 5 if iterates_on_gram(setup, rows, columns) else 2
        iterated = number * (2 * rows * columns + grams * min(rows, columns) ** 2)
        most = max(most, matrices * (FLOAT32 * rows * columns + iterated))
    return most


def iterates_on_gram(setup: TrainingSetup, rows: int, columns: int) -> bool:
    """Whether Muon multiplies Gram matrices of this shape instead of the matrix itself (`train.optim.muon`)."""
    in_float32 = setup.device.kind == "cpu" and not setup.rounded
    return in_float32 and max(rows, columns) >= GRAM_FROM * min(rows, columns)


def checkpoint_bytes(setup: TrainingSetup) -> float:
    """Bytes of one checkpoint on disk, all shards together: trained weights and optimizer state."""
    muon = muon_weights(setup)
    states = STATES["muon"] * muon + STATES["adamw"] * (setup.trained_parameters - muon)
    return FLOAT32 * (setup.trained_parameters + states)


def model_bytes(setup: TrainingSetup) -> float:
    """Bytes of the finished model's weights, or of its adapters alone, which are written in float32."""
    return FLOAT32 * (setup.parameters if setup.lora_rank is None else setup.trained_parameters)
