"""What is estimated: a model, how it is trained, and on which devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ontogeny.core.errors import UsageError
from ontogeny.estimate.devices import AMX_GAIN, CPU_ROUNDED_FRACTION, Device
from ontogeny.model.config import ModelConfig
from ontogeny.model.config_lora import BaseForm
from ontogeny.model.flops import layer_parameters, parameter_count

OptimizerName = Literal["adamw", "muon"]
Precision = Literal["bfloat16", "float32"]


@dataclass(frozen=True)
class TrainingSetup:
    """A training run as the formulas see it.

    GPUs hold a shard each (FSDP), in groups of `tensor_parallel` that share every layer.
    """

    config: ModelConfig
    device: Device
    seq_len: int
    """Tokens of a row."""
    micro_batch: int
    """Rows a group computes at once."""
    batch_rows: int
    """Rows of one update, all groups together."""
    gpus: int = 1
    tensor_parallel: int = 1
    recompute: bool = False
    """Whether the backward pass computes the inside of each layer again."""
    precision: Precision = "bfloat16"
    rounded: bool = False
    """Whether a CPU rounds to bfloat16 what products read, and stores so what is inside a feed-forward layer."""
    optimizer: OptimizerName = "adamw"
    lora_rank: int | None = None
    """Rank of adapters on every matrix of the layers, all else frozen; None: every weight is trained."""
    base: BaseForm = "float32"
    """Under adapters, how the frozen matrices of the layers are kept."""
    document_mask: bool = False
    """Whether a token sees its own document alone."""
    stream_bytes: Literal[2, 4] = 4
    """Bytes of a number between the layers: float32 under autocast; 2 where all is cast to bfloat16."""

    @property
    def groups(self) -> int:
        """Copies of the model that read different rows."""
        return self.gpus // self.tensor_parallel

    @property
    def tokens_at_once(self) -> int:
        """Tokens of one forward and backward pass on a group."""
        return self.micro_batch * self.seq_len

    @property
    def micro_batches(self) -> int:
        """Forward and backward passes of a group for one update."""
        return -(-self.batch_rows // (self.groups * self.micro_batch))

    @property
    def tokens_per_step(self) -> int:
        """Tokens of one update, all groups together."""
        return self.micro_batches * self.groups * self.tokens_at_once

    @property
    def peak_flops(self) -> float:
        """FLOP/s of the products of one device."""
        return self.device.peak_flops * (AMX_GAIN if self.rounded else 1.0)

    @property
    def product_flops(self) -> float:
        """What of it the products of the model reach."""
        return self.peak_flops * (CPU_ROUNDED_FRACTION if self.rounded else self.device.matmul_fraction)

    @property
    def product_bytes(self) -> int:
        """Bytes of a number that products read."""
        return 2 if self.precision == "bfloat16" else 4

    @property
    def wide_bytes(self) -> int:
        """Bytes of a number inside a feed-forward layer."""
        plain = self.config.gated_mlp and not self.config.mlp_bias and self.tensor_parallel == 1
        return 2 if self.rounded and plain else self.product_bytes

    @property
    def parameters(self) -> int:
        """Weights of the model, adapters apart."""
        return parameter_count(self.config)

    @property
    def trained_inside(self) -> int:
        """Weights inside the layers, or their adapters, that have gradients and an optimizer's state."""
        return (
            self.layer_parameters if self.lora_rank is None else lora_parameters(self.config, self.lora_rank)
        )

    @property
    def trained_outside(self) -> int:
        """The same of tables and the last norm, which have no adapters."""
        return self.parameters - self.layer_parameters if self.lora_rank is None else 0

    @property
    def trained_parameters(self) -> int:
        """All weights that are trained."""
        return self.trained_inside + self.trained_outside

    def per_gpu(self, inside: float, outside: float) -> float:
        """Of numbers inside the layers and outside them (tables, last norm), those of one GPU: tensor parallelism cuts
        the matrices of the layers, and leaves the tables whole (`train.tensor_parallel`)."""
        return (inside / self.tensor_parallel + outside) / self.groups

    @property
    def layer_parameters(self) -> int:
        """Weights inside the layers."""
        return self.config.n_layers * layer_parameters(self.config)


def lora_parameters(config: ModelConfig, rank: int) -> int:
    """Weights of adapters on all matrices of the layers: rank · (in + out) each (arXiv 2106.09685, section 4.1)."""
    inner, kv_inner = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = 2 * (config.d_model + inner) + 2 * (config.d_model + kv_inner)
    feed_forward = (3 if config.gated_mlp else 2) * (config.d_model + config.d_ff)
    return config.n_layers * rank * (attention + feed_forward)


def check(setup: TrainingSetup) -> None:
    """Refuse what cannot be run.

    Raises:
        UsageError: names the option and what would do.
    """
    config, parts = setup.config, setup.tensor_parallel
    if setup.device.kind == "cpu" and setup.precision == "bfloat16":
        raise UsageError(
            "weights are float32 on a CPU, whatever `train.dtype` is",
            hint="name a GPU, or leave the type out",
        )
    if setup.batch_rows < setup.groups:
        raise UsageError(
            f"a batch of {setup.batch_rows} rows is fewer than the {setup.groups} groups of GPUs that share it",
            hint="raise --batch-tokens (in a recipe `train.batch_rows`), or lower --gpus",
        )
    if setup.gpus % parts:
        raise UsageError(
            f"--tensor-parallel {parts} does not divide --gpus {setup.gpus}", hint="give a divisor of --gpus"
        )
    if config.n_kv_heads % parts or config.d_ff % parts:
        raise UsageError(
            f"--tensor-parallel {parts} divides not both the {config.n_kv_heads} key heads and the feed-forward width "
            f"{config.d_ff}",
            hint="give a divisor of both",
        )
    if parts > setup.device.per_node:
        raise UsageError(
            f"--tensor-parallel {parts} would reach across machines of {setup.device.per_node} GPUs",
            hint=f"give at most {setup.device.per_node}: its sums need the link inside a machine",
        )
    if setup.seq_len > config.seq_len and config.positions == "learned":
        raise UsageError(
            f"--seq-len {setup.seq_len} is longer than the model's table of positions ({config.seq_len})",
            hint=f"give at most {config.seq_len}",
        )
