"""The devices an estimate can be made for: what their makers publish, and how much of it training reaches.

Peaks are dense (no sparsity) bfloat16 with float32 sums. Memory is what CUDA reports, a little below the name's number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ontogeny.core.errors import UsageError, nearest

GIB = 2**30


@dataclass(frozen=True)
class Device:
    """One accelerator or CPU, and how it talks to its neighbours. Rates are FLOP/s and bytes/s, one direction."""

    name: str
    kind: Literal["cuda", "cpu"]
    peak_flops: float
    """Of the type training multiplies in: bfloat16 on a GPU, float32 on a CPU."""
    memory_bytes: float
    memory_bandwidth: float
    matmul_fraction: float
    """Share of the peak that the large products of training reach."""
    attention_fraction: float
    """Share of the peak that fused causal attention reaches, counting only what the mask leaves."""
    link_bandwidth: float
    """Between GPUs of one machine, for each GPU."""
    network_bandwidth: float
    """Between machines, for each GPU."""
    per_node: int
    """GPUs in the usual machine."""
    watts: float | None
    """Most power it draws; None where nobody says."""
    source: str

    def shared(self, processes: int) -> Device:
        """What each of `processes` has of this device."""
        return replace(
            self,
            peak_flops=self.peak_flops / processes,
            memory_bytes=self.memory_bytes / processes,
            memory_bandwidth=self.memory_bandwidth / processes,
            per_node=processes,
        )


DATA_SHEET = "NVIDIA, data sheet"

# What products reach is fitted to published throughputs (tests/estimate/anchors.py: llm-foundry on A100 and H100); the
# best square products reach 0.80 of the peak on H100 and H200, 0.78 on B200 (stas00/ml-engineering, MAMF). Attention is
# FlashAttention 2 on A100 (arXiv 2307.08691, section 4.1) and on H100 (0.35 of the peak, arXiv 2407.08608, section 1).
# B200, L40S and RTX 4090 have no anchor here: values like those of the others.
GPUS: dict[str, Device] = {
    device.name: device
    for device in (  # name, kind, peak, memory, its rate, products, attention, link, network, per node, watts, source
        Device("a100", "cuda", 312e12, 79.2 * GIB, 2.039e12, 0.77, 0.50, 300e9, 25e9, 8, 400, DATA_SHEET),
        Device("a100-40gb", "cuda", 312e12, 39.4 * GIB, 1.555e12, 0.77, 0.50, 300e9, 25e9, 8, 400, DATA_SHEET),
        Device("h100", "cuda", 989e12, 79.2 * GIB, 3.35e12, 0.59, 0.34, 450e9, 50e9, 8, 700, DATA_SHEET),
        Device("h200", "cuda", 989e12, 139.8 * GIB, 4.8e12, 0.59, 0.34, 450e9, 50e9, 8, 700, DATA_SHEET),
        Device("b200", "cuda", 2250e12, 178.4 * GIB, 8.0e12, 0.57, 0.30, 900e9, 50e9, 8, 1000, DATA_SHEET),
        Device("l40s", "cuda", 362e12, 44.4 * GIB, 0.864e12, 0.59, 0.40, 32e9, 25e9, 8, 350, DATA_SHEET),
        Device("rtx4090", "cuda", 165.2e12, 23.5 * GIB, 1.008e12, 0.70, 0.45, 32e9, 12.5e9, 1, 450, DATA_SHEET),
    )
}  # fmt: skip


def gpu(name: str) -> Device:
    """The GPU of this name, in any case and with or without its maker's.

    Raises:
        UsageError: one that is not in the table.
    """
    plain = name.lower().replace(" ", "").replace("nvidia-", "").replace("nvidia", "")
    if plain not in GPUS:
        raise UsageError(
            f"there is no data on a GPU called {name!r}.{nearest(plain, GPUS)}",
            hint=f"known are {', '.join(GPUS)}; `cpu` is this machine",
        )
    return GPUS[plain]


def gpu_called(name: str) -> Device | None:
    """The GPU that a driver calls `name` ("NVIDIA H100 80GB HBM3"); None for one that is not in the table."""
    said = name.lower().replace(" ", "")
    found = [device for key, device in GPUS.items() if key.split("-")[0] in said]
    exact = [device for device in found if device.name.endswith("40gb") == ("40gb" in said)]
    return exact[0] if exact else None


# Shares of the measured rate of square products that training's own shapes reach on a CPU, and attention, which is
# made of small ones there; with what is bound by memory, whole steps of several peers reach 0.65 to 0.78.
CPU_MATMUL_FRACTION = 0.85
CPU_ATTENTION_FRACTION = 0.4
AMX_GAIN = 3.5
"""How many times as fast a CPU with matrix tiles multiplies float32 that it rounds to bfloat16. On two cores of a Xeon
3.2 for square matrices of 1,024, and 3.7 to 4.3 for (4096, 384) times (384, 1024) and its gradients."""
CPU_ROUNDED_FRACTION = 0.57
"""`CPU_MATMUL_FRACTION` of that faster rate: what is bound by memory takes as long as before. With it a step of 10M and
of 30M weights is 1.9 times as fast as in float32, as measured (`benchmarks.pretrain_throughput --dtype bfloat16`)."""
CPU_BYTES_PER_FLOP = 0.1
"""Memory bandwidth over the rate of products where it was not measured: 15 GB/s and 147 GFLOP/s on two AVX2 cores."""


def cpu(*, matmul_flops: float, memory_bytes: float, memory_bandwidth: float | None = None) -> Device:
    """This machine's processor, from its measured rates."""
    if memory_bandwidth is None:
        memory_bandwidth = CPU_BYTES_PER_FLOP * matmul_flops
    return Device(
        name="cpu",
        kind="cpu",
        peak_flops=matmul_flops,
        memory_bytes=memory_bytes,
        memory_bandwidth=memory_bandwidth,
        matmul_fraction=CPU_MATMUL_FRACTION,
        attention_fraction=CPU_ATTENTION_FRACTION,
        link_bandwidth=memory_bandwidth,
        network_bandwidth=memory_bandwidth,
        per_node=1,
        watts=None,
        source="measured on this machine",
    )
