"""Compressed streams are read whole or with a fault; none unfolds without end."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
import zstandard

from ontogeny.core.errors import RecipeError
from ontogeny.data.sources.html import HtmlSource
from ontogeny.data.sources.streams import open_limited, whole_files
from ontogeny.records.formats import DamagedStreamError

TEXT = bytes(range(256)) * 1_000
PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstandard.compress, "": bytes}


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_was_packed_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACKERS[suffix](TEXT))
    watched = []
    with open_limited(path, watched.append) as stream:
        assert stream.read() == TEXT
        assert watched[0].tell() == path.stat().st_size


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("size", [100, 90 << 20])
def test_damage_and_bombs_are_faults(tmp_path: Path, suffix: str, size: int) -> None:
    path = tmp_path / f"a{suffix}"
    packed = PACKERS[suffix](bytes(size))
    path.write_bytes(packed if size > 100 else packed[:-6])
    expected = "unfolds more than 200 times" if size > 100 else "truncated"
    with pytest.raises(DamagedStreamError, match=expected):
        read_through(path)


def read_through(path: Path) -> None:
    with open_limited(path) as stream:
        while stream.read(1 << 20):
            pass


def test_files_are_units_whatever_their_suffix(tmp_path: Path) -> None:
    for name in ("b.htm", "a.xhtml"):
        (tmp_path / name).write_bytes(TEXT)
    units = whole_files(HtmlSource(type="html", path=f"{tmp_path}/*"))
    assert [(unit.path.name, unit.size_bytes) for unit in units] == [("a.xhtml", 256_000), ("b.htm", 256_000)]
    with pytest.raises(RecipeError, match="no such file"):
        whole_files(HtmlSource(type="html", path=f"{tmp_path}/*.none"))
