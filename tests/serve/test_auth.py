"""Key files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import ServingError
from ontogeny.serve.auth import KEY_PREFIX, add_key, load_keys


def test_a_key_opens_and_another_does_not(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    ann, ben = add_key(path, "ann"), add_key(path, "ben@laptop")
    keys = load_keys(path)
    assert keys.holder(ann) == "ann"
    assert keys.holder(ben) == "ben@laptop"
    for wrong in ("", "none", ann[:-1], ann.upper(), ann + " ", "ключ", "\udcff"):
        assert keys.holder(wrong) is None


def test_the_file_keeps_no_key(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "ann")
    assert key.startswith(KEY_PREFIX)
    assert key.removeprefix(KEY_PREFIX) not in (tmp_path / "keys").read_text()


def test_comments_and_empty_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# the workshop\n\n")
    key = add_key(path, "ann")
    assert path.read_text().startswith("# the workshop\n\nann sha256:")
    assert load_keys(path).holder(key) == "ann"


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="'two words' cannot name a key"):
        add_key(tmp_path / "keys", "two words")


def test_a_name_twice(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    add_key(path, "ann")
    with pytest.raises(ServingError, match="'ann' has a key already"):
        add_key(path, "ann")
    path.write_text(path.read_text() * 2)
    with pytest.raises(ServingError, match=r"keys:2: a second key for 'ann'"):
        load_keys(path)


def test_a_key_in_the_clear_is_refused_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("sk-very-secret\n")
    with pytest.raises(ServingError, match=r"keys:1: not a line of a key file") as refused:
        load_keys(path)
    assert "very-secret" not in str(refused.value)
    assert "--new-key NAME" in str(refused.value)


def test_no_key_at_all(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# none yet\n")
    with pytest.raises(ServingError, match="no key in the file"):
        load_keys(tmp_path / "keys")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"the key file cannot be read \(No such file or directory\)"):
        load_keys(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ServingError, match="the key file cannot be read"):
        load_keys(tmp_path / "binary")
