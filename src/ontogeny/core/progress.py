"""Bars for work that lasts, and notes; shown by Rich in a terminal; elsewhere notes are plain lines.

Steps receive a `Progress` and never print. A bar appears only once its work has lasted two seconds.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID

SHOW_AFTER_S = 2.0
REFRESH_PER_S = 4
RATE_WINDOW_S = 20.0


class Bar(Protocol):
    """One measured piece of work."""

    def advance(self, amount: float = 1, **figures: float) -> None:
        """`amount` more units are done; `figures` are shown beside the rate."""


class Progress(Protocol):
    """Where a step tells how far it is."""

    def bar(self, label: str, *, total: float | None, unit: str) -> AbstractContextManager[Bar]:
        """A bar for `total` units (None: unknown)."""

    def note(self, message: str) -> None:
        """A line worth reading while the step goes on."""


class _QuietBar:
    def advance(self, amount: float = 1, **figures: float) -> None:
        pass


class QuietProgress:
    """Says nothing."""

    @contextmanager
    def bar(self, label: str, *, total: float | None, unit: str) -> Iterator[Bar]:
        yield _QuietBar()

    def note(self, message: str) -> None:
        pass


class NotesOnly(QuietProgress):
    """Notes as plain lines on standard error; no bars."""

    def note(self, message: str) -> None:
        sys.stderr.write(f"  {message}\n")


class RichProgress:
    """Bars with rate and time left, on standard error."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def bar(self, label: str, *, total: float | None, unit: str) -> Iterator[Bar]:
        from rich.progress import (
            BarColumn,
            SpinnerColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichBars

        bars = RichBars(
            SpinnerColumn(),
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TextColumn("[cyan]{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[figures]}"),
            console=self._console,
            refresh_per_second=REFRESH_PER_S,
            transient=True,
        )
        task = bars.add_task(label, total=total, rate="", figures="")
        bar = _RichBar(bars, task, unit)
        timer = threading.Timer(SHOW_AFTER_S, bar.show)
        timer.daemon = True
        timer.start()
        try:
            yield bar
        finally:
            timer.cancel()
            bar.close()

    def note(self, message: str) -> None:
        self._console.print(f"  {message}", style="dim", markup=False, highlight=False)


class _RichBar:
    def __init__(self, bars: RichBars, task: TaskID, unit: str) -> None:
        self._bars, self._task, self._unit = bars, task, unit
        self._marks: list[tuple[float, float]] = [(time.monotonic(), 0.0)]
        self._done = 0.0
        self._showing = threading.Lock()  # `show` runs in the timer's thread
        self._closed = False

    def show(self) -> None:
        """Start the display, unless the work is over or another bar has the screen."""
        from rich.errors import LiveError

        with self._showing, suppress(LiveError):
            if not self._closed:
                self._bars.start()

    def close(self) -> None:
        """Take the bar off the screen for good."""
        with self._showing:
            self._closed = True
            if self._bars.live.is_started:
                self._bars.stop()

    def advance(self, amount: float = 1, **figures: float) -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._marks[-1][0] >= 1 / REFRESH_PER_S:
            self._marks.append((now, self._done))
            while len(self._marks) > 2 and now - self._marks[1][0] > RATE_WINDOW_S:
                self._marks.pop(0)
            self._bars.update(self._task, rate=self._rate(), figures=_show(figures))
        self._bars.advance(self._task, amount)

    def _rate(self) -> str:
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return f"{_short((after - before) / (last - first))} {self._unit}/s" if last > first else ""


def _short(number: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if suffix == 'k' else size):.1f}{suffix}"
    return f"{number:,.0f}" if number >= 10 else f"{number:.2f}"


def _show(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


def terminal_progress() -> Progress:
    """Rich bars when standard error is a terminal, else notes alone."""
    if not sys.stderr.isatty():
        return NotesOnly()
    from rich.console import Console

    return RichProgress(Console(stderr=True))
