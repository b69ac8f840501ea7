"""A disk that fills up, and a workspace that cannot be written. Mounts are used, since permissions do not bind root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontogeny.lineage.workspace import Workspace
from tests.conftest import SMOKE, Life, ontogeny

SMALL_BYTES = 3 << 20  # holds the ledger and the start of a corpus, and no more


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def read_only(smoke: Life, tmp_path: Path) -> Iterator[Path]:
    """A finished workspace behind a read-only bind mount."""
    origin, folder = tmp_path / "origin", tmp_path / "read-only"
    shutil.copytree(smoke.workspace, origin)
    folder.mkdir()
    _mount("--bind", str(origin), str(folder))
    _mount("-o", "remount,bind,ro", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_same_command_goes_on_when_there_is_space(small_disk: Path) -> None:
    workspace = small_disk / "ws"
    failed = ontogeny("run", str(SMOKE), "--until", "tokens", workspace=workspace)
    assert failed.returncode == 1
    assert "No space left on device" in failed.stderr
    assert str(workspace) in failed.stderr
    assert "store gc" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert Workspace(workspace).verify() == []
    _mount("-o", f"remount,size={256 << 20}", str(small_disk))
    done = ontogeny("run", str(SMOKE), "--until", "tokens", workspace=workspace)
    assert done.returncode == 0, done.stderr
    assert Workspace(workspace).verify() == []


def test_a_read_only_workspace_can_be_read_and_says_what_it_cannot(read_only: Path) -> None:
    for command in (
        ["ls"],
        ["show", "smoke/base"],
        ["lineage", "smoke/tutor"],
        ["verify"],
        ["seen", "smoke/base"],
    ):
        done = ontogeny(*command, workspace=read_only)
        assert done.returncode == 0, done.stderr
    for command in (["run", str(SMOKE), "--set", "seed=99"], ["promote", "smoke/tutor", "production"]):
        refused = ontogeny(*command, workspace=read_only)
        assert refused.returncode == 1
        assert str(read_only) in refused.stderr
        assert "--workspace" in refused.stderr
        assert "Traceback" not in refused.stderr
