"""Task files as YAML: includes, lines, and what is no YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.source import Code, read_task_file


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / f"{next(iter(files))}.yaml"


def test_own_keys_go_before_included_ones(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        a="include: b.yaml\nx: 1\n",
        b="include: [c.yaml]\nx: 2\ny: 2\n",
        c="\nz: [3, !function u.f]\n",
    )
    file = read_task_file(path)
    assert file.values == {"x": 1, "y": 2, "z": [3, Code("u.f")]}
    assert [one.name for one in file.files] == ["a.yaml", "b.yaml", "c.yaml"]
    assert file.where(("x",)).endswith("a.yaml:2") and file.where(("y",)).endswith("b.yaml:3")
    assert file.where(("z", 1)).endswith("c.yaml:2") and file.where(("w",)) == str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2", r"a.yaml:2:2: not YAML"),
        ("a: 1\na: 2", r"a.yaml:2: 'a' is given twice"),
        ("[1]: 2", r"a.yaml:1: a key must be a word"),
        ("- 1", r"a task file holds keys and values"),
        ("include: a.yaml", r"a task file includes itself"),
        ("include: 3", r"a.yaml:1: `include` names a file"),
        (
            "include: aa.yaml",
            r"aa.yaml: the task file, which a.yaml includes, cannot be read.* Did you mean 'a.yaml'",
        ),
        ("a: 2026-13-01", r"a.yaml:1: this value cannot be read"),
        ("a: \x01", r"not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_task_file(write(tmp_path, a=text))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_task_file(tmp_path / "a.yaml")
