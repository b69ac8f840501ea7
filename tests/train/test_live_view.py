"""What the terminal shows: three lines of at most its width, whatever that is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rich.text import Text

from ontogeny.train import live_view
from ontogeny.train.live_view import MOST_POINTS, SPARKS, Curve, TrainingView
from ontogeny.train.loop import StepResult
from ontogeny.train.rates import Rates


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live_view, "time", clock)
    monkeypatch.setattr(live_view, "peak_memory_bytes", lambda: 1_300_000_000)
    return clock


@pytest.fixture
def view() -> TrainingView:
    return TrainingView("pretrain", steps=2000, tokens=2000 * 100, rates=Rates(1e6, 1e9))


def feed(view: TrainingView, clock: Clock, first: int, last: int, **figures: float) -> None:
    state = on_cpu()
    for step in range(first, last + 1):
        clock.now += 0.5
        state.tokens, state.train_seconds = 100 * step, 0.25 * step
        loss = 3.0 + 100 / step
        view.after_step(state, StepResult(step, loss, 0.4321, 1e-3, 100, 100, 0.25, figures))


def on_cpu() -> Any:
    return SimpleNamespace(model=SimpleNamespace(device=SimpleNamespace(type="cpu")))


def plain(view: TrainingView, width: int) -> list[str]:
    return [Text.from_markup(line).plain for line in view.draw(width)]


def test_the_lines(view: TrainingView, clock: Clock) -> None:
    feed(view, clock, 1, 500, held_out_loss=3.3012, held_out_bits_per_byte=1.784)
    progress, loss, rates = plain(view, 120)
    assert progress.startswith("pretrain  ━━━━━━━━━━")
    assert progress.endswith(" 25%  step   500 of 2,000  12 min 30 s left")  # 150,000 tokens at 200 a second
    assert loss.startswith("loss 3.20")
    assert loss.endswith("held out 3.3012  1.7840 bits/byte")
    assert rates == "400 tokens/s  40% of peak  lr 1.00e-03  gradient 0.432  1.3 GB"


@pytest.mark.parametrize("width", [10, 20, 33, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("steps", [1, 7, 500, 2000])
def test_no_line_is_wider_than_the_terminal(view: TrainingView, clock: Clock, width: int, steps: int) -> None:
    feed(view, clock, 1, steps, held_out_loss=3.3012, held_out_bits_per_byte=1.784)
    lines = plain(view, width)
    assert len(lines) == 3
    if width >= 33:
        assert max(map(len, lines)) <= width


def test_a_resumed_run_shows_what_was_before(view: TrainingView, clock: Clock) -> None:
    lines = [{"step": 10 * number, "loss": 5.0 - number / 10} for number in range(1, 41)]
    view.take_up([*lines[:-1], {**lines[-1], "held_out_loss": 3.3012}])
    feed(view, clock, 401, 402)
    _, loss, _ = plain(view, 120)
    assert loss.startswith("loss 1.4")
    assert loss.endswith("held out 3.3012")
    spark = [sign for sign in loss if sign in SPARKS]
    assert len(spark) == 32
    assert spark[8] > spark[-1], "it has fallen since"


def test_before_the_first_step(view: TrainingView) -> None:
    assert plain(view, 80) == ["pretrain  the first step of 2,000"]
    assert view.line() == "pretrain: the first step of 2,000"


def test_places_do_not_move_while_numbers_change(view: TrainingView, clock: Clock) -> None:
    feed(view, clock, 1, 900)
    before = plain(view, 80)[0].index("%")
    feed(view, clock, 901, 1100)
    assert plain(view, 80)[0].index("%") == before


def test_one_plain_line(view: TrainingView, clock: Clock) -> None:
    feed(view, clock, 1, 500, held_out_loss=3.3012)
    said = view.line()
    assert said.startswith("pretrain: step 500 of 2,000, loss 3.20")
    assert said.endswith("held out 3.3012, 400 tokens/s, 40% of peak, 12 min 30 s left")


def test_a_curve_has_bounded_memory_and_keeps_its_mean() -> None:
    curve = Curve()
    for value in range(10_000):
        curve.add(float(value))
    assert len(curve._means) < MOST_POINTS
    spark = curve.sparkline(20)
    assert len(spark) == 20
    assert list(spark[2:]) == sorted(spark[2:])
    assert spark[-1] == SPARKS[-1]


def test_a_steep_beginning_leaves_height_to_the_rest() -> None:
    curve = Curve()
    for value in [1000.0, *(10.0 - step / 10 for step in range(40))]:
        curve.add(value)
    assert set(curve.sparkline(40)) == set(SPARKS)


@pytest.mark.parametrize(("values", "expected"), [([], ""), ([2.0], "▁"), ([2.0, 2.0], "▁▁")])
def test_short_curves(values: list[float], expected: str) -> None:
    curve = Curve()
    for value in values:
        curve.add(value)
    assert curve.sparkline(10) == expected


def test_a_loss_that_is_no_number_is_not_drawn(view: TrainingView, clock: Clock) -> None:
    feed(view, clock, 1, 10)
    state = on_cpu()
    state.tokens, state.train_seconds = 1100, 2.75
    view.after_step(state, StepResult(11, float("nan"), 1.0, 1e-3, 100, 100, 0.25))
    assert "nan" not in " ".join(plain(view, 80))


def test_it_is_drawn_while_it_learns() -> None:
    """The real clock: two steps at the same instant divide by nothing."""
    view = TrainingView("pretrain", steps=2, tokens=200, rates=Rates(1e6, 1e9))
    state = on_cpu()
    state.tokens, state.train_seconds = 100, 0.0
    view.after_step(state, StepResult(1, 3.0, 1.0, 1e-3, 100, 100, 0.0))
    assert len(view.draw(80)) == 3
