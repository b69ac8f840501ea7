"""What trackers are told: every line once, whatever fails, and in what order after a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ontogeny.model.transformer import Transformer
from ontogeny.train import trackers
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.metrics_log import MetricsLog
from ontogeny.train.optim import Optimizer
from ontogeny.train.rates import Rates
from ontogeny.train.trackers import Line, Tell
from tests.notes import Notes


class Service:
    """A service in memory, which refuses its first `refusals` calls, and answers when it is let."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.opened: list[tuple[str | None, int]] = []
        self.told: list[Line] = []
        self.closed: list[bool] = []
        self.answers = threading.Event()
        self.answers.set()

    def open(self, run: str | None, after_step: int) -> str:
        self._answer()
        self.opened.append((run, after_step))
        return "run-7"

    def tell(self, lines: Sequence[Line]) -> None:
        self._answer()
        self.told += lines

    def close(self, *, finished: bool) -> None:
        self.closed.append(finished)

    def _answer(self) -> None:
        self.answers.wait(20)
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("no route to\nhost")


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "RETRY_S", (0.0,))


@pytest.fixture
def feed(make_model: Callable[[], Transformer]) -> Callable[[Tell, MetricsLog, int, int], None]:
    model = make_model()

    def feed(tell: Tell, metrics: MetricsLog, first: int, last: int) -> None:
        state = TrainState(model, Optimizer(model, AdamWConfig()))
        for step in range(first, last + 1):
            state.step, state.tokens, state.train_seconds = step, 30 * step, 0.5 * step
            result = StepResult(step, 1.0 * step, 2.0, 0.1, 30, 20, 0.5)
            metrics.after_step(state, result)
            tell.after_step(state, result)

    return feed


def telling(path: Path, service: Service, notes: Notes | None = None) -> tuple[Tell, MetricsLog]:
    metrics = MetricsLog(path, every=2, steps=10)
    rates = Rates(flops_per_token=10.0, peak_flops_per_second=1200.0)
    return Tell(service, "a service", metrics=metrics, rates=rates, progress=notes or Notes()), metrics


def test_every_line_once_with_rates(tmp_path: Path, feed: Any) -> None:
    service, notes = Service(), Notes()
    tell, metrics = telling(tmp_path / "m.jsonl", service, notes)
    feed(tell, metrics, 1, 10)
    tell.end(finished=True)
    assert [line["step"] for line in service.told] == [2, 4, 6, 8, 10]
    assert service.told[0] == {"step": 2, "tokens": 60, "loss": 1.5, "lr": 0.1, "grad_norm": 2.0}
    assert service.told[1]["tokens_per_second"] == 60
    assert service.told[1]["flops_utilisation"] == pytest.approx(0.5)
    assert service.opened == [(None, 0)]
    assert service.closed == [True]
    assert notes.said == []


@pytest.mark.parametrize("refusals", [1, 2, 5])
def test_what_failed_is_told_later_and_noted_once(tmp_path: Path, feed: Any, refusals: int) -> None:
    service, notes = Service(refusals), Notes()
    tell, metrics = telling(tmp_path / "m.jsonl", service, notes)
    feed(tell, metrics, 1, 10)
    limit = threading.Event()
    while len(service.told) < 5 and not limit.wait(0.01):
        pass
    tell.end(finished=True)
    assert [line["step"] for line in service.told] == [2, 4, 6, 8, 10]
    assert notes.said == [
        "a service cannot be told the metrics (ConnectionError: no route to host); training goes on"
    ]


def test_a_service_that_never_answers_does_not_hold_up_the_end(
    tmp_path: Path, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "LONGEST_FAREWELL_S", 0.05)
    service, notes = Service(), Notes()
    service.answers.clear()
    tell, metrics = telling(tmp_path / "m.jsonl", service, notes)
    feed(tell, metrics, 1, 10)
    tell.end(finished=True)
    assert notes.said == [
        "a service cannot be told the metrics (it did not answer in time); training goes on"
    ]
    service.answers.set()


def test_a_resumed_run_goes_on_in_the_same_one(tmp_path: Path, feed: Any) -> None:
    service = Service()
    tell, metrics = telling(tmp_path / "m.jsonl", service)
    feed(tell, metrics, 1, 5)
    tell.end(finished=False)
    saved, lines = tell.state(), metrics.state()
    assert saved == {"run": "run-7", "after": 4, "untold": []}
    resumed, metrics = telling(tmp_path / "m.jsonl", service)
    resumed.restore({}, saved)
    metrics.restore({}, lines)
    feed(resumed, metrics, 6, 10)
    resumed.end(finished=True)
    assert [line["step"] for line in service.told] == [2, 4, 6, 8, 10]
    assert service.opened == [(None, 0), ("run-7", 4)]
    assert service.closed == [False, True]


def test_what_was_untold_at_the_checkpoint_is_told_by_the_resumed_run(tmp_path: Path, feed: Any) -> None:
    deaf, service = Service(refusals=10**9), Service()
    tell, metrics = telling(tmp_path / "m.jsonl", deaf)
    feed(tell, metrics, 1, 5)
    saved, lines = tell.state(), metrics.state()
    tell.end(finished=False)
    assert [line["step"] for line in saved["untold"]] == [2, 4]
    resumed, metrics = telling(tmp_path / "m.jsonl", service)
    resumed.restore({}, saved)
    metrics.restore({}, lines)
    feed(resumed, metrics, 6, 10)
    resumed.end(finished=True)
    assert [line["step"] for line in service.told] == [2, 4, 6, 8, 10]
    assert service.opened == [(None, 0)]


def test_a_run_without_a_step_opens_nothing(tmp_path: Path) -> None:
    tell, _ = telling(tmp_path / "m.jsonl", service := Service())
    tell.end(finished=True)
    assert service.opened == []
