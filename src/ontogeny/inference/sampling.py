"""How the next token is chosen from the logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.core.errors import UsageError


@dataclass(frozen=True)
class SamplingOptions:
    """How to write. Temperature 0 takes the likeliest token; equal seeds give equal text on one machine."""

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    """Only the likeliest tokens that together reach this probability (arXiv 1904.09751)."""
    top_k: int | None = None
    """Only this many of the likeliest tokens."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Texts that end the answer; they are not part of it."""

    def __post_init__(self) -> None:
        for wrong, what in (
            (self.max_new_tokens < 1, f"max_new_tokens is at least 1, not {self.max_new_tokens}"),
            (not 0 <= self.temperature < float("inf"), f"temperature is 0 or more, not {self.temperature}"),
            (not 0 < self.top_p <= 1, f"top_p is above 0 and at most 1, not {self.top_p}"),
            (self.top_k is not None and self.top_k < 1, f"top_k is at least 1, not {self.top_k}"),
            (any(not text for text in self.stop), "an empty text in `stop` would end every answer"),
        ):
            if wrong:
                raise UsageError(what)


def sample(logits: Tensor, options: SamplingOptions, generator: torch.Generator) -> int:
    """A token id from logits (V,)."""
    if options.temperature == 0:
        return int(logits.argmax())
    scaled = logits.float() / options.temperature
    if options.top_k is not None and options.top_k < len(scaled):
        scaled = scaled.masked_fill(scaled < scaled.topk(options.top_k).values[-1], float("-inf"))
    probabilities = scaled.softmax(-1)
    if options.top_p < 1:
        probabilities = _nucleus(probabilities, options.top_p)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero for tokens outside the smallest set that reaches `top_p`; the likeliest is always in."""
    ordered, order = probabilities.sort(descending=True)
    outside = ordered.cumsum(-1) - ordered >= top_p
    return torch.zeros_like(probabilities).scatter(-1, order, ordered.masked_fill(outside, 0.0))
