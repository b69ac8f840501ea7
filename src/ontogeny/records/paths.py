"""Paths that a user writes: one file or a glob, in a fixed order, or an error that names the nearest thing there is."""

from __future__ import annotations

import glob
from pathlib import Path

from ontogeny.core.errors import RecipeError, nearest


def expand(pattern: str) -> list[Path]:
    """The files that `pattern` (a path or a glob, `**` included) names, sorted.

    Raises:
        RecipeError: a URL, a folder, or nothing of that name.
    """
    if "://" in pattern:
        raise RecipeError(
            "a URL cannot be read here", where=pattern, hint="download the file and give its path"
        )
    home = str(Path(pattern).expanduser())
    files = sorted(path for path in map(Path, glob.glob(home, recursive=True)) if path.is_file())  # noqa: PTH207
    if files:
        return files
    if Path(home).is_dir():
        raise RecipeError(
            "is a folder, not a file", where=pattern, hint=f"write {pattern.rstrip('/')}/*.jsonl, say"
        )
    raise RecipeError(
        f"no such file, and nothing matches it as a pattern.{_nearest_path(Path(home))}",
        where=pattern,
        hint="paths in a recipe are relative to the folder the command runs in",
    )


def _nearest_path(path: Path) -> str:
    """The existing name closest to the first part of `path` that does not exist."""
    parent, missing = path.parent, path.name
    while not parent.is_dir() and parent != parent.parent:
        parent, missing = parent.parent, parent.name
    if glob.has_magic(missing) or not parent.is_dir():
        return ""
    return nearest(missing, (entry.name for entry in parent.iterdir()))
