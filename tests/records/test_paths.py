"""Paths and globs that a user writes."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.core.remote import RemoteFile
from ontogeny.records.paths import check_url, expand
from tests.core.web_server import Site, serving


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


def test_home_and_variables_are_those_of_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELF", str(tmp_path))
    monkeypatch.delenv("NO_SHELF", raising=False)
    assert expand("~/*.txt") == expand("$SHELF/a.txt") == expand("${SHELF}/a.txt") == [tmp_path / "a.txt"]
    with pytest.raises(RecipeError, match="the environment has no variable NO_SHELF"):
        expand("$NO_SHELF/a.txt")
    with pytest.raises(RecipeError, match="no such file"):
        expand("~no-such-person/a.txt")


def test_names_with_the_signs_of_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "[x]"
    folder.mkdir()
    (folder / "a[1].txt").write_text("x")
    assert expand(f"{folder}/a[1].txt") == [folder / "a[1].txt"]
    with pytest.raises(RecipeError, match="for the sign itself write") as error:
        expand(f"{folder}/*.txt")
    assert f"{tmp_path}/[[]x]/*.txt" in str(error.value)
    assert expand(f"{tmp_path}/[[]x]/*.txt") == [folder / "a[1].txt"]


def test_a_pattern_without_a_match_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing matches it as a pattern"):
        expand(f"{tmp_path}/*.txt")
    with pytest.raises(RecipeError, match="is a folder, not a file"):
        expand(str(tmp_path))


def put(*names: str) -> fsspec.AbstractFileSystem:
    """A store in memory that holds these files and nothing else."""
    store = fsspec.filesystem("memory")
    store.rm("/", recursive=True)
    for name in names:
        store.pipe_file(name, name.encode())
    return store


def test_urls_and_their_patterns_are_files_with_their_state(tmp_path: Path) -> None:
    put("/bucket/b.txt", "/bucket/a.txt", "/bucket/c/d.txt", "/bucket/e.csv")
    for bucket in ("memory://bucket", "memory:///bucket"):
        assert [file.url for file in remote_files(f"{bucket}/*.txt")] == [
            "memory:///bucket/a.txt",
            "memory:///bucket/b.txt",
        ]
    assert [file.name for file in remote_files("memory:///bucket/**/*.txt")] == ["a.txt", "b.txt", "d.txt"]
    (one,) = remote_files("memory://bucket/e.csv")
    assert one.url == "memory://bucket/e.csv"
    assert one.state is not None and one.state.st_size == len("/bucket/e.csv")
    assert one.read_bytes() == b"/bucket/e.csv"


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for begin in ("file://", "file://localhost", "local://"):
        assert expand(f"{begin}{tmp_path}/*.txt") == [tmp_path / "a.txt"]


def test_a_web_server_is_searched_through_its_links() -> None:
    with serving(Site({"a.jsonl": b"{}", "b.jsonl": b"{}\n{}", "c.txt": b""})) as site:
        found = remote_files(f"{site.address}*.jsonl")
        assert [file.url for file in found] == [f"{site.address}a.jsonl", f"{site.address}b.jsonl"]
        assert [file.stat().st_size for file in found] == [2, 5]
        (one,) = remote_files(f"{site.address}b.jsonl?download=1")
        assert one.read_bytes() == b"{}\n{}"


def test_what_was_listed_before_is_listed_again() -> None:
    store = put("/bucket/a.txt")
    assert len(remote_files("memory:///bucket/*")) == 1
    store.pipe_file("/bucket/b.txt", b"")
    assert len(remote_files("memory:///bucket/*")) == 2


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memory:///bucket/none.txt", "no such file, folder or bucket"),
        ("memory:///none/*.txt", "no file matches this pattern"),
        ("memory:///bucket", "is a folder, not a file"),
        ("zip://a.txt::s3://bucket/a.zip", "a file within another one"),
        ("s3://key:hush@bucket/a.txt", "the URL holds a password"),
        ("https://user:hush@example.org/a.txt", "the URL holds a password"),
        ("https://b.s3.amazonaws.com/a.txt?X-Amz-Credential=hush&X-Amz-Date=1", "X-Amz-Credential"),
        ("https://a.blob.core.windows.net/c/a.txt?sv=2020&sig=hush", "sig"),
        ("https://storage.googleapis.com/b/a.txt?GoogleAccessId=hush", "GoogleAccessId"),
        ("https://example.org/a.txt?access_token=hush", "access_token"),
        ("nope://bucket/a.txt", "nothing reads URLs that begin with nope://"),
    ],
)
def test_urls_that_cannot_be_meant_are_refused_and_secrets_not_repeated(url: str, says: str) -> None:
    put("/bucket/a.txt")
    with pytest.raises(RecipeError, match=says) as error:
        expand(url)
    assert "hush" not in str(error.value)
    assert error.value.hint


def test_a_question_in_an_address_that_is_no_secret_may_stay() -> None:
    check_url("https://example.org/a.jsonl?download=true&keyword=tokens&design=1")
    check_url("s3://bucket/a-[0-9]/b?.jsonl")
    check_url("abfs://container@account.dfs.core.windows.net/a.txt")


def remote_files(url: str) -> list[RemoteFile]:
    return [file for file in expand(url) if isinstance(file, RemoteFile)]
