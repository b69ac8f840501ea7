"""A workspace: the folder where artifacts, scratch and the ledger live, and the only code that publishes.

    <root>/artifacts/<recipe>/<step>@<version>/     manifest.json and payload, immutable
    <root>/scratch/<fingerprint>/                   payload being built, and what lets a killed step resume (`scratch`)
    <root>/locks/<fingerprint>.lock                 held by the process that computes it
    <root>/ledger.db, cache/, reports/

Publishing is atomic: payload fsynced, manifest last, one rename, fsync of the parent, one ledger row; all inside the
ledger's serialised transaction, where the version number is allocated. A kill between rename and row leaves a complete
folder that `adopt` recognises by its digests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from ontogeny.core.errors import ArtifactError, UsageError, nearest
from ontogeny.core.files import digest_file, disk_errors, sync_folder, sync_tree, write_atomic
from ontogeny.lineage import ledger as tables
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.ledger import Ledger, LedgerWriter
from ontogeny.lineage.manifest import MANIFEST_FILE, Manifest
from ontogeny.lineage.scratch import Garbage, Scratch, Unfinished

DEFAULT_ROOT = Path(".ontogeny")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
NAME_RULE = "a name has letters, digits, '-', '_' and '.', and starts with a letter or digit"
ARTIFACT_PATTERN = re.compile(rf"({NAME_PATTERN.pattern})/({NAME_PATTERN.pattern}?)(?:@([0-9]{{1,9}}))?")
FOLDER_PATTERN = re.compile(rf"({NAME_PATTERN.pattern}?)@([0-9]{{1,9}})")
REBUILD = "`ontogeny store rebuild` mends it"


class Workspace:
    """Artifacts by name and by fingerprint. Creates nothing before something is written."""

    def __init__(self, root: Path, *, ledger_url: str | None = None) -> None:
        self.root = root
        self._scratch = Scratch(root)
        self.ledger = Ledger(ledger_url or f"sqlite:///{root / 'ledger.db'}")

    @classmethod
    def default(cls, root: Path | None = None) -> Workspace:
        """`root`, else `$ONTOGENY_HOME`, else `./.ontogeny`; the ledger at `$ONTOGENY_LEDGER_URL` where that is set."""
        chosen = root or Path(os.environ.get("ONTOGENY_HOME") or DEFAULT_ROOT)
        return cls(chosen.absolute(), ledger_url=os.environ.get("ONTOGENY_LEDGER_URL"))

    @property
    def artifacts(self) -> Path:
        """Where published artifacts lie."""
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        """Where the reports of runs lie."""
        return self.root / "reports"

    def prepare(self) -> None:
        """Create the folders and adopt what a killed process left complete but unrecorded.

        Raises:
            ArtifactError: the workspace cannot be written.
        """
        with disk_errors("preparing the workspace"):
            for folder in (self.artifacts, self.root / "scratch", self.root / "locks", self.root / "cache"):
                folder.mkdir(parents=True, exist_ok=True)
        with self.ledger.write() as writer:
            self._adopt(writer)

    def rebuild(self) -> dict[str, int]:
        """Fill the derived tables from the ledger, then adopt what it does not know: `{entries, artifacts, adopted}`.

        Raises:
            UsageError: there is no workspace.
            ArtifactError: a row of the ledger does not hold; nothing is changed.
        """
        self._must_exist()
        with self.ledger.write() as writer:
            entries = writer.rebuild()
            adopted = self._adopt(writer)
            known = len(writer.rows(sql.select(tables.artifacts.c.name)))
        return {"entries": entries + adopted, "artifacts": known, "adopted": adopted}

    def open(self, name: str) -> Artifact:
        """The artifact that `name` means: `recipe/step@3`, `recipe/step` (the newest) or an alias.

        Raises:
            UsageError: no such artifact; names the nearest that exists.
            ArtifactError: it is recorded, but its folder does not hold.
        """
        row = self._find(name)
        if row is None:
            known = [known.name for known in self.rows()] + list(self.alias_targets())
            raise UsageError(
                f"there is no artifact or alias {name!r} in {self.root}." + nearest(name, known),
                hint="`ontogeny ls` lists what is there",
            )
        return self._open_row(row)

    def rows(self, kind: str | None = None) -> list[Any]:
        """The recorded artifacts (rows of the derived table), oldest first."""
        query = sql.select(tables.artifacts).order_by(tables.artifacts.c.seq)
        return self.ledger.read(query if kind is None else query.where(tables.artifacts.c.kind == kind))

    def alias_targets(self) -> dict[str, str]:
        """What each alias points at."""
        return {row.alias: row.target for row in self.ledger.read(sql.select(tables.aliases))}

    def reusable(self, fingerprint: str) -> Artifact | None:
        """The newest whole artifact with this fingerprint. A damaged one is refused, a removed one is passed over."""
        query = (
            sql.select(tables.artifacts)
            .where(tables.artifacts.c.fingerprint == fingerprint)
            .order_by(tables.artifacts.c.seq.desc())
        )
        for row in self.ledger.read(query):
            if self.folder(row.name).exists():
                artifact = self._open_row(row)
                artifact.check(content=False)
                return artifact
        return None

    def folder(self, name: str) -> Path:
        """Where the artifact of this full name lies."""
        return self.artifacts / name

    def scratch(self, fingerprint: str, *, waiting: Callable[[], None]) -> AbstractContextManager[Path]:
        """The scratch folder of a fingerprint, held by a lock; calls `waiting` once if another process holds it."""
        return self._scratch.hold(fingerprint, waiting=waiting)

    def unfinished(self, recipe: str, step: str) -> list[Unfinished]:
        """What was begun of a step and can be gone on with, where no process is at it."""
        return self._scratch.unfinished(recipe, step)

    def publish(
        self, payload: Path, describe: Callable[[int, str], Manifest], *, recipe: str, step: str
    ) -> Artifact:
        """Make `payload` the next version of `recipe/step`.

        `describe(version, ledger_head)` gives the manifest. The payload folder is gone afterwards.

        Raises:
            ArtifactError: `recipe` or `step` is not a name, or the disk refuses.
        """
        for name in (recipe, step):
            if not NAME_PATTERN.fullmatch(name):
                raise ArtifactError(
                    f"{name!r} cannot be part of an artifact's name",
                    where=str(self.artifacts),
                    hint=NAME_RULE,
                )
        with disk_errors("publishing an artifact"):
            sync_tree(payload)
            with self.ledger.write() as writer:
                version = self._next_version(writer, recipe, step)
                manifest = describe(version, writer.head()[1])
                write_atomic(payload / MANIFEST_FILE, manifest.to_bytes())
                target = self.folder(manifest.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                payload.rename(target)
                sync_folder(target.parent)
                artifact = Artifact(target, manifest)
                writer.append("artifact", _artifact_body(artifact))
        return artifact

    def verify(self, name: str | None = None) -> list[dict[str, str | None]]:
        """Everything that does not hold: `{artifact, file, what}`, for one artifact or for the whole workspace.

        What must be there is taken from the ledger's entries; the ledger itself is always checked as a whole.

        Raises:
            UsageError: there is no workspace, or no artifact of that name.
        """
        self._must_exist()
        audit = self.ledger.audit()
        problems: list[dict[str, str | None]] = [
            {"artifact": None, "file": f"{self.ledger.place}, row {row}", "what": what}
            for row, what in audit.problems
        ]
        problems += [
            {"artifact": None, "file": f"{self.ledger.place}, {row}", "what": f"{what}; {REBUILD}"}
            for row, what in audit.differences
        ]
        derived = tables.derive(audit.entries)
        recorded = {row["name"]: row["manifest_digest"] for row in derived["artifacts"]}
        heads = {tables.GENESIS} | {entry.digest for entry in audit.entries}
        for checked in recorded if name is None else [self._recorded_name(name, derived)]:
            problems += [
                {"artifact": checked, "file": file, "what": what}
                for file, what in self._damage(checked, recorded.get(checked), heads)
            ]
        if name is None:
            problems += [
                {"artifact": artifact.name, "file": str(artifact.path), "what": "the ledger does not know it"}
                for artifact in self._unrecorded(set(recorded))
            ]
        return problems

    def collect_garbage(self, *, unfinished: bool = False) -> Garbage:
        """Remove scratch and cached work that no step goes on with; with `unfinished` also what one would.

        Raises:
            ArtifactError: the disk refuses.
        """
        return self._scratch.collect_garbage(unfinished=unfinished)

    def _must_exist(self) -> None:
        if not self.artifacts.is_dir() and not self.ledger.exists():
            raise UsageError(
                f"there is no workspace in {self.root}",
                hint="name another with --workspace DIR or $ONTOGENY_HOME; `ontogeny run RECIPE` makes one",
            )

    def _adopt(self, writer: LedgerWriter) -> int:
        """Record what is complete and unrecorded; the number of artifacts adopted."""
        known = {row.name for row in writer.rows(sql.select(tables.artifacts.c.name))}
        known |= {row["name"] for row in tables.derive(writer.entries("artifact"))["artifacts"]}
        whole = [artifact for artifact in self._unrecorded(known) if not artifact.problems()]
        for artifact in whole:
            writer.append("artifact", _artifact_body(artifact))
        return len(whole)

    def _damage(self, name: str, manifest_digest: str | None, heads: set[str]) -> list[tuple[str, str]]:
        if manifest_digest is None:
            return [(str(self.folder(name)), "no entry of the ledger that holds records it")]
        try:
            artifact = Artifact.open(self.folder(name), manifest_digest=manifest_digest)
        except ArtifactError as error:
            return [(error.where or str(self.folder(name)), error.message)]
        found = artifact.problems()
        if artifact.manifest.ledger_head not in heads:
            found.append(
                (str(artifact.path / MANIFEST_FILE), "the ledger lost the row that came before this artifact")
            )
        return found

    def _find(self, name: str) -> Any | None:
        target = self.alias_targets().get(name, name)
        match = ARTIFACT_PATTERN.fullmatch(target)
        if match is None:
            return None
        recipe, step, version = match.groups()
        table = tables.artifacts
        query = sql.select(table).where(table.c.recipe == recipe, table.c.step == step)
        if version is not None:
            query = query.where(table.c.version == int(version))
        return next(iter(self.ledger.read(query.order_by(table.c.version.desc()).limit(1))), None)

    def _recorded_name(self, name: str, derived: tables.Rows) -> str:
        """The full name that `name` means by the entries; where they lack it, by the derived tables."""
        target = next((row["target"] for row in derived["aliases"] if row["alias"] == name), name)
        versions = {
            row["version"]: str(row["name"])
            for row in derived["artifacts"]
            if target in (row["name"], f"{row['recipe']}/{row['step']}")
        }
        if versions:
            return versions[max(versions)]
        row = self._find(name)
        return self.open(name).name if row is None else str(row.name)  # `open` raises, with the nearest name

    def _open_row(self, row: Any) -> Artifact:
        return Artifact.open(self.folder(row.name), manifest_digest=row.manifest_digest)

    def _next_version(self, writer: LedgerWriter, recipe: str, step: str) -> int:
        recorded: list[int] = [
            row["version"]
            for row in tables.derive(writer.entries("artifact"))["artifacts"]
            if (row["recipe"], row["step"]) == (recipe, step)
        ]
        matches = [
            FOLDER_PATTERN.fullmatch(path.name) for path in (self.artifacts / recipe).glob(f"{step}@*")
        ]
        on_disk = [int(match[2]) for match in matches if match]
        return max([0, *recorded, *on_disk]) + 1

    def _unrecorded(self, known: set[str]) -> list[Artifact]:
        """Folders that call themselves by the place they stand in, and that are not among the `known`."""
        found = []
        for path in sorted(self.artifacts.glob(f"*/*@*/{MANIFEST_FILE}")):
            name = f"{path.parent.parent.name}/{path.parent.name}"
            if name not in known:
                try:
                    artifact = Artifact.open(path.parent)
                except ArtifactError:
                    continue
                if artifact.name == name:
                    found.append(artifact)
        return found


def _artifact_body(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "name": manifest.name,
        "recipe": manifest.recipe,
        "step": manifest.step,
        "version": manifest.version,
        "kind": manifest.kind,
        "fingerprint": manifest.fingerprint,
        "digest": manifest.digest,
        "manifest_digest": digest_file(artifact.path / MANIFEST_FILE),
        "inputs": [record.model_dump() for record in manifest.inputs],
        "verdicts": [verdict.model_dump(mode="json") for verdict in manifest.verdicts],
        "at": manifest.ended,
    }
