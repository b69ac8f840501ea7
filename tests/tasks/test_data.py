"""The rows of a task: formats, types, paths, and data that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, OntogenyError, RecipeError, UsageError
from ontogeny.tasks.data import read_split, split_files
from tests.tasks.conftest import Write


def rows(write: Write, changes: str, split: str = "test") -> list[dict[str, Any]]:
    task = write(changes)
    return [row.values for row in read_split(task.definition, split, task.place)]


def test_each_format(write: Write, tmp_path: Path) -> None:
    wanted = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    (tmp_path / "r.json").write_text('[{"a": 1, "b": "x"}, {"a": 2}]')
    (tmp_path / "lines.json").write_text('{"a": 1, "b": "x"}\n{"a": 2}\n')
    (tmp_path / "r.csv").write_text("a,b\n1,x\n2,\n")
    (tmp_path / "r.tsv").write_text("a\tb\n1\tx\n2\t\n")
    pq.write_table(pa.Table.from_pylist(wanted), tmp_path / "r.parquet")
    for kind, name in (
        ("json", "r.json"),
        ("json", "lines.json"),
        ("csv", "r.csv"),
        ("csv", "r.tsv"),
        ("parquet", "r.parquet"),
    ):
        files = f"dataset_path: {kind}\ndataset_kwargs: {{data_files: {{test: {name}}}}}"
        assert rows(write, files) == wanted, name


def test_rows_know_where_they_stand(write: Write, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    (tmp_path / "r.json").write_text('[{"a": 1}, {"a": 2}]')
    (tmp_path / "r.csv").write_text('a,b\n1,"x\ny"\n2,\n')
    (tmp_path / "r.txt").write_text("a\nb\nc\nd\n")
    pq.write_table(pa.Table.from_pylist([{"a": 1}, {"a": 2}]), tmp_path / "r.parquet")
    for kind, name, more, second in (
        ("json", "r.jsonl", "", "r.jsonl:3"),
        ("json", "r.json", "", "r.json, row 2"),
        ("csv", "r.csv", "", "r.csv, row 2"),
        ("parquet", "r.parquet", "", "r.parquet, row 2"),
        ("text", "r.txt", ", columns: [x, y]", "r.txt:3"),
        ("text", "r.txt", ", begins: '[ac]'", "r.txt:3"),
    ):
        task = write(f"dataset_path: {kind}\ndataset_kwargs: {{data_files: {{test: {name}}}{more}}}")
        found = read_split(task.definition, "test", task.place)
        assert [row.locator for row in found][1:] == [str(tmp_path / second)], (kind, name)


def test_columns_of_numbers_are_numbers_as_datasets_has_them(write: Write, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("whole,part,text\n1,1,1\n-2,2.5,x\n")
    files = "dataset_path: csv\ndataset_kwargs: {data_files: r.csv}"
    assert rows(write, files) == [
        {"whole": 1, "part": 1.0, "text": "1"},
        {"whole": -2, "part": 2.5, "text": "x"},
    ]


def test_lines_make_rows_and_columns_stand_beside_them(write: Write, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("first\n3\nsecond\n4\n")
    (tmp_path / "labels").write_text("0\n1\n")
    files = "dataset_path: text\ndataset_kwargs: {data_files: {test: r.txt}, columns: [t, n], beside: {label: labels}}"
    assert rows(write, files) == [{"t": "first", "n": 3, "label": 0}, {"t": "second", "n": 4, "label": 1}]
    plain = "dataset_path: text\ndataset_kwargs: {data_files: {test: r.txt}}"
    assert [row["text"] for row in rows(write, plain)] == ["first", "3", "second", "4"]


def test_columns_get_names(write: Write, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("1,x\n")
    files = "dataset_path: csv\ndataset_kwargs: {data_files: {test: r.csv}, column_names: [label, text]}"
    assert rows(write, files) == [{"label": 1, "text": "x"}]
    (tmp_path / "r.csv").write_text("Best Answer\nx\n")
    renamed = "dataset_path: csv\ndataset_kwargs: {data_files: {test: r.csv}, rename: {best: Best Answer}}"
    assert rows(write, renamed) == [{"best": "x"}]


def test_several_files_and_patterns_in_order(write: Write, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"part-{name}.jsonl").write_text(f'{{"n": "{name}"}}\n')
    assert rows(write, "dataset_kwargs: {data_files: {test: 'part-*.jsonl'}}") == [{"n": "a"}, {"n": "b"}]
    listed = "dataset_kwargs: {data_files: {test: [part-b.jsonl, part-a.jsonl]}}"
    assert rows(write, listed) == [{"n": "b"}, {"n": "a"}]


def test_the_root_is_the_users(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "r.jsonl").write_text('{"n": 1}\n')
    files = 'dataset_kwargs: {data_files: {test: "${DATA}/r.jsonl"}}\nmetadata: {source: example.org}'
    task = write(files, root=tmp_path / "deep")
    assert [row.values for row in read_split(task.definition, "test", task.place)] == [{"n": 1}]
    with pytest.raises(
        UsageError, match=r"reads r.jsonl below a folder that you name\n→ --data DIR.*comes from example.org"
    ):
        rows(write, files)
    away = write(files, root=tmp_path)
    with pytest.raises(
        UsageError, match=r"the data of task 'colours' is not there: .*r.jsonl\n→ it comes from example.org"
    ):
        split_files(away.definition, "test", away.place)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ("dataset_kwargs: {data_files: {test: gone.jsonl}}", UsageError, "is not there: .*gone.jsonl"),
        ("dataset_kwargs: {data_files: {test: 'gone*.jsonl'}}", UsageError, "is not there"),
        ("dataset_kwargs: {data_files: {test: []}}", RecipeError, "the split 'test' names no file"),
        ("dataset_kwargs: {data_files: {train: rows.jsonl}}", RecipeError, "no data for the split 'test'"),
        (
            "dataset_kwargs: {data_files: {test: 'https://x.org/r.jsonl'}}",
            RecipeError,
            "reads local files only",
        ),
        (
            "dataset_kwargs: {data_files: {test: empty.jsonl}}",
            DataError,
            r"empty.jsonl: the data of task 'colours' has no row",
        ),
        (
            "dataset_kwargs: {data_files: {test: broken.jsonl}}",
            DataError,
            r"broken.jsonl:2: a row of task 'colours' cannot be read",
        ),
        (
            "dataset_path: text\ndataset_kwargs: {data_files: {test: empty.jsonl}}",
            DataError,
            r"'colours' has no row: .*\n→ give the file rows, or name another under dataset_kwargs.data_files",
        ),
        (
            "dataset_path: text\ndataset_kwargs: {data_files: {test: broken.jsonl}, columns: [a, b]}",
            DataError,
            "3 lines do not divide into rows of 2",
        ),
        (
            "dataset_kwargs: {data_files: {test: rows.jsonl}, beside: {x: empty.jsonl}}",
            DataError,
            "0 lines for the column 'x' of 3 rows",
        ),
    ],
)
def test_data_that_does_not_serve(
    write: Write, tmp_path: Path, changes: str, error: type[OntogenyError], message: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text('{"q": 1}\n{"q": \n{}\n')
    with pytest.raises(error, match=message):
        rows(write, changes)


def test_lines_that_begin_a_row_cut_a_text_into_rows(write: Write, tmp_path: Path) -> None:
    text = " \n = One = \n a \n = = Part = = \n b \n = Two = \n c \n"
    (tmp_path / "r.txt").write_text(text)
    files = "dataset_path: text\ndataset_kwargs:\n  data_files: {test: r.txt}\n  begins: ' = [^=].* = '"
    found = [row["text"] for row in rows(write, files)]
    assert len(found) == 2 and "".join(found) == text and found[1].startswith(" = Two")
    with pytest.raises(DataError, match="no line of 7 matches `begins: ## `"):
        rows(write, files.replace("' = [^=].* = '", "'## '"))


def test_texts_in_another_encoding(write: Write, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes("caf\u00e9\n".encode("latin-1"))
    files = "dataset_path: text\ndataset_kwargs: {data_files: {test: r.txt}}"
    assert rows(write, files.replace("}}", "}, encoding: latin-1}")) == [{"text": "caf\u00e9"}]
    with pytest.raises(DataError, match="the file is not UTF-8 text"):
        rows(write, files)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("begins: '('", "begins is no regular expression"),
        ("begins: x, columns: [a]", "columns and begins are two ways"),
        ("encoding: utf-9", "there is no encoding 'utf-9'"),
    ],
)
def test_ways_to_read_text_that_cannot_be_meant(write: Write, key: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        rows(write, f"dataset_path: text\ndataset_kwargs: {{data_files: {{test: rows.jsonl}}, {key}}}")
