"""Scratch: who holds it, whose work lies in it, and what of it is garbage."""

import errno
import json
import os
import threading
import time
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError
from ontogeny.lineage.scratch import NOTE_FILE, PAYLOAD, STATE, Garbage, begin, finish
from ontogeny.lineage.workspace import Workspace


def nobody() -> None:
    pytest.fail("nobody holds it")


def work(workspace: Workspace, key: str, *, step: str = "base", state: str = "", payload: str = "") -> Path:
    """Scratch of a step that was killed with so much in its folders."""
    with workspace.scratch(f"blake3:{key}", waiting=nobody) as folder:
        begin(folder, recipe="demo", step=step)
        for name, text in ((STATE, state), (PAYLOAD, payload)):
            (folder / name).mkdir(exist_ok=True)
            if text:
                (folder / name / "file").write_text(text)
    return folder


def cached(workspace: Workspace, key: str, *, age: float = 0.0) -> Path:
    """A cached folder with one byte in it, written `age` seconds ago."""
    folder = workspace.root / "cache" / "units" / key
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    os.utime(folder / "file", (time.time() - age,) * 2)
    return folder


def counts(found: Garbage) -> tuple[int, int, int, int]:
    return found.scratch_folders, found.cached_folders, found.bytes, len(found.kept)


def test_scratch_is_held_by_one_and_waited_for_by_others(workspace: Workspace) -> None:
    order: list[str] = []
    waited, inside = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait()
        with Workspace(workspace.root).scratch("blake3:ab", waiting=waited.set):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with workspace.scratch("blake3:ab", waiting=nobody) as folder:
        (folder / "kept").write_text("x")
        cached(workspace, "ab", age=60)
        inside.set()
        waited.wait()
        assert counts(workspace.collect_garbage(unfinished=True)) == (0, 0, 0, 0)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert counts(workspace.collect_garbage()) == (1, 1, 2, 0)


def test_work_to_go_on_with_stays_until_it_is_asked_for(workspace: Workspace) -> None:
    folder = work(workspace, "ab", state="checkpoint", payload="half-written")
    found = workspace.collect_garbage()
    assert counts(found) == (0, 0, len("half-written"), 1)
    (kept,) = found.kept
    assert (kept.folder, kept.recipe, kept.step, kept.resumable) == (folder, "demo", "base", True)
    assert kept.bytes == len("checkpoint") + (folder / NOTE_FILE).stat().st_size
    assert kept.began <= kept.written <= time.time()
    assert (folder / STATE / "file").read_text() == "checkpoint"
    assert counts(workspace.collect_garbage()) == (0, 0, 0, 1)
    assert counts(workspace.collect_garbage(unfinished=True)) == (1, 0, kept.bytes, 0)
    assert not folder.exists()


def test_scratch_with_nothing_to_go_on_with_is_garbage(workspace: Workspace) -> None:
    work(workspace, "ab", payload="half-written")
    assert counts(workspace.collect_garbage())[0::3] == (1, 0)


def test_scratch_of_an_older_version_has_no_note_and_stays(workspace: Workspace) -> None:
    (work(workspace, "ab", state="checkpoint") / NOTE_FILE).unlink()
    (work(workspace, "cd", payload="half-written") / NOTE_FILE).unlink()
    found = workspace.collect_garbage()
    assert found.scratch_folders == 1
    assert [(one.recipe, one.step, one.bytes) for one in found.kept] == [(None, None, len("checkpoint"))]


def test_what_was_cached_since_unfinished_work_began_stays_with_it(workspace: Workspace) -> None:
    before = cached(workspace, "before", age=60)
    work(workspace, "ab")  # a step that keeps its work in the cache alone
    since = cached(workspace, "since")
    found = workspace.collect_garbage()
    assert (found.scratch_folders, found.cached_folders, len(found.kept)) == (0, 1, 1)
    assert since.exists() and not before.exists()
    found = workspace.collect_garbage(unfinished=True)
    assert (found.scratch_folders, found.cached_folders) == (1, 1)
    assert not since.exists()


def test_what_a_finished_step_left_is_garbage(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = work(workspace, "ab", state="checkpoint")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)  # killed before it was removed
        finish(folder)
    assert not folder.exists()
    assert counts(workspace.collect_garbage())[0::3] == (1, 0)
    assert not any((workspace.root / "scratch").iterdir())
    finish(work(workspace, "ab", state="checkpoint"))
    assert not any((workspace.root / "scratch").iterdir())


def test_unfinished_work_of_a_step_is_found_where_nobody_is_at_it(workspace: Workspace) -> None:
    folder = work(workspace, "ab", state="checkpoint")
    work(workspace, "cd", step="other", state="checkpoint")
    work(workspace, "ef")  # nothing to go on with
    assert [one.folder for one in workspace.unfinished("demo", "base")] == [folder]
    with workspace.scratch("blake3:ab", waiting=nobody):
        assert workspace.unfinished("demo", "base") == []
    assert workspace.unfinished("elsewhere", "base") == []


def test_a_step_that_goes_on_keeps_the_time_it_began(workspace: Workspace) -> None:
    with workspace.scratch("blake3:ab", waiting=nobody) as folder:
        assert begin(folder, recipe="demo", step="base")
        note = json.loads((folder / NOTE_FILE).read_text())
        (folder / NOTE_FILE).write_text(json.dumps(note | {"began": "2026-01-01T00:00:00+00:00"}))
        (folder / STATE).mkdir()
        (folder / STATE / "file").write_text("x")
        assert not begin(folder, recipe="demo", step="base")
    assert json.loads((folder / NOTE_FILE).read_text())["began"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("refusing", ["filelock.FileLock.acquire", "shutil.rmtree"])
def test_scratch_that_cannot_be_removed_is_named_and_let_go(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    folder = workspace.root / "scratch" / "ab"
    folder.mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(refusing, refuse)
        with pytest.raises(ArtifactError, match="Read-only file system while removing scratch") as caught:
            workspace.collect_garbage()
    assert caught.value.where == str(folder)
    assert "--workspace" in (caught.value.hint or "")
    assert workspace.collect_garbage().scratch_folders == 1
