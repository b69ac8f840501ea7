"""What a user writes as a path: a file, a glob, or a URL of either; in a fixed order, or an error that says why not.

URLs go through fsspec. They are recorded with everything that is made of them, so one that holds a secret is refused.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.core.remote import (
    AnyPath,
    RemoteFile,
    file_system_of,
    is_url,
    remote_errors,
    state_of,
    url_path,
    without_secrets,
)

LOCAL = re.compile(r"(?:file|local)://(?:localhost(?=/))?")
CHAIN = "::"
"""How fsspec spells a file within another one, e.g. a ZIP archive."""

VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")

SECRETS = re.compile(
    r"(?:^|[-_.])(?:sig|signature|token|secret|password|passwd|pwd|credentials?|auth|key|apikey|session|jwt|policy)"
    r"(?:$|[-_.])|^x-(?:amz|goog|ms)-|accesskey|accessid",
    re.IGNORECASE,
)
"""Names in a query that hold a signature or a key, as S3, Google, Azure and CloudFront sign URLs."""


def expand(pattern: str) -> list[AnyPath]:
    """The files that `pattern` (a path, a glob, `**` included, or a URL of either) names, sorted.

    In a path `~` and variables of the environment (`$DATA/books`) stand for what they do in a shell; never in a URL,
    since URLs are recorded and a variable may hold a secret.

    Raises:
        RecipeError: a URL with a secret, a folder, nothing of that name, or a package is missing.
        DataError: a store refuses access or cannot be reached.
    """
    if is_url(pattern) and not LOCAL.match(pattern):
        check_url(pattern)
        return list(_remote(pattern))
    return list(_local(LOCAL.sub("", pattern, count=1)))


def check_url(url: str) -> None:
    """Raises RecipeError where `url` holds a password or a signature, or leads into an archive."""
    where = without_secrets(url)
    if CHAIN in url:
        raise RecipeError(
            "a file within another one is not read through its URL", where=where, hint="unpack it first"
        )
    host = url.partition("://")[2].partition("/")[0]
    if ":" in host.rpartition("@")[0]:
        raise RecipeError(
            "the URL holds a password, and URLs are recorded in manifests",
            where=where,
            hint="leave it out, and give credentials as the store's own tools take them (environment, profile)",
        )
    for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True):
        if SECRETS.search(name):
            raise RecipeError(
                f"the URL holds a secret ({name}), and URLs are recorded in manifests",
                where=where,
                hint="give the store's own URL (s3://, gs://, az://) with credentials in the environment, or download"
                " the file and give its path",
            )


def _local(pattern: str) -> list[Path]:
    wanted = os.path.expandvars(os.path.expanduser(pattern))  # noqa: PTH111 - Path raises on an unknown ~name
    files = sorted(path for path in map(Path, glob.glob(wanted, recursive=True)) if path.is_file())  # noqa: PTH207
    if files:
        return files
    place = Path(wanted)
    if place.is_file():  # its name has the signs of a pattern
        return [place]
    if place.is_dir():
        raise _folder(pattern)
    raise RecipeError(
        f"no such file, and nothing matches it as a pattern.{nearest_path(place)}",
        where=pattern,
        hint=_hint(place),
    )


def _hint(place: Path) -> str:
    """What to look at where `place` names nothing."""
    if unset := VARIABLE.search(str(place)):
        return f"the environment has no variable {unset[1]}; set it, or write the path out"
    for folder in place.parents:
        if "[" in folder.name and folder.exists():
            escaped = f"{glob.escape(str(folder))}/{place.relative_to(folder)}"
            return f"[ begins a set of characters in a pattern; for the sign itself write {escaped}"
    return "paths in a recipe are relative to the folder the command runs in"


def _remote(url: str) -> list[RemoteFile]:
    file_system, path = file_system_of(url)
    web = url_path(url) != url or re.match(r"https?://", url) is not None
    with remote_errors(url):
        file_system.invalidate_cache()  # what was listed earlier may have changed
        if not glob.has_magic(url_path(url) if web else path):
            info = file_system.info(path)
            if info.get("type") == "directory" or url.endswith("/"):
                raise _folder(url)
            return [RemoteFile(url, state_of(info, url))]
        found = file_system.glob(path, detail=True)
        files = []
        for name, listed in found.items():
            if listed.get("type") != "directory":
                info = listed if listed.get("size") is not None else file_system.info(name)
                address = _address(url, name, file_system)
                files.append(RemoteFile(address, state_of(info, address)))
    if not files:
        raise RecipeError(
            "no file matches this pattern",
            where=without_secrets(url),
            hint="check the bucket and the folder; a web server is searched through the links of its pages only",
        )
    return sorted(files)


def _address(pattern: str, name: str, file_system: Any) -> str:
    """The URL of the file that the file system calls `name`, with protocol and host as the user wrote them."""
    protocol, _, rest = pattern.partition("://")
    host = rest.partition("/")[0]
    written = (f"{protocol}://{host}{name}", f"{protocol}://{host}/{name.partition('/')[2]}")
    same = (url for url in written if file_system._strip_protocol(url) == name)
    return str(next(same, file_system.unstrip_protocol(name)))


def _folder(pattern: str) -> RecipeError:
    return RecipeError(
        "is a folder, not a file",
        where=without_secrets(pattern),
        hint=f"write {without_secrets(pattern).rstrip('/')}/*.jsonl, say",
    )


def nearest_path(path: Path) -> str:
    """`" Did you mean 'x'?"` for the existing name closest to the first part of `path` that does not exist."""
    parent, missing = path.parent, path.name
    while not parent.is_dir() and parent != parent.parent:
        parent, missing = parent.parent, parent.name
    if glob.has_magic(missing) or not parent.is_dir():
        return ""
    return nearest(missing, (entry.name for entry in parent.iterdir()))
