"""The manifest of an artifact: what it is, what it was made of, by what, when, and at what cost."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import canonical_json, digest_json

MANIFEST_FILE = "manifest.json"
SCHEMA_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Record):
    """One payload file: path relative to the payload, size in bytes, digest."""

    path: str
    bytes: int
    digest: str


class InputRecord(_Record):
    """One input: which role it played, its full name and its content digest."""

    role: str
    name: str
    digest: str


class Verdict(_Record):
    """What a gate decided about a model on a suite; `items` are those that moved a refusal most, worst first."""

    gate: str
    passed: bool
    reason: str
    model_digest: str
    suite_digest: str
    blocks: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


class Manifest(_Record):
    """Everything `ontogeny show` can tell. `digest` is the content digest over the payload files.

    Times are UTC, ISO 8601. `spent` maps a cost to `{"value": number, "source": "measured" | "estimated"}`.
    """

    schema_version: int = SCHEMA_VERSION
    kind: str
    recipe: str
    step: str
    version: int
    step_type: str
    step_version: int
    config: dict[str, Any]
    inputs: tuple[InputRecord, ...]
    external_files: dict[str, str]
    fingerprint: str
    files: tuple[FileRecord, ...]
    digest: str
    metrics: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    seed: int
    started: str
    ended: str
    device: str
    threads: int
    hardware: dict[str, str | int]
    packages: dict[str, str]
    revision: str | None
    licenses: tuple[str, ...]
    knowledge_cutoff: str | None
    spent: dict[str, dict[str, float | str]]
    ledger_head: str

    @property
    def name(self) -> str:
        """`recipe/step@version`."""
        return f"{self.recipe}/{self.step}@{self.version}"

    def to_bytes(self) -> bytes:
        """The canonical bytes that are written and digested."""
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Manifest:
        """Read a manifest.

        Raises:
            ArtifactError: the bytes are not a manifest of this schema; names `where`.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ArtifactError(
                f"not a manifest of schema {SCHEMA_VERSION}: {field}: {first['msg']}",
                where=where,
                hint="run `ontogeny verify` to see everything that is damaged",
            ) from error


def content_digest(files: tuple[FileRecord, ...]) -> str:
    """One digest over the payload: paths, sizes and digests of its files, in the order of their paths."""
    return digest_json([record.model_dump() for record in sorted(files, key=lambda record: record.path)])
