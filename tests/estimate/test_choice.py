"""What is left open is chosen; what does not fit is told how it could."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.estimate.choice import advice, choose
from ontogeny.estimate.devices import GPUS, cpu, gpu, gpu_called
from ontogeny.estimate.memory import training_memory
from ontogeny.estimate.setup import TrainingSetup, check
from ontogeny.estimate.shapes import NAMED
from ontogeny.estimate.speed import training_speed

SETUP = TrainingSetup(NAMED["llama-2-7b"], GPUS["h100"], 4096, 1, 256, gpus=64)


def test_the_fastest_that_fits_is_chosen() -> None:
    chosen = choose(SETUP, micro_batch=None, recompute=None)
    assert training_memory(chosen).fits
    others = [
        replace(SETUP, micro_batch=rows, recompute=again) for rows in (1, 2, 4) for again in (False, True)
    ]
    fitting = [other for other in others if training_memory(other).fits]
    assert training_speed(chosen).tokens_per_second >= max(
        training_speed(other).tokens_per_second for other in fitting
    ) - 1e-3  # fmt: skip


def test_of_recomputing_setups_the_largest_micro_batch_that_fits() -> None:
    chosen = choose(replace(SETUP, batch_rows=64 * 48, seq_len=8192), micro_batch=None, recompute=True)
    twice = replace(chosen, micro_batch=2 * chosen.micro_batch)
    assert training_memory(chosen).fits
    assert not training_memory(twice).fits or twice.micro_batch > 48


def test_what_is_given_stays() -> None:
    chosen = choose(SETUP, micro_batch=4, recompute=False)
    assert (chosen.micro_batch, chosen.recompute) == (4, False)
    assert not training_memory(chosen).fits


def test_advice_says_what_is_enough_first() -> None:
    told = advice(replace(SETUP, micro_batch=4))
    assert "--recompute" in told[0]
    assert "fits" in told[0]
    assert any("--micro-batch 1" in line for line in told)
    assert all("adapters" not in line for line in told)


def test_tuning_is_told_of_adapters() -> None:
    setup = TrainingSetup(NAMED["llama-3.1-8b"], GPUS["rtx4090"], 2048, 1, 8, recompute=True)
    assert any("--lora 16" in line and "fits" in line for line in advice(setup, tuning=True))


def test_where_nothing_helps_it_says_so() -> None:
    small = cpu(matmul_flops=1e11, memory_bytes=4e9)
    setup = TrainingSetup(NAMED["llama-3.1-405b"], small, 512, 1, 1, recompute=True)
    assert advice(replace(setup, precision="float32", optimizer="muon")) == [
        "a device with more memory: no single change is enough"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tensor_parallel": 3}, "does not divide --gpus"),
        ({"tensor_parallel": 16}, "across machines of 8"),
        ({"tensor_parallel": 64}, "key heads"),
        ({"batch_rows": 8}, "fewer than the 64 groups"),
        ({"device": cpu(matmul_flops=1e11, memory_bytes=8e9)}, "weights are float32 on a CPU"),
        ({"config": NAMED["gpt2-124m"]}, "table of positions"),
    ],
)
def test_what_cannot_be_run_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(replace(SETUP, **changes))  # type: ignore[arg-type]


def test_gpus_go_by_many_names() -> None:
    assert gpu("NVIDIA H100") == gpu("h100") == gpu_called("NVIDIA H100 80GB HBM3")
    assert gpu_called("NVIDIA A100-SXM4-40GB") == GPUS["a100-40gb"]
    assert gpu_called("NVIDIA A100-SXM4-80GB") == GPUS["a100"]
    assert gpu_called("NVIDIA GeForce RTX 4090") == GPUS["rtx4090"]
    assert gpu_called("GTX 970") is None
    with pytest.raises(UsageError, match="Did you mean 'h100'"):
        gpu("h10")
