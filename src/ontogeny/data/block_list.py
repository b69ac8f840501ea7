"""Lists of domains and addresses that nothing shall be taken from.

Read are plain lists (a domain or an address a line), hosts files (`0.0.0.0 bad.example`), and folders in the form of
the University of Toulouse's lists (a folder a category, with files `domains` and `urls` in it); `#` begins a comment.
A listed domain covers its subdomains, a listed address everything below its path.

Entries are kept as sorted 64-bit digests, eight bytes each, since public lists have millions: for a list of five
million, one lookup in four million million is answered wrongly.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError, UsageError, nearest

DOMAINS_FILE, URLS_FILE = "domains", "urls"
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)$", re.IGNORECASE)
HOST = re.compile(r"^[\w-]+(?:\.[\w-]+)*$|^\[[0-9a-f:.]+\]$")
LOCAL = {"localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback"}
"""What hosts files say of the machine itself."""


@dataclass(frozen=True, eq=False)
class BlockList:
    """Domains and addresses, as sorted uint64 digests."""

    domains: npt.NDArray[np.uint64]
    urls: npt.NDArray[np.uint64]

    @classmethod
    def load(cls, paths: Sequence[Path], categories: Sequence[str] | None = None) -> BlockList:
        """The entries of all `paths`, files and folders of categories; of the latter, `categories` only where given.

        Raises:
            UsageError: a path or category is not there.
            DataError: a line is neither a domain nor an address, or nothing is listed.
        """
        domains: set[int] = set()
        urls: set[int] = set()
        for path in list_files(paths, categories):
            for entry in _entries(path):
                host, rest = split_url(entry)
                (urls if rest else domains).add(_digest(host + rest))
        if not domains and not urls:
            raise DataError(
                "the block lists hold no entry", where=", ".join(map(str, paths)), hint="look at their paths"
            )
        return cls(_sorted(domains), _sorted(urls))

    def __len__(self) -> int:
        return len(self.domains) + len(self.urls)

    def blocks_domain(self, host: str) -> bool:
        """Whether `host`, in the form of `split_url`, or a domain above it is listed."""
        labels = host.split(".")
        return any(_among(self.domains, ".".join(labels[at:])) for at in range(len(labels)))

    def blocks_url(self, host: str, path: str) -> bool:
        """Whether an address is listed that `host` and `path`, in the form of `split_url`, are at or below."""
        if not len(self.urls):
            return False
        parts = path.split("/")
        return any(_among(self.urls, host + "/".join(parts[:end])) for end in range(2, len(parts) + 1))


def list_files(paths: Sequence[Path], categories: Sequence[str] | None = None) -> list[Path]:
    """The files that `BlockList.load` reads.

    Raises:
        UsageError: a path or category is not there.
        DataError: a folder holds no list.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += _folder_files(path, categories)
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError("there is no such block list", where=str(path), hint="give a file or a folder")
    return files


def split_url(url: str) -> tuple[str, str]:
    """The host of `url`, in small letters and Punycode, without `www.` and port; and its path without the last `/`."""
    rest = SCHEME.sub("", url.strip()).removeprefix("//")
    cut = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    host, path = rest[:cut].rsplit("@", 1)[-1].lower(), rest[cut:].split("#", 1)[0].rstrip("/")
    host = host.split("]", 1)[0] + "]" if host.startswith("[") else host.split(":", 1)[0]
    host = host.rstrip(".").removeprefix("www.")
    if not host.isascii():
        with contextlib.suppress(UnicodeError):  # no name that could be registered: compared as it is
            host = host.encode("idna").decode()
    return host, path


def _folder_files(folder: Path, categories: Sequence[str] | None) -> list[Path]:
    if any((folder / name).is_file() for name in (DOMAINS_FILE, URLS_FILE)):
        chosen = [folder]
    else:
        known = sorted(each.name for each in folder.iterdir() if each.is_dir())
        for name in categories or ():
            if name not in known:
                raise UsageError(
                    f"the block list has no category {name!r}.{nearest(name, known)}",
                    where=str(folder),
                    hint=f"it has: {', '.join(known) or 'none'}",
                )
        chosen = [folder / name for name in (categories if categories is not None else known)]
    files = [each / name for each in chosen for name in (DOMAINS_FILE, URLS_FILE) if (each / name).is_file()]
    if not files:
        raise DataError(
            f"the folder holds no file called {DOMAINS_FILE!r} or {URLS_FILE!r}",
            where=str(folder),
            hint="give a list file, or a folder with one folder a category",
        )
    return files


def _entries(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split()
            if len(words) > 1 and ADDRESS.match(words[0]):
                yield from (word for word in words[1:] if word not in LOCAL and not ADDRESS.match(word))
                continue
            if not words:
                continue
            host, _ = split_url(words[0])
            if len(words) > 1 or not HOST.match(host):
                raise DataError(
                    f"neither a domain nor an address: {line.strip()[:80]!r}",
                    where=f"{path}, line {number}",
                    hint="a line holds one domain, one address, or an IP address and host names; # begins a comment",
                )
            yield words[0]


def _digest(entry: str) -> int:
    return int.from_bytes(blake2b(entry.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _sorted(digests: Iterable[int]) -> npt.NDArray[np.uint64]:
    return np.sort(np.fromiter(digests, dtype=np.uint64))


def _among(digests: npt.NDArray[np.uint64], entry: str) -> bool:
    value = np.uint64(_digest(entry))
    at = int(np.searchsorted(digests, value))
    return at < len(digests) and bool(digests[at] == value)
