"""API keys: who may use the server.

A key file has one line a key, `NAME sha256:<64 hex digits>`; empty lines and lines that start with `#` are skipped.
It holds no key, only digests, so reading it opens nothing. A plain digest is enough (no scrypt) because keys are made
here from 32 random bytes and cannot be guessed from a list; `add_key` is therefore the way to make one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import ServingError
from ontogeny.core.files import write_atomic

KEY_PREFIX = "ont-"
KEY_BYTES = 32
LINE = re.compile(r"(?P<name>[A-Za-z0-9._@-]+) sha256:(?P<digest>[0-9a-f]{64})")
NAME = re.compile(r"[A-Za-z0-9._@-]+")


@dataclass(frozen=True)
class ApiKeys:
    """The digests of the keys that open the server, by the name of their holder."""

    digests: dict[str, bytes]

    def holder(self, key: str) -> str | None:
        """Whose key this is; compares with every digest in constant time, so that timing tells nothing."""
        presented = _digest(key)
        found = None
        for name, digest in self.digests.items():
            if hmac.compare_digest(digest, presented):
                found = name
        return found


def load_keys(path: Path) -> ApiKeys:
    """Read a key file.

    Raises:
        ServingError: the file cannot be read, a line is not a key line, a name comes twice, or there is no key.
    """
    digests: dict[str, bytes] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:  # the line is not quoted: it may be a key in the clear
            raise ServingError(
                "not a line of a key file (expected `NAME sha256:DIGEST`; keys themselves are not kept)",
                where=f"{path}:{number}",
                hint=f"make a key with `ontogeny serve --api-keys {path} --new-key NAME`",
            )
        if match["name"] in digests:
            raise ServingError(
                f"a second key for {match['name']!r}",
                where=f"{path}:{number}",
                hint="give each key its own name, such as NAME.laptop",
            )
        digests[match["name"]] = bytes.fromhex(match["digest"])
    if not digests:
        raise ServingError(
            "no key in the file: nobody could use the server",
            where=str(path),
            hint=f"make one with `ontogeny serve --api-keys {path} --new-key NAME`",
        )
    return ApiKeys(digests)


def add_key(path: Path, name: str) -> str:
    """Make a key for `name`, add its digest to the file (made if missing) and return the key, which is kept nowhere.

    Raises:
        ServingError: the name has other characters than letters, digits and `._@-`, or has a key already.
    """
    if not NAME.fullmatch(name):
        raise ServingError(
            f"{name!r} cannot name a key", hint="use letters, digits, dots, dashes, underscores and @ only"
        )
    if path.exists() and any(line.split(" ")[0] == name for line in _lines(path)):
        raise ServingError(
            f"{name!r} has a key already",
            where=str(path),
            hint="remove its line to take that key back, or use another name",
        )
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    before = "".join(f"{line}\n" for line in _lines(path)) if path.exists() else ""
    write_atomic(path, f"{before}{name} sha256:{_digest(key).hex()}\n")
    return key


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(
            f"the key file cannot be read ({getattr(error, 'strerror', None) or error})",
            where=str(path),
            hint=f"make one with `ontogeny serve --api-keys {path} --new-key NAME`",
        ) from error


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
