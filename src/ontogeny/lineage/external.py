"""Digests of outside files, remembered by path, size, time of change and inode, so that big inputs are read once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

from ontogeny.core.errors import ArtifactError, RecipeError
from ontogeny.core.files import canonical_json, digest_file, disk_errors, read_json, write_atomic
from ontogeny.core.remote import AnyPath

CACHE_FILE = "digests.json"
DIGEST = re.compile(r"blake3:[0-9a-f]{64}")


def external_digests(paths: Sequence[AnyPath], cache_folder: Path) -> dict[str, str]:
    """Path -> digest of its content. The memory in `cache_folder` is used, and kept where the folder exists.

    Raises:
        RecipeError: a file is missing or unreadable; names it.
        DataError: a store refuses access or cannot be reached.
    """
    if not paths:
        return {}
    cache_path = cache_folder / CACHE_FILE
    known = _remembered(cache_path)
    digests, changed = {}, False
    for path in paths:
        try:
            status = path.stat()
            mark: list[int | str] = [status.st_size, status.st_mtime_ns, status.st_ino]
            found = known.get(str(path))
            if found is None or found[:-1] != mark:
                found = known[str(path)] = [*mark, digest_file(path)]
                changed = True
        except OSError as error:
            raise RecipeError(
                f"an input file cannot be read ({error.strerror})",
                where=str(path),
                hint="check the path in the recipe",
            ) from error
        digests[str(path)] = str(found[-1])
    if changed and cache_folder.is_dir():
        with disk_errors("remembering the digests of input files"):
            write_atomic(cache_path, canonical_json(known))
    return digests


def _remembered(cache_path: Path) -> dict[str, list[int | str]]:
    """What the cache holds; a damaged cache, or a damaged record in it, is as good as none."""
    try:
        data = read_json(cache_path)
    except (ArtifactError, RecursionError):
        return {}
    return (
        {path: record for path, record in data.items() if _is_record(record)}
        if isinstance(data, dict)
        else {}
    )


def _is_record(value: object) -> TypeGuard[list[int | str]]:
    if not isinstance(value, list) or len(value) != 4:
        return False
    *mark, digest = value
    return all(type(one) is int for one in mark) and DIGEST.fullmatch(str(digest)) is not None
