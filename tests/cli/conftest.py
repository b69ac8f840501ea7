"""Commands run in this process: `command("ls", "--json")` gives the exit code and what was printed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ontogeny.cli.app import main
from tests.conftest import Life


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON value that it must be."""
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["ontogeny", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Said(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def life(smoke: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A copy of the finished workspace that a test may change, as `$ONTOGENY_HOME`."""
    shutil.copytree(smoke.workspace, tmp_path / "ws")
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    return Life(tmp_path / "ws", smoke.result)
