"""From counts to rates: what a token costs, and what this machine can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ontogeny.model.flops import flops_per_token, tuning_flops_per_token
from ontogeny.model.heads import has_head

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer


def training_flops_per_token(model: Transformer, seq_len: int) -> int:
    """Operations to train on one token in rows of `seq_len`; frozen weights have no gradient to compute.

    Those of a head of classes are not counted: it reads one state a text.
    """
    config = model.config.model_copy(update={"vocab_size": 0}) if has_head(model) else model.config
    if all(weight.requires_grad for weight in model.parameters()):
        return flops_per_token(config, seq_len)
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    layers = [int(name.split(".")[1]) for name in trained if name.startswith("layers.")]
    return tuning_flops_per_token(
        config,
        seq_len,
        first_layer=min(layers, default=model.config.n_layers),
        trained=sum(weight.numel() for weight in trained.values() if weight.ndim == 2),
    )


@dataclass(frozen=True)
class Rates:
    """The FLOPs of a token, and the measured peak of the machine."""

    flops_per_token: float
    peak_flops_per_second: float

    def utilisation(self, tokens_per_second: float) -> float:
        """Model-FLOPs utilisation: the share of the peak that so many tokens a second use."""
        return tokens_per_second * self.flops_per_token / self.peak_flops_per_second
