"""Input that is not what it says, through the whole step: counted with a reason or refused, and the sums close."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.core.files import read_json
from ontogeny.data.step import CURATE
from ontogeny.records import compressed
from tests.data.conftest import Made, run_step
from tests.notes import Notes

NEAR = {"dedup": {"type": "near"}}


def prose(number: int) -> str:
    words = random.Random(number)
    return " ".join(f"{words.choice('aeiou')}{words.randrange(10**6)}" for _ in range(60))


def curated(folder: Path, source: Mapping[str, object], **settings: object) -> Made:
    config = {"sources": [{"name": "s", **source}], "held_out_fraction": 0, "max_bad_fraction": 1, **settings}
    return run_step(CURATE, config, folder / "run")


def told(made: Made) -> tuple[int, int, dict[str, int]]:
    """Read, kept, dropped: and they add up."""
    metrics = made.outputs.metrics
    read, kept, dropped = (metrics[name] for name in ("documents_read", "documents_kept", "dropped"))
    assert isinstance(read, int) and isinstance(kept, int) and isinstance(dropped, dict)
    assert read == kept + sum(dropped.values())
    assert kept == len(made.rows())
    return read, kept, dropped


def write_lines(path: Path, rows: list[object]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_near_copies_of_nothing_are_none(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"text": prose(number)} for number in range(5)])
    rules = [{"type": "length", "max_bytes": 1}]
    with pytest.raises(DataError, match="of 5 documents none is left; 5 were dropped as too_long"):
        curated(tmp_path, {"type": "jsonl", "path": path}, rules=rules, **NEAR)


def test_a_file_without_a_document_stands_beside_one_that_has_some(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"body": "no text"}] * 3)
    write_lines(tmp_path / "b.jsonl", [{"text": prose(1)}, {"text": prose(1)}, {"text": prose(2)}])
    made = curated(tmp_path, {"type": "jsonl", "path": str(tmp_path / "*.jsonl")}, **NEAR)
    assert told(made) == (6, 2, {"missing_column": 3, "exact_duplicate": 1})


@pytest.mark.parametrize("dedup", [None, "exact", {"type": "near"}])
def test_input_without_any_document_is_refused(tmp_path: Path, dedup: object) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    source = {"type": "jsonl", "path": str(tmp_path / "a.jsonl")}
    empty = "of 1 documents none is left; 1 were dropped as empty_file, the first since: .+"
    with pytest.raises(DataError, match=empty):
        curated(tmp_path, source, dedup=dedup)
    rules = [{"type": "mask-pii"}, {"type": "c4-lines"}, {"type": "c4"}, {"type": "fineweb"}]
    with pytest.raises(DataError, match="none is left"):
        curated(tmp_path / "edited", source, dedup=dedup, rules=rules)


def test_parquet_files_of_two_schemas(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [prose(1), prose(2)]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"body": ["x"], "n": [1]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    made = curated(tmp_path, {"type": "parquet", "path": str(tmp_path / "*.parquet")}, **NEAR)
    assert told(made) == (6, 2, {"missing_column": 1, "wrong_type": 2, "damaged_file": 1})


def test_halves_of_characters_and_controls(tmp_path: Path) -> None:
    rows: list[object] = [
        {"text": "half \ud800"},
        {"text": f"\x00 {prose(1)} \x07"},
        {"text": "\x00"},
        {"id": "\udfff", "text": prose(2)},
        {"url": "http://[bad", "text": prose(3)},
        {"date": "9999-99-99", "text": prose(4)},
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    made = curated(tmp_path, {"type": "jsonl", "path": path}, rules=[{"type": "mask-pii"}], **NEAR)
    read, kept, dropped = told(made)
    assert (read, kept) == (6, 3) and dropped == {"invalid_unicode": 2, "empty": 1}


def test_a_stream_that_ends_too_early_tells_what_is_lost(tmp_path: Path) -> None:
    lines = "".join(f"{json.dumps({'text': prose(number)})}\n" for number in range(300)).encode()
    packed = gzip.compress(lines, mtime=0)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    made = curated(tmp_path, {"type": "jsonl", "path": str(tmp_path / "a.jsonl.gz")}, **NEAR)
    read, kept, dropped = told(made)
    assert dropped == {"damaged_compression": 1} and 100 < kept < 200 and read == kept + 1


@pytest.mark.parametrize("columns", [{}, {"text": "bdoy"}])
@pytest.mark.parametrize("max_bad_fraction", [0.01, 1])
def test_a_column_that_no_file_has_is_the_recipe_s_mistake(
    tmp_path: Path, columns: dict[str, str], max_bad_fraction: float
) -> None:
    (tmp_path / "a.csv").write_text("id,body\n1,x\n2,y\n")
    source = {"type": "csv", "path": str(tmp_path / "a.csv"), "columns": columns}
    with pytest.raises(RecipeError, match=r"no column '\w+'; there are: id, body\.") as caught:
        curated(tmp_path, source, max_bad_fraction=max_bad_fraction)
    assert ("Did you mean 'body'?" in str(caught.value)) == bool(columns)
    assert caught.value.exit_code == 2 and "`columns: {text: body}`" in str(caught.value.hint)


def test_empty_files_are_noted_and_nothing_but_empty_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "b.jsonl.bz2").write_bytes(b"")
    source = {"type": "jsonl", "path": str(tmp_path / "*.jsonl*")}
    with pytest.raises(DataError, match="source s: all its 2 files are empty") as caught:
        curated(tmp_path, source, max_bad_fraction=0.01)
    assert "narrow `path`" in str(caught.value.hint)
    write_lines(tmp_path / "c.jsonl", [{"text": prose(1)}])
    noted = Notes()
    config = {"sources": [{"name": "s", **source}], "held_out_fraction": 0, "max_bad_fraction": 1}
    made = run_step(CURATE, config, tmp_path / "again", noted=noted)
    assert told(made) == (3, 1, {"empty_file": 2})
    assert noted.said[0].startswith(
        f"s: there is nothing in 2 files, the first {tmp_path / 'a.jsonl'}; narrow"
    )


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstandard.compress)],
)
def test_a_bomb_costs_neither_the_rows_before_it_nor_the_disk(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "UNCHECKED_BYTES", 1 << 20)
    line = json.dumps({"text": prose(1)}).encode()
    (tmp_path / f"a.jsonl{suffix}").write_bytes(pack(line + b"\n" + bytes(24 << 20)))
    made = curated(tmp_path, {"type": "jsonl", "path": str(tmp_path / "a.*")})
    assert told(made) == (2, 1, {"damaged_compression": 1})


def test_a_user_s_list_of_bad_words_and_stop_words_decide(tmp_path: Path) -> None:
    words = tmp_path / "list.txt"
    words.write_text("foul\n")
    rows: list[object] = [
        {"text": "Eine Zeile und noch eine."},
        {"text": "A Foul line for all."},
        {"text": "Foul menu\nEine Zeile und ein Satz."},
        {"text": "A line without any."},
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    quality = {"type": "gopher-quality", "min_words": None, "stop_words": ["und"], "min_stop_words": 1}
    rules = [{"type": "c4-lines"}, {"type": "c4", "min_sentences": 1, "bad_words": str(words)}, quality]
    made = curated(tmp_path, {"type": "jsonl", "path": path}, rules=rules)
    assert told(made) == (4, 2, {"c4_bad_words": 1, "gopher_stop_words": 1})
    edits = read_json(made.payload / "figures.json")["edits"]
    assert edits["c4-lines"]["lines"] == {"kept": 4, "no_terminal_punctuation": 1}
    assert edits["c4-lines"]["bytes"]["no_terminal_punctuation"] == len("Foul menu")
    assert "no_terminal_punctuation" in (made.payload / "report.html").read_text()
