"""Files that are whole or absent, canonical JSON, and BLAKE3 digests.

A digest is written `blake3:<64 hex digits>`, so that the algorithm can be changed without guessing.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from blake3 import blake3

from ontogeny.core.errors import ArtifactError
from ontogeny.core.remote import AnyPath

CHUNK_BYTES = 1 << 20
NO_SPACE = (
    "free some space (`ontogeny store gc` removes what no unfinished step needs), "
    "then run the same command again"
)
"""What to do about a full disk: what it names costs nothing."""


def canonical_json(value: object) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8; NaN is refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_bytes(data: bytes) -> str:
    """BLAKE3 of `data`, tagged."""
    return f"blake3:{blake3(data).hexdigest()}"


def digest_json(value: object) -> str:
    """BLAKE3 of the canonical JSON of `value`, tagged."""
    return digest_bytes(canonical_json(value))


def digest_file(path: AnyPath) -> str:
    """BLAKE3 of a file's content, tagged, read in pieces of 1 MiB."""
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return f"blake3:{hasher.hexdigest()}"


def read_json(path: Path) -> Any:
    """The JSON value in `path`.

    Raises:
        ArtifactError: the file is missing or is not JSON; names the file.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"cannot be read as JSON ({error})",
            where=str(path),
            hint="run `ontogeny verify` to see what is damaged",
        ) from error


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `path` so that a reader, or a crash, sees the old content or the new, never a part."""
    with writing_atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def writing_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece that becomes `path` when the context ends well, and is gone when it does not."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a refused write does not say where
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every file and folder below `folder` durable."""
    for root, _, names in os.walk(folder):
        for name in names:
            with (Path(root) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))


def payload_files(folder: Path) -> list[Path]:
    """Every file below `folder`, relative to it, in the order of their names."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the operating system's refusals while `doing` something into an `ArtifactError` with a remedy."""
    try:
        yield
    except OSError as error:
        where = str(error.filename) if error.filename else None
        raise ArtifactError(
            f"{error.strerror or error} while {doing}", where=where, hint=disk_remedy(error)
        ) from error


def disk_remedy(error: OSError) -> str:
    """What a user can do about an error of the operating system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NO_SPACE
    if error.errno == errno.EFBIG:
        return (
            "the file system or `ulimit -f` limits the size of files: raise the limit, or choose another folder with"
            " --workspace DIR or $ONTOGENY_HOME; nothing that was finished is lost"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "the folder cannot be written: choose another with --workspace DIR or $ONTOGENY_HOME"
    return "nothing that was finished is lost: mend the cause, then run the same command again"
