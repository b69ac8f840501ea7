"""Programs several at a time, and the refusal to run any without walls, by pretending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.tasks import isolated_run
from ontogeny.tasks.isolated_run import Ended, Limits, check_isolation, run_all_isolated, run_isolated


def test_programs_keep_their_order_and_equal_ones_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(program: str, limits: Limits) -> Ended:
        asked.append(program)
        return Ended("passed", program)

    monkeypatch.setattr(isolated_run, "run_isolated", run)
    ended = run_all_isolated(["b", "a", "b", "c"])
    assert [one.what for one in ended] == ["b", "a", "b", "c"]
    assert sorted(asked) == ["a", "b", "c"]
    assert run_all_isolated([]) == []


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """A launcher that does something else."""

    def pretended(script: str) -> None:
        (tmp_path / "launch.py").write_text(script)
        monkeypatch.setattr(isolated_run, "LAUNCH", tmp_path / "launch.py")

    return pretended


def test_where_a_wall_cannot_be_put_up_nothing_is_run(pretend: Callable[[str], None], tmp_path: Path) -> None:
    denied = "class _Libc:\n    def unshare(self, flags):\n        ctypes.set_errno(1)\n        return -1\n"
    source = isolated_run.LAUNCH.read_text()
    pretend(source.replace("libc = ctypes.CDLL(None, use_errno=True)", f"{denied}libc = _Libc()"))
    with pytest.raises(
        UsageError, match=r"isolated here.*: unshare: Operation not permitted\n→ .*user namespaces"
    ):
        run_isolated(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert not (tmp_path / "ran").exists()


def test_a_launcher_that_breaks_is_a_refusal(pretend: Callable[[str], None]) -> None:
    pretend("raise RuntimeError('broken')")
    with pytest.raises(UsageError, match="RuntimeError: broken"):
        run_isolated("pass")
    pretend("raise SystemExit(7)")
    with pytest.raises(UsageError, match="exit code 7"):
        run_isolated("pass")


def test_a_launcher_that_hangs_is_ended(
    pretend: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_run, "START_S", 0.2)
    pretend("import time\ntime.sleep(60)")
    with pytest.raises(UsageError, match=r"not put up within 0\.3 s"):
        run_isolated("pass", Limits(wall_s=0.1))


def test_a_python_that_does_not_start_behind_the_walls_is_a_refusal(pretend: Callable[[str], None]) -> None:
    check_isolation.cache_clear()
    pretend('print(\'{"ended": "exit"}\')')
    with pytest.raises(UsageError, match=r"Python does not start behind its walls \(exit\)"):
        check_isolation()


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_run.sys, "platform", "darwin")
    with pytest.raises(UsageError, match="takes the namespaces of Linux, and this is darwin"):
        run_isolated("pass")
