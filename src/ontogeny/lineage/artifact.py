"""An artifact: an immutable folder with a manifest, found by name, checked by digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import digest_bytes, digest_file, payload_files
from ontogeny.lineage.manifest import MANIFEST_FILE, FileRecord, Manifest


@dataclass(frozen=True)
class Artifact:
    """A published artifact. Its payload lies in `path`, beside `manifest.json`."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """`recipe/step@version`."""
        return self.manifest.name

    @property
    def kind(self) -> str:
        """What the payload is: `corpus`, `tokenizer`, `model`, ..."""
        return self.manifest.kind

    @property
    def digest(self) -> str:
        """The content digest over the payload."""
        return self.manifest.digest

    @classmethod
    def open(cls, path: Path, *, manifest_digest: str | None = None) -> Artifact:
        """Read the artifact in `path`, holding its manifest against the digest in the ledger where one is given.

        Raises:
            ArtifactError: no folder, no manifest, a manifest of another digest, or a payload file of another size.
        """
        manifest_path = path / MANIFEST_FILE
        try:
            data = manifest_path.read_bytes()
        except OSError as error:
            raise ArtifactError(
                f"the manifest cannot be read ({error.strerror})",
                where=str(manifest_path),
                hint="restore the folder from a copy, or run the recipe again to make a new version",
            ) from error
        if manifest_digest is not None and digest_bytes(data) != manifest_digest:
            raise ArtifactError(
                "the manifest is not the one that the ledger recorded",
                where=str(manifest_path),
                hint="restore it from a copy; or remove the folder and run the recipe again to make a new version",
            )
        return cls(path, Manifest.from_bytes(data, str(manifest_path)))

    def size_problems(self) -> list[tuple[str, str]]:
        """(file, what) for each payload file that is missing or of another size; reads no content."""
        problems = []
        for record in self.manifest.files:
            path = self.path / record.path
            if not path.is_file():
                problems.append((str(path), "the file is missing"))
            elif path.stat().st_size != record.bytes:
                problems.append(
                    (str(path), f"{path.stat().st_size:,} bytes, the manifest says {record.bytes:,}")
                )
        return problems

    def problems(self) -> list[tuple[str, str]]:
        """(file, what) for each payload file that is missing, added, or of another content; reads everything."""
        found = self.size_problems()
        damaged = {file for file, _ in found}
        for record in self.manifest.files:
            path = self.path / record.path
            if str(path) not in damaged and digest_file(path) != record.digest:
                found.append((str(path), "the content is not what the manifest recorded"))
        known = {record.path for record in self.manifest.files} | {MANIFEST_FILE}
        found += [
            (str(self.path / file), "the manifest does not know this file")
            for file in payload_files(self.path)
            if str(file) not in known
        ]
        return found

    def check(self, *, content: bool) -> None:
        """Refuse a damaged artifact.

        Raises:
            ArtifactError: names the first file that does not hold.
        """
        problems = self.problems() if content else self.size_problems()
        if problems:
            file, what = problems[0]
            raise ArtifactError(
                f"{self.name} is damaged: {what}",
                where=file,
                hint=f"restore the file from a copy, or remove {self.path} and run the recipe again",
            )


def record_files(folder: Path) -> tuple[FileRecord, ...]:
    """Size and digest of every file below `folder`."""
    return tuple(
        FileRecord(path=str(file), bytes=(folder / file).stat().st_size, digest=digest_file(folder / file))
        for file in payload_files(folder)
    )
