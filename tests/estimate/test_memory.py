"""The peak is that of real training, and of what others published."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ontogeny.estimate.devices import GIB, GPUS, cpu
from ontogeny.estimate.memory import (
    GRAM_FROM,
    checkpoint_bytes,
    iterates_on_gram,
    model_bytes,
    training_memory,
)
from ontogeny.estimate.setup import TrainingSetup, lora_parameters
from ontogeny.estimate.shapes import NAMED
from ontogeny.model.config import ModelShape
from ontogeny.train.config_optimizer import AdamWConfig, MuonConfig
from ontogeny.train.optim.muon import LONGER
from tests.estimate.anchors import LLM_FOUNDRY
from tests.estimate.live_bytes import peak_of_training

PROCESSOR = cpu(matmul_flops=1e11, memory_bytes=8e9)
LLAMA = NAMED["llama-3.1-8b"]


@pytest.mark.parametrize(
    ("vocab_size", "tied", "rows", "seq_len", "micro_batches", "optimizer", "rounded"),
    [
        (2048, True, 8, 128, 1, "adamw", False),
        (2048, True, 8, 128, 2, "adamw", False),
        (4096, False, 4, 128, 1, "adamw", False),
        (512, True, 1, 64, 1, "adamw", False),
        (512, True, 8, 128, 1, "muon", False),
        (512, True, 1, 64, 1, "muon", False),
        (2048, True, 8, 128, 1, "adamw", True),
        (512, True, 8, 128, 1, "muon", True),
    ],
)
def test_the_peak_is_that_of_training_on_the_processor(
    vocab_size: int, tied: bool, rows: int, seq_len: int, micro_batches: int, optimizer: str, rounded: bool
) -> None:
    config = ModelShape(
        d_model=192, n_layers=3, n_heads=3, n_kv_heads=3, d_ff=512, seq_len=128, tie_embeddings=tied
    ).resolve(vocab_size)
    muon = optimizer == "muon"
    measured = peak_of_training(
        config,
        rows=rows,
        seq_len=seq_len,
        micro_batches=micro_batches,
        optimizer=MuonConfig(type="muon") if muon else AdamWConfig(),
        dtype=torch.bfloat16 if rounded else torch.float32,
    )
    setup = TrainingSetup(
        config,
        PROCESSOR,
        seq_len,
        rows,
        rows * micro_batches,
        precision="float32",
        rounded=rounded,
        optimizer="muon" if muon else "adamw",
    )
    assert training_memory(setup).peak == pytest.approx(measured, rel=0.1)


def test_published_runs_on_80_gb_fit_on_80_gb() -> None:
    needed = [training_memory(anchor.setup()).peak for anchor in LLM_FOUNDRY]
    assert all(peak < 1.1 * 80 * GIB for peak in needed)
    assert (
        sum(bytes_ > 60e9 for bytes_ in needed) > len(needed) / 2
    )  # micro-batches were chosen as large as they go


def test_activations_grow_with_tokens_as_measured() -> None:
    """stas00/ml-engineering, insights/when-to-upgrade-gpus: Llama 3.1 8B on 8 GPUs, ZeRO-3, recomputing, fused loss,
    everything in bfloat16: 0.00043 GiB a token."""

    def peak(tokens: int) -> float:
        setup = TrainingSetup(LLAMA, GPUS["h200"], tokens, 1, 8, gpus=8, recompute=True, stream_bytes=2)
        return training_memory(setup).peak

    assert (peak(131_072) - peak(65_536)) / 65_536 / GIB == pytest.approx(0.00043, rel=0.25)


def test_shards_shrink_as_measured() -> None:
    """torchtitan, benchmarks/llama3_h100_202412: Llama 3.1 8B needs 82.4 GiB on 8 and 67.0 GiB on 128 GPUs, compiled
    77.0 and 62.0: weights, gradients and optimizer state, all else being equal."""

    def lasting(gpus: int) -> float:
        memory = training_memory(TrainingSetup(LLAMA, GPUS["h100"], 8192, 2, 2 * gpus, gpus=gpus))
        return (memory.weights + memory.gradients + memory.optimizer) / GIB

    assert lasting(8) - lasting(128) == pytest.approx(15.2, rel=0.1)


def test_sums_over_all_gpus_do_not_depend_on_their_number() -> None:
    setup = TrainingSetup(LLAMA, GPUS["h100"], 4096, 1, 64)
    alone, sharded = training_memory(setup), training_memory(replace(setup, gpus=16))
    assert 16 * sharded.optimizer == pytest.approx(alone.optimizer)
    assert checkpoint_bytes(setup) == checkpoint_bytes(replace(setup, gpus=16)) == 12 * setup.parameters
    assert (
        training_memory(replace(setup, gpus=16, tensor_parallel=8)).weights > sharded.weights
    )  # whole tables


def test_adapters_train_little_of_much() -> None:
    setup = TrainingSetup(LLAMA, GPUS["h100"], 2048, 1, 8, recompute=True)
    whole, adapters = training_memory(setup), training_memory(replace(setup, lora_rank=16))
    assert not whole.fits
    assert adapters.fits
    assert adapters.weights == pytest.approx(2 * setup.parameters, rel=0.02)
    assert adapters.optimizer < whole.optimizer / 100
    assert model_bytes(setup) == 4 * setup.parameters
    assert model_bytes(replace(setup, lora_rank=16)) == 4 * lora_parameters(LLAMA, 16)


def test_a_base_in_codes_is_the_codes_and_float32_tables() -> None:
    setup = TrainingSetup(LLAMA, GPUS["h100"], 2048, 1, 8, precision="float32", lora_rank=16)
    plain = training_memory(setup)
    tables = 4 * (setup.parameters - setup.layer_parameters)
    adapters = 4 * setup.trained_parameters
    for base, bits in (("int8", 8), ("nf4", 4 + 8 / 64)):
        memory = training_memory(replace(setup, base=base))
        matrices = memory.weights - tables - adapters
        assert matrices == pytest.approx(setup.layer_parameters * bits / 8, rel=0.01)
        assert plain.peak - memory.peak == pytest.approx(plain.weights - memory.weights, rel=0.05)


def test_muon_keeps_half_the_state_of_the_matrices() -> None:
    setup = TrainingSetup(LLAMA, GPUS["h100"], 2048, 1, 8)
    adam, muon = (training_memory(replace(setup, optimizer=name)).optimizer for name in ("adamw", "muon"))
    assert 0.5 < muon / adam < 0.65


def test_muon_iterates_on_gram_matrices_where_the_optimizer_does() -> None:
    assert GRAM_FROM == LONGER
    alone = TrainingSetup(LLAMA, PROCESSOR, 2048, 1, 8, precision="float32")
    assert iterates_on_gram(alone, 128, 192)
    assert iterates_on_gram(alone, 192, 128)
    assert not iterates_on_gram(alone, 128, 191)
    assert not iterates_on_gram(replace(alone, device=GPUS["h100"]), 128, 192)  # products in bfloat16
    assert not iterates_on_gram(replace(alone, rounded=True), 128, 192)
