"""A web server on this machine that serves a few files as real ones do, well and badly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served. `address` ends in a slash."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    tags: bool = True
    sizes: bool = True
    failures: list[int] = field(default_factory=list)
    """What the next requests for content are answered with instead."""
    refused: int | None = None
    """What every request is answered with."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, name and range of each request."""
    address: str = ""

    def gets(self) -> list[str]:
        """The ranges that were asked for, in their order."""
        return [asked for method, _, asked in self.requests if method == "GET"]


class Answering(BaseHTTPRequestHandler):
    """Answers HEAD and GET alike, but for the body, and writes no log."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def answer(self, *, with_body: bool) -> None:
        """Answer what `self.path` asks for."""
        raise NotImplementedError


@contextmanager
def at_its_address(handler: type[Answering]) -> Iterator[str]:
    """The address, without a slash at its end, where `handler` answers until the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


class _Handler(Answering):
    site: Site

    def answer(self, *, with_body: bool) -> None:
        site, name = self.site, self.path.partition("?")[0].lstrip("/")
        asked = self.headers.get("Range", "")
        site.requests.append((self.command, name, asked))
        status = site.refused or (site.failures.pop(0) if with_body and site.failures else None)
        if status is None and name not in site.files and name:
            status = 404
        if status is not None:
            self.send_error(status)
            return
        links = "".join(f'<a href="{site.address}{name}">{name}</a>' for name in site.files)
        whole = site.files[name] if name else links.encode()
        data, tag = whole, hashlib.sha256(whole).hexdigest()
        if asked and site.ranges:
            start, end = asked.removeprefix("bytes=").split("-")
            data = whole[int(start) : int(end) + 1]
        self.send_response(206 if asked and site.ranges else 200)
        self.send_header("Content-Type", "application/octet-stream" if name else "text/html")
        if site.sizes:
            self.send_header("Content-Length", str(len(data)))
        if site.tags:
            self.send_header("ETag", f'"{tag}"')
        self.end_headers()
        if with_body:
            self.wfile.write(data)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """`site`, served until the end."""
    with at_its_address(type("Handler", (_Handler,), {"site": site})) as address:
        site.address = f"{address}/"
        yield site
