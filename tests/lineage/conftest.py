"""A workspace and a way to publish small artifacts into it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.manifest import InputRecord, Manifest, Verdict, content_digest
from ontogeny.lineage.workspace import Workspace

Publish = Callable[..., Artifact]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path / "ws")
    place.prepare()
    return place


@pytest.fixture
def publish(workspace: Workspace, tmp_path: Path) -> Publish:
    """`publish("base", text="...", kind="model", inputs=[artifact], verdicts=[...])`."""

    def make(
        step: str,
        *,
        text: str = "payload",
        kind: str = "model",
        inputs: tuple[Artifact, ...] = (),
        roles: tuple[str, ...] = (),
        step_type: str = "make",
        verdicts: tuple[Verdict, ...] = (),
        fingerprint: str | None = None,
    ) -> Artifact:
        payload = tmp_path / "payload"
        payload.mkdir()
        (payload / "data.txt").write_text(text)
        files = record_files(payload)

        def describe(version: int, head: str) -> Manifest:
            return Manifest(
                kind=kind,
                recipe="demo",
                step=step,
                version=version,
                step_type=step_type,
                step_version=1,
                config={},
                inputs=tuple(
                    InputRecord(role=roles[i] if roles else f"in{i}", name=a.name, digest=a.digest)
                    for i, a in enumerate(inputs)
                ),
                external_files={},
                fingerprint=fingerprint or f"{step}-{text}",
                files=files,
                digest=content_digest(files),
                metrics={},
                verdicts=verdicts,
                seed=1,
                started="2026-01-01T00:00:00+00:00",
                ended="2026-01-01T00:00:01+00:00",
                device="cpu",
                threads=1,
                hardware={},
                packages={},
                revision=None,
                licenses=(),
                knowledge_cutoff=None,
                spent={},
                ledger_head=head,
            )

        return workspace.publish(payload, describe, recipe="demo", step=step)

    return make
