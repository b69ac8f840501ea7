"""An estimate as figures, each with the name of its formula and where that comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ontogeny.estimate.calibration import Calibration
from ontogeny.estimate.choice import advice
from ontogeny.estimate.devices import Device
from ontogeny.estimate.memory import (
    RESERVED_BYTES,
    checkpoint_bytes,
    model_bytes,
    training_memory,
)
from ontogeny.estimate.phases import Phase, largest, mean_speed, tokens_of
from ontogeny.estimate.serving import ServingSetup, serving
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.estimate.speed import Speed
from ontogeny.model.flops import parameter_count

Unit = Literal[
    "", "B", "s", "FLOP", "FLOP/s", "tokens", "tokens/s", "%", "GPU-hours", "kWh", "price", "rows", "hours"
]
HOUR = 3600.0

PALM = "arXiv 2204.02311, appendix B"
KORTHIKANTI = "arXiv 2205.05198, section 4"
ZERO = "arXiv 1910.02054, section 5"
FSDP = "arXiv 2304.11277, section 3"
POPE = "arXiv 2211.05102, section 2"
PRICE = "--price-per-hour"
ROOFLINE = "doi 10.1145/1498765.1498785"
OURS = "docs/estimate.md"
CONFIGURATION = "the model's configuration"
ARITHMETIC = "arithmetic"


@dataclass(frozen=True)
class Figure:
    """One number: what it is called, its unit, the name of its formula, and the source of that."""

    value: float
    unit: Unit
    formula: str
    source: str


@dataclass(frozen=True)
class Estimate:
    """What was asked, what it comes to, and what to do where it does not fit."""

    kind: Literal["pretrain", "finetune", "serve"]
    model: str
    setup: dict[str, Any]
    figures: dict[str, Figure]
    fits: bool
    calibration: str
    advice: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Prices:
    """What a user pays: for a GPU (or this machine) an hour, and for energy a kWh; any currency."""

    per_hour: float | None = None
    per_kwh: float | None = None


def estimate_training(
    kind: Literal["pretrain", "finetune"],
    model: str,
    phases: Sequence[Phase],
    *,
    tokens_rule: str,
    tokens_source: str,
    calibration: Calibration,
    prices: Prices,
) -> Estimate:
    """Memory and speed of a run and, where its tokens are known, time and cost.

    `tokens_rule` says how many tokens there are, `tokens_source` who says so.
    """
    setup, tokens = largest(phases), tokens_of(phases)
    speed = mean_speed(phases, correction=calibration.factor)
    memory = training_memory(setup)
    figures = {**_size_figures(setup, speed), **_memory_figures(setup), **_speed_figures(setup, speed)}
    if tokens is not None:
        figures["tokens"] = Figure(tokens, "tokens", tokens_rule, tokens_source)
        figures |= _run_figures(setup, tokens, speed, prices)
    return Estimate(
        kind=kind,
        model=model,
        setup=_described(setup, phases),
        figures=figures,
        fits=memory.fits,
        calibration=calibration.source,
        advice=[] if memory.fits else advice(setup, tuning=kind == "finetune"),
    )


def _described(setup: TrainingSetup, phases: Sequence[Phase]) -> dict[str, Any]:
    """What was estimated; `setup` is that of the phase which needs most memory."""
    described: dict[str, Any] = {
        "device": setup.device.name,
        "gpus": setup.gpus,
        "tensor_parallel": setup.tensor_parallel,
        "seq_len": setup.seq_len,
        "micro_batch": setup.micro_batch,
        "micro_batches": setup.micro_batches,
        "batch_tokens": setup.tokens_per_step,
        "recompute": setup.recompute,
        "precision": "bfloat16" if setup.rounded else setup.precision,
        "optimizer": setup.optimizer,
        "lora_rank": setup.lora_rank,
        "base": setup.base,
    }
    if len(phases) > 1:
        described["phases"] = [
            {
                "steps": round(phase.steps),
                "batch_rows": phase.setup.batch_rows,
                "seq_len": phase.setup.seq_len,
            }
            for phase in phases
        ]
    return described


def _size_figures(setup: TrainingSetup, speed: Speed) -> dict[str, Figure]:
    figures = {
        "parameters": Figure(setup.parameters, "", "sum of tensor sizes", CONFIGURATION),
        "flops_per_token": Figure(speed.flops_per_token, "FLOP", "6 N + 12 L H D T", PALM),
    }
    if setup.lora_rank is not None:
        figures["trained_parameters"] = Figure(
            setup.trained_parameters, "", "rank (in + out) of a matrix", "arXiv 2106.09685, section 4"
        )
        figures["flops_per_token"] = Figure(
            speed.flops_per_token, "FLOP", "4 N + 6 adapters + 12 L H D T", PALM
        )
    return figures


def _memory_figures(setup: TrainingSetup) -> dict[str, Figure]:
    memory = training_memory(setup)
    sharded = f" / {setup.gpus}" if setup.gpus > 1 else ""
    kept = "what enters layers, one whole" if setup.recompute else "what every layer saves"
    moved = "4 bytes a weight" if setup.lora_rank is None else "4 bytes a weight in adapters"
    in_codes = {
        "int8": "1 byte a weight in layers, 4 elsewhere",
        "nf4": "0.52 bytes a weight in layers, 4 elsewhere",
    }
    frozen = in_codes.get(setup.base, f"{setup.product_bytes} bytes, 4 in adapters")
    held = "4 bytes a weight" if setup.lora_rank is None else frozen
    states = {"adamw": "2 moments", "muon": "1 or 2 moments"}[setup.optimizer]
    figures = {
        "weights_bytes": Figure(memory.weights, "B", f"{held}{sharded}", ZERO),
        "gradients_bytes": Figure(memory.gradients, "B", f"{moved}{sharded}", ZERO),
        "optimizer_bytes": Figure(memory.optimizer, "B", f"float32, {states}{sharded}", ZERO),
        "activations_bytes": Figure(memory.activations, "B", kept, KORTHIKANTI),
        "loss_bytes": Figure(memory.loss, "B", "chunks of logits, gradients", "arXiv 2411.09009"),
    }
    if memory.gathered:
        figures["gathered_bytes"] = Figure(memory.gathered, "B", "2 layers, tables, gradient", FSDP)
    reserved = RESERVED_BYTES[setup.device.kind]
    figures["peak_bytes"] = Figure(
        memory.peak + reserved, "B", f"at {memory.height}, and libraries", f"{OURS}, Memory"
    )
    figures["available_bytes"] = Figure(
        memory.usable + reserved, "B", _room(setup.device), setup.device.source
    )
    if setup.gpus > 1:
        figures["peak_bytes_of_all"] = Figure(
            setup.gpus * (memory.peak + reserved), "B", f"x {setup.gpus}", ARITHMETIC
        )
    figures["checkpoint_bytes"] = Figure(
        checkpoint_bytes(setup), "B", "weights and optimizer state", "what training saves"
    )
    figures["model_bytes"] = Figure(model_bytes(setup), "B", "4 bytes a weight", "safetensors in float32")
    return figures


def _room(device: Device) -> str:
    return "less what fragments" if device.kind == "cuda" else "the whole of it"


def _speed_figures(setup: TrainingSetup, speed: Speed) -> dict[str, Figure]:
    figures = {
        "step_seconds": Figure(speed.step, "s", "roofline of its parts", ROOFLINE),
        "exposed_share": Figure(100 * speed.exposed / speed.step, "%", "transfers in the open", FSDP),
        "update_share": Figure(100 * speed.update / speed.step, "%", "bytes of state / bandwidth", ROOFLINE),
        "tokens_per_second": Figure(
            speed.tokens_per_second, "tokens/s", "tokens of a step / its time", ARITHMETIC
        ),
        "flops_utilisation": Figure(100 * speed.utilisation, "%", "model FLOPs / (time x peak)", PALM),
    }
    if setup.gpus == 1:
        del figures["exposed_share"]
    return figures


CHINCHILLA = 20.0
"""Tokens a parameter at which a compute budget buys the lowest loss (arXiv 2203.15556, table 3)."""


def compute_optimal_tokens(parameters: int) -> float:
    """20 tokens a parameter."""
    return CHINCHILLA * parameters


def _run_figures(setup: TrainingSetup, tokens: float, speed: Speed, prices: Prices) -> dict[str, Figure]:
    seconds = tokens / speed.tokens_per_second
    hours = setup.gpus * seconds / HOUR
    unit = "GPU" if setup.device.kind == "cuda" else "machine"
    figures = {
        "flops": Figure(tokens * speed.flops_per_token, "FLOP", "tokens x FLOPs a token", PALM),
        "seconds": Figure(seconds, "s", "tokens / tokens a second", f"{OURS}, Time"),
        "device_hours": Figure(
            hours, "GPU-hours" if unit == "GPU" else "hours", f"{unit}s x time", ARITHMETIC
        ),
    }
    if setup.device.watts is not None:
        energy = hours * setup.device.watts / 1e3
        figures["energy_kwh"] = Figure(
            energy, "kWh", f"hours x {setup.device.watts:g} W at most", setup.device.source
        )
        if prices.per_kwh is not None:
            figures["energy_cost"] = Figure(
                energy * prices.per_kwh, "price", "energy x price", "--price-per-kwh"
            )
    if prices.per_hour is not None:
        figures["cost"] = Figure(hours * prices.per_hour, "price", f"{unit}-hours x price", PRICE)
    return figures


SERVING_CHECKED = (
    "rates are from formulas; eleven published measurements lie within 25% of them (docs/estimate.md)"
)


def estimate_serving(model: str, setup: ServingSetup, *, prices: Prices) -> Estimate:
    """Memory and rates of one copy of a model."""
    found = serving(setup)
    reserved = RESERVED_BYTES[setup.device.kind]
    each = f", / {setup.gpus} GPUs" if setup.gpus > 1 else ""
    decode = "bytes read / bandwidth"
    figures = {
        "parameters": Figure(parameter_count(setup.config), "", "sum of tensor sizes", CONFIGURATION),
        "weights_bytes": Figure(found.weights, "B", f"{setup.weight_type} blocks{each}", "ggml-common.h"),
        "cache_bytes_per_token": Figure(found.cache_per_token, "B", "2 L K D x 2 bytes", POPE),
        "cache_bytes": Figure(found.cache, "B", f"{setup.batch} rows x {setup.context} tokens{each}", POPE),
        "peak_bytes": Figure(found.peak + reserved, "B", "weights + caches + libraries", ARITHMETIC),
        "available_bytes": Figure(found.usable + reserved, "B", "less what fragments", setup.device.source),
        "most_rows": Figure(found.most_rows, "rows", f"memory left / {setup.context} tokens", ARITHMETIC),
        "decode_tokens_per_second": Figure(found.decode_tokens_per_second, "tokens/s", decode, POPE),
        "row_tokens_per_second": Figure(
            found.row_tokens_per_second, "tokens/s", "the same for one reader", POPE
        ),
        "prefill_tokens_per_second": Figure(
            found.prefill_tokens_per_second, "tokens/s", "2 N + 4 L H D T / products", PALM
        ),
        "first_token_seconds": Figure(
            found.first_token_seconds, "s", f"{setup.prompt} / reading + a step", ARITHMETIC
        ),
    }
    if prices.per_hour is not None:
        hourly = setup.gpus * prices.per_hour
        price = 1e6 * hourly / (HOUR * found.decode_tokens_per_second)
        figures["cost_per_million_tokens"] = Figure(price, "price", "price / tokens of an hour", PRICE)
    described = {
        "device": setup.device.name,
        "gpus": setup.gpus,
        "weight_type": setup.weight_type,
        "batch": setup.batch,
        "context": setup.context,
        "prompt": setup.prompt,
    }
    return Estimate(
        "serve",
        model,
        described,
        figures,
        found.fits,
        SERVING_CHECKED,
        _serving_advice(setup, found.fits),
    )


def _serving_advice(setup: ServingSetup, fits: bool) -> list[str]:
    """What would make it fit."""
    if fits:
        return []
    found = serving(setup)
    words = []
    if found.most_rows > 0:
        words.append(
            f"at most {found.most_rows} rows of {setup.context} tokens at once (--batch {found.most_rows})"
        )
    words += [
        f"smaller weights: --type {kind}"
        for kind in ("q8_0", "q4_k_m")
        if kind != setup.weight_type and serving(replace(setup, weight_type=kind)).fits
    ]
    return words or ["a shorter --context, more --gpus, or a device with more memory"]
