import os
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.core.files import digest_file, read_json
from ontogeny.lineage import external
from ontogeny.lineage.external import external_digests


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> str:
        reads.append(path)
        return digest_file(path)

    monkeypatch.setattr(external, "digest_file", counted)
    path = tmp_path / "x.txt"
    path.write_text("one")
    first = external_digests([path], tmp_path)
    assert external_digests([path], tmp_path) == first == {str(path): digest_file(path)}
    assert reads == [path]
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert external_digests([path], tmp_path) != first
    assert reads == [path, path]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="input file cannot be read") as caught:
        external_digests([tmp_path / "none"], tmp_path)
    assert caught.value.where == str(tmp_path / "none")


@pytest.mark.parametrize(
    "content",
    ["", '{"x": [1, 2', "[]", "null", "\x00\xff", '{"PATH": 3}', '{"PATH": [SIZE, MTIME, INODE, null]}'],
)
def test_a_damaged_memory_is_passed_over(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text("one")
    status = path.stat()
    for word, value in (
        ("PATH", path),
        ("SIZE", status.st_size),
        ("MTIME", status.st_mtime_ns),
        ("INODE", status.st_ino),
    ):
        content = content.replace(word, str(value))
    (tmp_path / "digests.json").write_text(content, encoding="latin-1")
    assert external_digests([path], tmp_path) == {str(path): digest_file(path)}
    assert read_json(tmp_path / "digests.json")[str(path)][-1] == digest_file(path)
