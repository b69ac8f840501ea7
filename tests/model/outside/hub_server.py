"""As much of the Hugging Face Hub as its client needs to fetch a model, on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.core.web_server import Answering, at_its_address

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repository:
    """One repository with one branch, `main`, and what was asked of it."""

    name: str
    files: dict[str, bytes]
    commit: str = COMMIT
    contents: list[str] = field(default_factory=list)
    """Files whose content was fetched."""
    address: str = ""


class _Handler(Answering):
    repository: Repository

    def answer(self, *, with_body: bool) -> None:
        repository, path = self.repository, self.path.partition("?")[0].lstrip("/")
        api, content = f"api/models/{repository.name}", f"{repository.name}/resolve/{repository.commit}/"
        if path in (f"{api}/revision/main", f"{api}/revision/{repository.commit}", api):
            names = [{"rfilename": name} for name in repository.files]
            self._json({"id": repository.name, "sha": repository.commit, "siblings": names})
        elif path == f"{api}/tree/{repository.commit}":
            self._json([
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in repository.files.items()
            ])  # fmt: skip
        elif path.startswith(content) and path.removeprefix(content) in repository.files:
            name = path.removeprefix(content)
            data = repository.files[name]
            self._head(len(data), hashlib.sha1(data).hexdigest())
            if with_body:
                repository.contents.append(name)
                self.wfile.write(data)
        elif path.startswith(f"{api}/revision/"):
            self._missing("RevisionNotFound")
        else:
            self._missing("EntryNotFound" if path.startswith(repository.name) else "RepoNotFound")

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self._head(len(data), "x")
        self.wfile.write(data)

    def _head(self, size: int, tag: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", f'"{tag}"')
        self.send_header("X-Repo-Commit", self.repository.commit)
        self.end_headers()

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(repository: Repository) -> Iterator[Repository]:
    """`repository`, served until the end."""
    with at_its_address(type("Handler", (_Handler,), {"repository": repository})) as address:
        repository.address = address
        yield repository
