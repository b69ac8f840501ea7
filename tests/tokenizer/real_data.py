"""Real text beside the repository, where there is some; tests that use it skip elsewhere."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


def real_file(name: str) -> Path:
    """A file of the shared data sets."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}")
    return path


def real_texts(name: str, characters: int) -> list[str]:
    """Texts of a data set of JSON lines, in order, about `characters` in all."""
    texts: list[str] = []
    with gzip.open(real_file(name), "rt", encoding="utf-8") as lines:
        for line in lines:
            if sum(map(len, texts)) >= characters:
                break
            texts.append(json.loads(line)["text"][:characters])
    return texts
