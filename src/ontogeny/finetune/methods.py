"""What of a model is trained: all of it, its last blocks, or adapters on its frozen matrices.

    choose_trained(model, method, seed=...)      # before the first step
    describe(model, method, train, ...)          # what that comes to, in words
    with base_kept(model, method, folder): ...   # train

Whatever is not trained is frozen truly: it has no gradient, no optimizer's state, and no product is computed for one.
This module imports no torch before a model is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from ontogeny.core.errors import UsageError
from ontogeny.lineage.step import Settings
from ontogeny.model.config import ModelConfig
from ontogeny.model.config_lora import Lora
from ontogeny.report import numbers
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import MuonConfig

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer


class LastBlocks(Settings):
    """The last blocks and the norm behind them; tables, head and the blocks below are frozen."""

    type: Literal["last-blocks"]
    blocks: Annotated[int, Field(ge=1)]
    """How many."""


def _method_type(value: Any) -> Any:
    """`full` is a word; what has settings says its type."""
    if isinstance(value, dict):
        return value.get("type")
    return value if isinstance(value, str) else getattr(value, "type", None)


def _without_base(value: Any) -> Any:
    """Codes are for matrices that stay as they are."""
    if isinstance(value, dict) and "base" in value and value.get("type") in ("full", "last-blocks"):
        raise ValueError(
            f"`base` is for `type: lora` alone: `type: {value['type']}` trains weights of the model itself, which "
            "cannot be kept in codes: leave `base` out, or train adapters"
        )
    return value


Method = Annotated[
    Annotated[
        Annotated[Literal["full"], Tag("full")]
        | Annotated[LastBlocks, Tag("last-blocks")]
        | Annotated[Lora, Tag("lora")],
        Discriminator(_method_type),
    ],
    BeforeValidator(_without_base),
]


def check_method(method: Method, train: TrainConfig) -> None:
    """Refuse what does not go together.

    Raises:
        ValueError: names both settings.
    """
    if method == "full":
        return
    if train.processes > 1:
        raise ValueError(
            f"`method: {method.type}` trains in one process: leave `train.processes` out, or train all weights"
        )
    if not isinstance(method, Lora):
        return
    if isinstance(train.optimizer, MuonConfig):
        raise ValueError(
            "`train.optimizer: {type: muon}` is for whole matrices, and adapters are thin: leave it out for adamw"
        )
    if method.dropout and train.recompute:
        raise ValueError(
            "`train.recompute` would draw the dropout of `method` anew: leave one of the two out"
        )


def check_method_of_model(method: Method, model: ModelConfig) -> None:
    """Refuse what `model` cannot be trained with.

    Raises:
        UsageError: more blocks than there are, or adapters that no format holds.
    """
    if isinstance(method, LastBlocks) and method.blocks > model.n_layers:
        raise UsageError(
            f"`method.blocks` ({method.blocks}) is more than the {model.n_layers} of the model",
            where="method",
            hint=f"lower it to at most {model.n_layers}, or leave `method` out to train all weights",
        )
    if isinstance(method, Lora) and model.family == "gpt2":
        raise UsageError(
            "GPT-2 stores queries, keys and values as one matrix, so adapters on each have no form in PEFT",
            where="method",
            hint="train all weights, or `method: {type: last-blocks, blocks: 2}`",
        )


def choose_trained(model: Transformer, method: Method, *, seed: int) -> None:
    """Freeze what `method` leaves alone, and add its adapters; a head that is added later is trained as well.

    Raises:
        UsageError: see `check_method_of_model` and `model.lora.attach`.
    """
    check_method_of_model(method, model.config)
    if isinstance(method, Lora):
        from ontogeny.model.lora import attach

        attach(model, method, seed=seed)
    elif isinstance(method, LastBlocks):
        model.requires_grad_(requires_grad=False)
        for part in (*model.layers[-method.blocks :], model.norm):
            part.requires_grad_(requires_grad=True)


@contextmanager
def base_kept(model: Transformer, method: Method, folder: Path) -> Iterator[None]:
    """Keep the base of adapters as `method` asks within the context; then it is that in `folder` again, which adapters
    are merged into and measured with.

    Raises:
        ModelFormatError, UsageError: see `model.formats.frozen.kept`.
    """
    if not isinstance(method, Lora) or method.base == "float32":
        yield
        return
    from ontogeny.model.formats import frozen

    with frozen.kept(model, method.base, folder):
        yield


def describe(model: Transformer, method: Method, train: TrainConfig, *, seq_len: int) -> list[str]:
    """A line for each: how many weights are trained, by what, and how much memory it takes at most, as far as known."""
    from ontogeny.model.lora import weight_count

    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    weights = weight_count(model)
    lines = [
        f"method      {_in_words(method, model)}",
        f"trained     {trained:,} of {weights:,} weights ({numbers.percent(trained / weights, 2)})",
    ]
    memory = _memory_bytes(model, method, train, seq_len)
    if memory is not None:
        rows = f"{train.rows_at_once} rows of {seq_len:,} tokens"
        lines.append(f"memory      {numbers.size(memory)} at most, with {rows}")
    return lines


def _in_words(method: Method, model: Transformer) -> str:
    if isinstance(method, LastBlocks):
        return f"the last {method.blocks} of {model.config.n_layers} blocks, and the norm behind them"
    if not isinstance(method, Lora):
        return "all weights"
    from ontogeny.model.lora import adapters

    kind = "DoRA" if method.dora else "LoRA"
    kind = f"rank-stabilised {kind}" if method.rank_stabilised else kind
    kept = "" if method.base == "float32" else f" in {method.base}"
    return f"{kind} of rank {method.rank} on {len(adapters(model))} frozen matrices{kept}"


def _memory_bytes(model: Transformer, method: Method, train: TrainConfig, seq_len: int) -> float | None:
    """By formula; of the last blocks that of all. None on a GPU that is in no table."""
    from ontogeny.core import hardware
    from ontogeny.estimate.devices import cpu, gpu_called
    from ontogeny.estimate.memory import RESERVED_BYTES, training_memory
    from ontogeny.estimate.setup import TrainingSetup

    said = hardware.describe()
    on_cpu = model.device.type == "cpu"
    device = (
        cpu(matmul_flops=1.0, memory_bytes=float(said["memory_bytes"]))  # no time is asked for
        if on_cpu
        else gpu_called(str(said.get("accelerator", "")))
    )
    if device is None:
        return None
    setup = TrainingSetup(
        config=model.config,
        device=device,
        seq_len=seq_len,
        micro_batch=train.rows_at_once,
        batch_rows=train.batch_rows,
        recompute=train.recompute,
        precision="float32" if on_cpu or train.dtype == "float32" else "bfloat16",
        rounded=on_cpu and train.dtype == "bfloat16",
        optimizer=train.optimizer.type,
        lora_rank=method.rank if isinstance(method, Lora) else None,
        base=method.base if isinstance(method, Lora) else "float32",
    )
    return training_memory(setup).peak + RESERVED_BYTES[device.kind]
