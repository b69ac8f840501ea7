import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import (
    canonical_json,
    digest_bytes,
    digest_file,
    disk_errors,
    payload_files,
    read_json,
    write_atomic,
)

numbers = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(list(value.items()))))


def test_canonical_json_refuses_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_a_file_and_its_bytes_have_one_digest(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000  # more than two chunks
    (tmp_path / "x").write_bytes(data)
    assert digest_file(tmp_path / "x") == digest_bytes(data)
    # Published BLAKE3 test vector: the digest of no input.
    assert digest_bytes(b"") == "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_write_atomic_replaces_whole_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "old")
    write_atomic(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "new"
    assert payload_files(tmp_path) == [Path("x")]


def test_a_failed_write_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "x", "old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert payload_files(tmp_path) == [Path("x")]


def test_read_json_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ArtifactError, match="cannot be read as JSON") as caught:
        read_json(tmp_path / "x.json")
    assert caught.value.where == str(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "`ontogeny store gc` removes what no unfinished step needs"),
        (errno.EFBIG, "the file system or `ulimit -f` limits the size of files"),
        (errno.EROFS, "--workspace"),
        (errno.EIO, "run the same command"),
    ],
)
def test_disk_errors_come_with_a_remedy(code: int, remedy: str) -> None:
    with pytest.raises(ArtifactError, match="while saving") as caught, disk_errors("saving"):
        raise OSError(code, "refused", "/some/file")
    assert caught.value.where == "/some/file"
    assert remedy in (caught.value.hint or "")


def test_a_refused_write_names_the_file_that_it_was_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(ArtifactError, match="File too large while saving") as caught, disk_errors("saving"):
        write_atomic(tmp_path / "x", "new")
    assert caught.value.where == str(tmp_path / "x")
