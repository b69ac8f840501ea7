"""Published throughputs that estimates are held against. Utilisation counts attention in full, as ours does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ontogeny.estimate.devices import GPUS
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.model.config import ModelConfig
from ontogeny.model.families import GPT2

MPT_VOCABULARY = 50_368
EARLY_ATTENTION = {"h100": 0.165, "a100": 0.285}
"""Share of the peak that the attention of these runs reached (FlashAttention 1 in Triton), fitted to them: about half
of what FlashAttention 2 reaches."""


def mpt(d_model: int, n_layers: int, n_heads: int, seq_len: int) -> ModelConfig:
    """MPT as llm-foundry's benchmark trains it: GPT-2's layer without biases, learned positions, tied head. The family
    here has biases, which weigh nothing."""
    return ModelConfig(
        vocab_size=MPT_VOCABULARY,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        head_dim=d_model // n_heads,
        d_ff=4 * d_model,
        seq_len=seq_len,
        **GPT2,
    )


MPT_SIZES = {  # mosaicml/llm-foundry, scripts/train/yamls/pretrain/mpt-*.yaml
    "125m": (768, 12, 12),
    "350m": (1024, 24, 16),
    "760m": (1536, 24, 12),
    "1b": (2048, 24, 16),
    "3b": (2560, 32, 20),
    "7b": (4096, 32, 32),
    "13b": (5120, 40, 40),
    "30b": (7168, 48, 56),
    "70b": (8192, 80, 64),
}


@dataclass(frozen=True)
class Anchor:
    """A published run: what was trained how, and the utilisation it reached, in per cent."""

    device: str
    size: str
    seq_len: int
    gpus: int
    micro_batch: int
    batch_rows: int
    recompute: bool
    utilisation: float

    def __str__(self) -> str:
        return f"{self.size}, {self.gpus} {self.device}, {self.seq_len} tokens"

    def setup(self) -> TrainingSetup:
        """The run as an estimate takes it."""
        return TrainingSetup(
            config=mpt(*MPT_SIZES[self.size], self.seq_len),
            device=replace(GPUS[self.device], attention_fraction=EARLY_ATTENTION[self.device]),
            seq_len=self.seq_len,
            micro_batch=self.micro_batch,
            batch_rows=self.batch_rows,
            gpus=self.gpus,
            recompute=self.recompute,
        )


# mosaicml/llm-foundry, scripts/train/benchmarking/README.md: "H100 80GB BF16" and "A100 80GB with 1600 Gbps node-node
# interconnect", rows in amp_bf16 with 2,048 to 8,192 tokens.
LLM_FOUNDRY = (
    Anchor("h100", "70b", 2048, 64, 8, 2048, True, 42.57),
    Anchor("h100", "70b", 2048, 32, 2, 1024, True, 36.15),
    Anchor("h100", "30b", 4096, 8, 1, 168, True, 35.86),
    Anchor("h100", "30b", 2048, 32, 14, 1344, True, 43.92),
    Anchor("h100", "30b", 2048, 16, 10, 480, True, 43.07),
    Anchor("h100", "30b", 2048, 8, 3, 504, True, 38.11),
    Anchor("h100", "13b", 4096, 8, 10, 240, True, 41.6),
    Anchor("h100", "13b", 2048, 64, 2, 128, False, 39.86),
    Anchor("h100", "13b", 2048, 8, 2, 16, False, 39.79),
    Anchor("h100", "7b", 8192, 8, 8, 128, True, 37.14),
    Anchor("h100", "7b", 4096, 8, 16, 256, True, 40.42),
    Anchor("h100", "7b", 2048, 8, 6, 48, False, 46.44),
    Anchor("h100", "3b", 8192, 8, 3, 144, False, 40.31),
    Anchor("h100", "3b", 4096, 8, 5, 240, False, 42.31),
    Anchor("h100", "3b", 2048, 64, 6, 1152, False, 40.8),
    Anchor("h100", "3b", 2048, 16, 10, 480, False, 43.73),
    Anchor("h100", "1b", 8192, 8, 3, 96, False, 37.73),
    Anchor("h100", "1b", 4096, 8, 7, 224, False, 40.26),
    Anchor("h100", "1b", 2048, 64, 20, 1280, False, 40.85),
    Anchor("h100", "1b", 2048, 8, 14, 112, False, 41.82),
    Anchor("h100", "760m", 8192, 8, 6, 96, False, 34.84),
    Anchor("h100", "760m", 4096, 8, 12, 192, False, 35.83),
    Anchor("h100", "760m", 2048, 32, 24, 768, False, 37.57),
    Anchor("a100", "30b", 4096, 8, 1, 168, True, 51.37),
    Anchor("a100", "30b", 2048, 8, 3, 504, True, 55.3),
    Anchor("a100", "13b", 8192, 8, 5, 120, True, 56.07),
    Anchor("a100", "13b", 4096, 8, 10, 240, True, 57.62),
    Anchor("a100", "13b", 2048, 8, 2, 48, False, 59.57),
    Anchor("a100", "7b", 8192, 8, 8, 128, True, 54.47),
    Anchor("a100", "7b", 4096, 8, 16, 256, True, 54.84),
    Anchor("a100", "7b", 2048, 8, 6, 96, False, 64.23),
    Anchor("a100", "3b", 8192, 8, 3, 144, False, 59.34),
    Anchor("a100", "3b", 2048, 8, 10, 160, False, 62.11),
    Anchor("a100", "1b", 8192, 8, 3, 96, False, 56.69),
    Anchor("a100", "1b", 2048, 8, 14, 448, False, 59.86),
    Anchor("a100", "760m", 8192, 8, 6, 96, False, 55.31),
    Anchor("a100", "760m", 2048, 8, 24, 384, False, 56.85),
    Anchor("a100", "350m", 8192, 8, 8, 128, False, 53.8),
    Anchor("a100", "350m", 2048, 8, 32, 512, False, 51.62),
    Anchor("a100", "125m", 8192, 8, 8, 128, False, 48.85),
    Anchor("a100", "125m", 2048, 8, 32, 512, False, 44.45),
)

# The same table, where memory is so full (99% by our count) that the allocator has to free and ask again.
OUT_OF_ROOM = (
    Anchor("h100", "30b", 8192, 8, 1, 168, True, 29.92),
    Anchor("a100", "30b", 8192, 8, 1, 168, True, 39.38),
)
