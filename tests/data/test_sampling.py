"""Drawn documents depend on ids and the seed alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.data.document import make_doc_id
from ontogeny.data.sampling import draw, lots_of


def write(folder: Path, numbers: list[int], parts: int) -> Path:
    folder.mkdir()
    for part in range(parts):
        chosen = numbers[part::parts]
        rows = {
            "doc_id": [make_doc_id("s", str(number)) for number in chosen],
            "source": ["s"] * len(chosen),
            "locator": [f"f#record={number}" for number in chosen],
            "text": [f"text {number}" for number in chosen],
        }
        pq.write_table(pa.table(rows), folder / f"part-{part:05d}.parquet", row_group_size=7)
        why = pa.array(["short" if number % 2 else "long" for number in chosen])
        dropped = pa.table(rows).append_column("reason", why)
    pq.write_table(dropped, folder / "dropped.parquet")
    return folder


def test_the_same_documents_in_any_order_and_division(tmp_path: Path) -> None:
    one = draw(write(tmp_path / "one", list(range(100)), 1), count=9, seed=4)
    many = draw(write(tmp_path / "many", list(range(99, -1, -1)), 5), count=9, seed=4)
    assert one == many
    assert len({row["text"] for row in one}) == 9
    assert draw(tmp_path / "one", count=9, seed=5) != one
    assert draw(tmp_path / "one", count=3, seed=4) == one[:3]


def test_every_document_has_the_same_chance() -> None:
    ids = pa.chunked_array([[make_doc_id("s", str(number)) for number in range(4000)]])
    first = lots_of(ids, 1)
    assert abs((first < 2**63).mean() - 0.5) < 0.03
    assert abs(((first < 2**63) == (lots_of(ids, 2) < 2**63)).mean() - 0.5) < 0.03


def test_dropped_documents_by_their_reason(tmp_path: Path) -> None:
    folder = write(tmp_path / "one", list(range(40)), 1)
    assert all(row["reason"] == "short" for row in draw(folder, count=50, seed=0, dropped="short"))
    assert len(draw(folder, count=50, seed=0, dropped="short")) == 20
    with pytest.raises(UsageError, match="Did you mean 'short'") as caught:
        draw(folder, count=1, seed=0, dropped="shor")
    assert caught.value.hint == "reasons here: long, short"


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no documents here"):
        draw(tmp_path, count=1, seed=0)
