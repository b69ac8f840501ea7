import io

import pytest
from rich.console import Console

from ontogeny.core import progress
from ontogeny.core.progress import QuietProgress, RichProgress, terminal_progress


def test_silent_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = terminal_progress()
    assert isinstance(quiet, QuietProgress)
    with quiet.bar("reading", total=3, unit="rows") as bar:
        bar.advance(2, loss=1.0)
    quiet.note("something")
    assert capsys.readouterr() == ("", "")


def test_a_long_piece_of_work_shows_rate_and_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(second) for second in range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    screen = io.StringIO()
    shown = RichProgress(Console(file=screen, force_terminal=True, width=140))
    with shown.bar("training", total=10, unit="steps") as bar:
        for _ in range(10):
            bar.advance(1, loss=2.5)
    assert "training" in screen.getvalue()
    assert "steps/s" in screen.getvalue()
    assert "loss 2.5" in screen.getvalue()


def test_short_work_shows_no_bar() -> None:
    screen = io.StringIO()
    shown = RichProgress(Console(file=screen, force_terminal=True, width=140))
    with shown.bar("reading", total=2, unit="rows") as bar:
        bar.advance(2)
    assert "reading" not in screen.getvalue()
