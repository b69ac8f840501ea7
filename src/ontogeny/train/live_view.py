"""What a terminal shows while a model is trained: three quiet lines that keep their places.

    pretrain ━━━━━━━━━━━━━━╸─────────  58%  step 1,160 of 2,000  2 min 10 s left
    loss 3.2145 █▆▅▄▃▃▂▂▂▁▁▁   held out 3.3012  1.7840 bits/byte
    41.2k tokens/s  72% of peak  lr 1.00e-03  gradient 0.41  1.3 GB

What does not fit a narrow terminal is left out, the least important first.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch

from ontogeny.core.hardware import peak_memory_bytes
from ontogeny.report import numbers
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.rates import Rates

RATE_WINDOW_S = 20.0
SMOOTHING = 0.9  # of the loss that is shown: about the last ten steps
MOST_POINTS = 256
SETTLED_AFTER = 0.1  # of the curve: its first fall would leave no height to the rest
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH, LEAST_SPARK = 32, 8
LEAST_BAR, WIDEST_BAR = 6, 40
GAP = "  "
MEASURED = ("held_out_loss", "held_out_bits_per_byte")


class Curve:
    """A sequence of any length in at most `MOST_POINTS` means of equal width."""

    def __init__(self) -> None:
        self._means: list[float] = []
        self._width = 1
        self._pending: list[float] = []

    def add(self, value: float) -> None:
        """One more value at the end."""
        self._pending.append(value)
        if len(self._pending) == self._width:
            self._means.append(sum(self._pending) / self._width)
            self._pending = []
        if len(self._means) == MOST_POINTS:
            pairs = zip(self._means[::2], self._means[1::2], strict=True)
            self._means = [(one + other) / 2 for one, other in pairs]
            self._width *= 2

    def sparkline(self, width: int) -> str:
        """The curve in `width` characters, fewer while it is short."""
        values = self._means or self._pending
        if not values or width <= 0:
            return ""
        cells = min(width, len(values))
        bounds = [round(cell * len(values) / cells) for cell in range(cells + 1)]
        means = [sum(values[a:b]) / (b - a) for a, b in pairwise(bounds)]
        settled = means[int(SETTLED_AFTER * len(means)) :]
        low, high = min(settled), max(settled)
        top = len(SPARKS) - 1
        scale = top / (high - low) if high > low else 0.0
        return "".join(SPARKS[min(top, max(0, round((mean - low) * scale)))] for mean in means)


class TrainingView:
    """A hook that remembers what to show, and a view (`core.progress.View`) that shows it."""

    def __init__(self, label: str, *, steps: int, tokens: float, rates: Rates) -> None:
        """`tokens`: those of the whole run, as far as is known."""
        self._label, self._steps, self._tokens, self._rates = label, steps, tokens, rates
        self._marks: deque[tuple[float, float, int]] = deque()
        self._loss: float | None = None
        self._curve = Curve()
        self._measured: dict[str, float] = {}
        self._last: StepResult | None = None
        self._done = 0
        self._on_gpu = False

    def take_up(self, lines: Sequence[Mapping[str, float]]) -> None:
        """What was seen of a run that goes on: its metrics so far."""
        before = 0
        for line in lines:
            for _ in range(before, int(line["step"])):
                self._curve.add(line["loss"])
            before = int(line["step"])
            self._loss = line["loss"]
            self._measured |= {name: line[name] for name in MEASURED if name in line}

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Take in a step."""
        if math.isfinite(result.loss):
            before = result.loss if self._loss is None else self._loss
            self._loss = SMOOTHING * before + (1 - SMOOTHING) * result.loss
            self._curve.add(result.loss)
        self._measured |= result.figures
        self._on_gpu = state.model.device.type == "cuda"
        self._done = state.tokens
        self._marks.append((time.monotonic(), state.train_seconds, state.tokens))
        while len(self._marks) > 2 and self._marks[-1][0] - self._marks[1][0] > RATE_WINDOW_S:
            self._marks.popleft()
        self._last = result

    def draw(self, width: int) -> list[str]:
        """Three lines of Rich markup, each at most `width` characters wide."""
        if self._last is None:
            return [
                f"[bold]{self._label}[/bold]{GAP}[dim]the first step of {self._steps:,}[/dim]"[: 2 * width]
            ]
        return [self._progress_line(width), self._loss_line(width), self._rates_line(width)]

    def line(self) -> str:
        """The same in one plain line."""
        if self._last is None:
            return f"{self._label}: the first step of {self._steps:,}"
        left = self._seconds_left()
        parts = [
            f"{self._label}: step {self._last.step:,} of {self._steps:,}",
            f"loss {self._loss:.4f}" if self._loss is not None else "",
            *(text for text, _ in self._held_out()),
            *(text for text, _ in self._speeds()),
            f"{_time_left(left)} left" if left is not None else "",
        ]
        return ", ".join(part for part in parts if part)

    def _progress_line(self, width: int) -> str:
        assert self._last is not None
        share = min(1.0, self._done / self._tokens) if self._tokens else 1.0
        left = self._seconds_left()
        parts = [(f"{math.floor(100 * share):>3}%", "bold")]
        steps = f"step {self._last.step:>{len(f'{self._steps:,}')},} of {self._steps:,}"
        parts += [(steps, ""), (f"{_time_left(left)} left" if left is not None else "", "cyan")]
        parts = fitting(parts, width - len(self._label) - len(GAP) - LEAST_BAR - len(GAP))
        room = width - len(self._label) - len(GAP) * 2 - joined_width(parts)
        bar = max(0, min(room, WIDEST_BAR))
        full = min(bar, int(bar * share))
        return (
            f"[bold]{self._label}[/bold]{GAP}[cyan]{'━' * full}[/cyan][dim]{'─' * (bar - full)}[/dim]"
            f"{GAP}{joined(parts)}"
        )

    def _loss_line(self, width: int) -> str:
        loss = "" if self._loss is None else f"loss {self._loss:.4f}"
        rest = fitting(self._held_out(), width - len(loss) - LEAST_SPARK - len(GAP) - 1)
        room = width - len(loss) - 1 - (len(GAP) + joined_width(rest) if rest else 0)
        spark = self._curve.sparkline(min(SPARK_WIDTH, max(0, room)))
        tail = f"{GAP}{joined(rest)}" if rest else ""
        return f"[bold]{loss}[/bold] [cyan]{spark}[/cyan]{tail}"

    def _rates_line(self, width: int) -> str:
        assert self._last is not None
        memory = torch.cuda.max_memory_allocated() if self._on_gpu else peak_memory_bytes()
        parts = [
            *self._speeds(),
            (f"lr {self._last.lr:.2e}", ""),
            (f"gradient {self._last.grad_norm:.3g}", ""),
            (numbers.size(memory), ""),
        ]
        return joined(fitting(parts, width))

    def _held_out(self) -> list[tuple[str, str]]:
        parts = []
        if (loss := self._measured.get("held_out_loss")) is not None:
            parts.append((f"held out {loss:.4f}", "green"))
        if (bits := self._measured.get("held_out_bits_per_byte")) is not None:
            parts.append((f"{bits:.4f} bits/byte", "green"))
        return parts

    def _speeds(self) -> list[tuple[str, str]]:
        """Tokens a second and utilisation, of the time spent in steps."""
        (_, before, tokens_before), (_, now, tokens) = self._marks[0], self._marks[-1]
        if now <= before:
            return []
        rate = (tokens - tokens_before) / (now - before)
        share = self._rates.utilisation(rate)
        return [(f"{numbers.compact(rate)} tokens/s", "cyan"), (f"{share:.0%} of peak", "")]

    def _seconds_left(self) -> float | None:
        """By the clock, so that measuring and saving count."""
        (before, _, tokens_before), (now, _, tokens) = self._marks[0], self._marks[-1]
        if tokens <= tokens_before or now <= before:
            return None
        return (self._tokens - tokens) * (now - before) / (tokens - tokens_before)


def fitting(parts: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """The parts (text, style) from the first on that fit into `width` with gaps between them; empty ones are none."""
    kept: list[tuple[str, str]] = []
    for part in parts:
        if part[0] and joined_width([*kept, part]) <= width:
            kept.append(part)
    return kept


def joined_width(parts: Sequence[tuple[str, str]]) -> int:
    """Characters of `joined(parts)` on the screen."""
    return sum(len(text) for text, _ in parts) + len(GAP) * max(0, len(parts) - 1)


def joined(parts: Sequence[tuple[str, str]]) -> str:
    """The parts with gaps between them, as markup."""
    return GAP.join(f"[{style}]{text}[/{style}]" if style else text for text, style in parts)


def _time_left(seconds: float | None) -> str:
    """Whole seconds: a display that counts down needs no tenths."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else numbers.seconds(whole)
