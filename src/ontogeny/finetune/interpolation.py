"""Weights on the line from the base to the tuned model: less forgetting for a little of the gain (arXiv 2109.01903).

    line = Line(model, base)           # `model` is tuned, `base()` loads what it was
    line.put(0.6)                      # now it has six tenths of the way; 0 is the base, 1 the tuned model, to the bit

Of adapters B is scaled, which is the same line: W + alpha * scale * B A. With DoRA the lengths of rows go from those of
the base to the tuned ones, which bends it. A head of classes stays as it was trained: the base has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ontogeny.finetune.config_guards import Forgetting
from ontogeny.finetune.forgetting import Rise
from ontogeny.model.heads import NAME as HEAD
from ontogeny.model.lora import adapters
from ontogeny.model.transformer import Transformer


class Line:
    """The way of what was trained in a model."""

    @torch.no_grad()
    def __init__(self, model: Transformer, base: Callable[[], Transformer]) -> None:
        adapted = adapters(model)
        if adapted:
            self._ends = {}
            for layer in adapted.values():
                self._ends[layer.lora_B] = (torch.zeros_like(layer.lora_B), layer.lora_B.clone())
                if layer.lora_magnitude is not None:
                    lengths = torch.linalg.vector_norm(layer.weight, dim=1)
                    self._ends[layer.lora_magnitude] = (lengths, layer.lora_magnitude.clone())
            return
        before = dict(base().named_parameters())
        self._ends = {
            weight: (before[name].detach(), weight.clone())
            for name, weight in model.named_parameters()
            if weight.requires_grad and not name.startswith(f"{HEAD}.")
        }

    @torch.no_grad()
    def put(self, alpha: float) -> None:
        """Give the model the weights at `alpha` of the way, in [0, 1]."""
        for weight, (start, end) in self._ends.items():
            weight.copy_(torch.lerp(start, end, alpha))


@dataclass(frozen=True)
class Point:
    """What was measured at `alpha`. `held_out_accuracy` is that of a classifier."""

    alpha: float
    held_out_loss: float
    held_out_accuracy: float | None
    rise: Rise


@dataclass(frozen=True)
class Curve:
    """Points in the order of their alphas, the base first and the tuned model last; which is suggested, and taken."""

    points: tuple[Point, ...]
    suggested: float
    rule: str
    taken: float

    @property
    def words(self) -> str:
        """What it says, for people."""
        point = next(each for each in self.points if each.alpha == self.suggested)
        found = f"held-out loss {point.held_out_loss:.4f}, {point.rise.words}"
        return f"Suggested: {self.suggested:g} of the way, {self.rule}. There: {found}."

    def figures(self) -> dict[str, Any]:
        """For the manifest."""
        rows = [
            {
                "alpha": each.alpha,
                "held_out_loss": each.held_out_loss,
                "held_out_accuracy": each.held_out_accuracy,
                "general_bits_per_byte": each.rise.after,
                **each.rise.figures(),
            }
            for each in self.points
        ]
        return {"interpolation": rows, "suggested_alpha": self.suggested, "alpha": self.taken}


def curve_of(points: Sequence[Point], gate: Forgetting | None, take: float | str) -> Curve:
    """`points` with the suggested one, which is taken where `take` is "suggested"."""
    suggested, rule = suggest(points, gate)
    return Curve(tuple(points), suggested, rule, suggested if isinstance(take, str) else take)


def suggest(points: Sequence[Point], gate: Forgetting | None) -> tuple[float, str]:
    """The alpha that the measurements speak for, and by which rule.

    With a gate: of those that it would pass, the one with the lowest held-out loss. Without: the knee, where the share
    of the largest fall of the held-out loss is furthest above the share of the whole rise of general bits per byte
    (the greatest distance to the chord; Satopaa et al. 2011, doi 10.1109/ICDCSW.2011.20). Of equals the largest.
    """
    if gate is not None:
        passing = [each for each in points if each.rise.within(gate.margin)] or list(points[:1])
        best = min(passing, key=lambda each: (each.held_out_loss, -each.alpha))
        return (
            best.alpha,
            f"which has the lowest held-out loss of those within the margin of {gate.margin:.2%}",
        )
    base, tuned = points[0], points[-1]
    fall = base.held_out_loss - min(each.held_out_loss for each in points)
    cost = tuned.rise.share
    if fall <= 0 or cost <= 0:
        best = min(points, key=lambda each: (each.held_out_loss, -each.alpha))
        return (
            best.alpha,
            "which has the lowest held-out loss, since nothing was forgotten"
            if cost <= 0
            else ("since tuning gained nothing on the held-out part"),
        )

    def above_chord(each: Point) -> tuple[float, float]:
        return (base.held_out_loss - each.held_out_loss) / fall - each.rise.share / cost, each.alpha

    return max(points, key=above_chord).alpha, "the knee of the curve"
