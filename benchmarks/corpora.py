"""Texts to measure on, from JSON lines under a folder that the command line names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path


def read_texts(
    folder: Path, pattern: str, megabytes: float | None = None, *, column: str = "text"
) -> list[str]:
    """The texts of all files that match `pattern`, in order, until there are `megabytes` of them."""
    texts, size = [], 0
    for path in sorted(folder.glob(pattern)):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for line in lines:
                text = json.loads(line).get(column)
                if not text:
                    continue
                texts.append(text)
                size += len(text.encode())
                if megabytes is not None and size >= megabytes * 1e6:
                    return texts
    return texts
