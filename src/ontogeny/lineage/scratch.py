"""Scratch: a folder for each fingerprint that is being computed, and the note that says whose work lies in it.

    <root>/scratch/<fingerprint>/unfinished.json    recipe, step and when it began; there until the step is published
    <root>/scratch/<fingerprint>/payload/           what the step makes, emptied before each attempt
    <root>/scratch/<fingerprint>/state/             what lets it go on
    <root>/scratch/done-<fingerprint>/              what is left of a step that was published, on its way out

Work that was begun stays until it is finished or somebody asks for it to be removed. Scratch of an older version has no
note; what lies in its `state` is kept all the same.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import canonical_json, disk_errors, read_json, write_atomic

NOTE_FILE = "unfinished.json"
PAYLOAD = "payload"
STATE = "state"
DONE = "done-"


@dataclass(frozen=True)
class Unfinished:
    """Work that was begun. `began` and `written` (the last time) are seconds since 1970.

    `recipe` and `step` are None where an older version began it. `resumable`: something lies there to go on with.
    """

    folder: Path
    recipe: str | None
    step: str | None
    began: float
    written: float
    bytes: int
    resumable: bool


@dataclass(frozen=True)
class Garbage:
    """What was removed, and the unfinished work that was not."""

    scratch_folders: int
    cached_folders: int
    bytes: int
    kept: tuple[Unfinished, ...]


class Scratch:
    """The scratch folders of the workspace at `root`, and what steps keep for later runs in its cache."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def hold(self, fingerprint: str, *, waiting: Callable[[], None]) -> Iterator[Path]:
        """The folder of a fingerprint, held by a lock; calls `waiting` once if another process holds it."""
        folder = self._root / "scratch" / fingerprint.removeprefix("blake3:")
        with disk_errors("opening scratch space"):
            lock = self._lock(folder)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        try:
            with disk_errors("opening scratch space"):
                folder.mkdir(parents=True, exist_ok=True)
            yield folder
        finally:
            lock.release()

    def unfinished(self, recipe: str, step: str) -> list[Unfinished]:
        """What was begun of a step and can be gone on with, where no process is at it."""
        found = []
        for folder in self._folders():
            if _owner(folder) == (recipe, step):
                with self._held(folder) as held:
                    if held and (one := _unfinished(folder)) is not None and one.resumable:
                        found.append(one)
        return found

    def collect_garbage(self, *, unfinished: bool = False) -> Garbage:
        """Remove what no step goes on with; with `unfinished` also what one would, where no process is at it.

        Steps keep work for later runs in the cache, too: what came there since the oldest unfinished one began may be
        part of its work, and stays with it. Nothing of the cache goes while a process is at a step.
        """
        with disk_errors("removing scratch"):
            folders = sorted((self._root / "cache").glob("*/*"))
            cached = {folder: max(_times(folder)) for folder in folders if folder.is_dir()}
            removed = freed = 0
            running = False
            kept: list[Unfinished] = []
            for folder in self._folders():
                with self._held(folder) as held:
                    running |= not held
                    if not held:
                        continue
                    one = None if unfinished else _unfinished(folder)
                    if one is None or not (one.resumable or max(cached.values(), default=0.0) >= one.began):
                        freed += _remove(folder)
                        removed += 1
                        continue
                    freed += _remove(folder / PAYLOAD)
                    kept += filter(None, [_unfinished(folder)])
            since = min((one.began for one in kept), default=math.inf)
            old = [] if running else [folder for folder, written in cached.items() if written < since]
            freed += sum(map(_remove, old))
        return Garbage(removed, len(old), freed, tuple(kept))

    def _folders(self) -> list[Path]:
        scratch = self._root / "scratch"
        return sorted(folder for folder in scratch.iterdir() if folder.is_dir()) if scratch.is_dir() else []

    def _lock(self, folder: Path) -> FileLock:
        return FileLock(self._root / "locks" / f"{folder.name.removeprefix(DONE)}.lock")

    @contextmanager
    def _held(self, folder: Path) -> Iterator[bool]:
        """Hold a folder as long as the context lasts; False where another process does."""
        lock = self._lock(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def begin(folder: Path, *, recipe: str, step: str) -> bool:
    """Note in its scratch `folder` which step begins; False where it goes on with what was begun before.

    Raises:
        ArtifactError: the disk refuses.
    """
    with disk_errors("opening scratch space"):
        if not (folder / NOTE_FILE).exists():
            # Cut off to the second, so before all that it will write.
            began = datetime.now(UTC).isoformat(timespec="seconds")
            write_atomic(folder / NOTE_FILE, canonical_json({"recipe": recipe, "step": step, "began": began}))
        return not _holds_files(folder / STATE)


def finish(folder: Path) -> None:
    """Remove the scratch `folder` of a step that was published. A disk that refuses leaves it to `collect_garbage`."""
    done = folder.with_name(DONE + folder.name)
    shutil.rmtree(done, ignore_errors=True)
    with suppress(OSError):
        folder.rename(done)  # so that a kill on the way leaves nothing that looks unfinished
        shutil.rmtree(done, ignore_errors=True)


def _owner(folder: Path) -> tuple[str | None, str | None]:
    note = _note(folder)
    return note.get("recipe"), note.get("step")


def _note(folder: Path) -> dict[str, str]:
    try:
        note = read_json(folder / NOTE_FILE)
    except ArtifactError:
        return {}
    return note if isinstance(note, dict) else {}


def _unfinished(folder: Path) -> Unfinished | None:
    """What was begun in a folder that is held; None where nothing was, or where it was published."""
    note, resumable = _note(folder), _holds_files(folder / STATE)
    if folder.name.startswith(DONE) or not (note or resumable):
        return None
    times = _times(folder)
    began = datetime.fromisoformat(note["began"]).timestamp() if "began" in note else min(times)
    return Unfinished(
        folder, note.get("recipe"), note.get("step"), began, max(times), _size(folder), resumable
    )


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def _times(folder: Path) -> list[float]:
    """When each of its files was written; of a folder without any, when it was made."""
    return [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()] or [folder.stat().st_mtime]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _remove(folder: Path) -> int:
    """Remove `folder`, where it is there; the bytes it held."""
    if not folder.exists():
        return 0
    bytes_held = _size(folder)
    shutil.rmtree(folder)
    return bytes_held
