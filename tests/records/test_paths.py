"""Paths and globs that a user writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.records.paths import expand


def test_files_come_sorted_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "e.txt").mkdir()
    assert expand(f"{tmp_path}/*.txt") == [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert expand(f"{tmp_path}/**/*.txt") == [tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c/d.txt"]
    assert expand(f"{tmp_path}/a.txt") == [tmp_path / "a.txt"]


@pytest.mark.parametrize(("wrong", "right"), [("boks/a.txt", "books"), ("books/one.txt", "ones.txt")])
def test_a_missing_file_names_the_nearest_existing_one(tmp_path: Path, wrong: str, right: str) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "ones.txt").write_text("x")
    with pytest.raises(RecipeError, match="no such file") as error:
        expand(f"{tmp_path}/{wrong}")
    assert f"Did you mean {right!r}?" in str(error.value)
    assert error.value.exit_code == 2


def test_a_pattern_without_a_match_a_folder_and_a_url_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing matches it as a pattern"):
        expand(f"{tmp_path}/*.txt")
    with pytest.raises(RecipeError, match="is a folder, not a file"):
        expand(str(tmp_path))
    with pytest.raises(RecipeError, match="download the file"):
        expand("https://example.org/a.txt")
