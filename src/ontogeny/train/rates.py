"""From counts to rates: what a token costs, and what this machine can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """The FLOPs of a token, and the measured peak of the machine."""

    flops_per_token: float
    peak_flops_per_second: float

    def utilisation(self, tokens_per_second: float) -> float:
        """Model-FLOPs utilisation: the share of the peak that so many tokens a second use."""
        return tokens_per_second * self.flops_per_token / self.peak_flops_per_second
