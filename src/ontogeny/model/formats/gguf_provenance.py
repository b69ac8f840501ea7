"""Where a model comes from, in the keys that GGUF has for it (ggml-org/ggml, docs/gguf.md, `general.*`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.model.formats.gguf_file import Value

MODEL_ROLES = frozenset({"model", "init", "base", "teacher"})  # inputs that are models; the others are data
NO_ROLES = frozenset({"tokenizer"})


def provenance_metadata(manifest: Mapping[str, Any]) -> dict[str, Value]:
    """Metadata from the manifest of an artifact, as JSON; a field that is absent gives no key.

    Versions and digests stand under `version` and `description`; what GGUF has no key for, under `ontogeny.`.
    """
    found: dict[str, Value] = {}
    if "recipe" in manifest and "step" in manifest:
        found["general.name"] = f"{manifest['recipe']}/{manifest['step']}"
        found["ontogeny.artifact"] = f"{found['general.name']}@{manifest['version']}"
        found["general.version"] = str(manifest["version"])
    for key, theirs in (("digest", "ontogeny.digest"), ("fingerprint", "ontogeny.fingerprint")):
        if manifest.get(key):
            found[theirs] = str(manifest[key])
    if manifest.get("licenses"):
        found["general.license"] = " AND ".join(manifest["licenses"])
    if manifest.get("knowledge_cutoff"):
        found["ontogeny.knowledge_cutoff"] = str(manifest["knowledge_cutoff"])
    for source in _outside(manifest):
        found["general.source.url"] = source
    models = [each for each in manifest.get("inputs", ()) if _role(each) in MODEL_ROLES]
    data = [each for each in manifest.get("inputs", ()) if _role(each) not in MODEL_ROLES | NO_ROLES]
    return found | _listed("base_model", models) | _listed("dataset", data)


def _role(entry: Mapping[str, Any]) -> str:
    """Roles of several inputs are numbered: `tokens.0`."""
    return str(entry["role"]).partition(".")[0].partition("[")[0]


def _outside(manifest: Mapping[str, Any]) -> list[str]:
    """Where an imported model was read from, if it names a public place rather than a path of this machine."""
    path = str(manifest.get("config", {}).get("path", ""))
    return [path] if path.startswith(("https://", "hf:", "pip:")) else []


def _listed(what: str, entries: list[Mapping[str, Any]]) -> dict[str, Value]:
    if not entries:
        return {}
    found: dict[str, Value] = {f"general.{what}.count": len(entries)}
    for number, entry in enumerate(entries):
        name, _, version = str(entry["name"]).partition("@")
        found[f"general.{what}.{number}.name"] = name
        if version:
            found[f"general.{what}.{number}.version"] = version
        found[f"general.{what}.{number}.description"] = str(entry["digest"])
    return found
