"""NEFTune: noise on the vectors that enter the first layer while tuning (arXiv 2310.05914, algorithm 1).

A conversation of L inputs gets noise drawn evenly from [-1, 1] for each of its L · C numbers, times
alpha / sqrt(L · C). The paper's L counts padding too; ours does not, so that neither packing nor micro-batches change
the noise. Each conversation of each step has a generator of its own, so a run that is resumed draws the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.core.seeds import derive_seed


@dataclass(frozen=True)
class EmbeddingNoise:
    """Noise of size `alpha` for vectors of `d_model` numbers; `seed` and the step decide it."""

    alpha: float
    d_model: int
    seed: int

    def of_row(self, *, step: int, row: int, inputs: int, device: torch.device) -> Tensor:
        """(inputs, C) float32, for a row of the packing plan in a step."""
        generator = torch.Generator(device).manual_seed(derive_seed(self.seed, step, row))
        noise = torch.empty(inputs, self.d_model, device=device).uniform_(-1, 1, generator=generator)
        return noise.mul_(self.alpha / math.sqrt(inputs * self.d_model))
