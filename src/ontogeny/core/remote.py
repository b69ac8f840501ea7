"""Files behind a URL, read through fsspec: object stores, web servers, and whatever else fsspec knows.

A `RemoteFile` offers what our readers use of a `pathlib.Path`, so that either may stand in a unit of work; it holds
nothing but its URL and what the store said of the file, and can be sent to another process. Bytes come in ranges, a
failed request is tried again, and what a store or a network answers becomes an error with a remedy: never an `OSError`,
which readers take for damage of the file. Credentials come from where the store's own tools find them (environment
variables, profiles, fsspec's configuration), never from a URL.
"""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from blake3 import blake3

from ontogeny.core.errors import DataError, OntogenyError, RecipeError, nearest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 4 << 20
"""Bytes of one request: long enough that the wait for an answer hardly counts, short enough to hold for each reader."""

ATTEMPTS = 4
RETRY_SECONDS = 0.5
"""Wait before the second attempt; it doubles."""

RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)
NO_RANGES = "support range requests"
"""What fsspec says where a web server sends a whole file whatever is asked."""

MARKS = (
    *("ETag", "etag", "md5Hash", "Content-MD5", "content_md5", "Digest", "VersionId", "generation", "sha256"),
    *("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "created"),
)
"""What stores call the things that change when a file does."""

EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}
PACKAGES = {"gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs"}
NO_CREDENTIALS = re.compile(r"credential|ClientAuthenticationError|RefreshError", re.IGNORECASE)
NOT_THERE = re.compile(r"NoSuch(Bucket|Key)|NotFound")
WEB_ADDRESS = re.compile(r"(https?://)(?:[^\s/'\"@]*@)?([^\s'\"?]*)(\?[^\s'\"]*)?")

WEB_LOGIN = (
    "download the file and give its path, or put the login into fsspec's configuration (~/.config/fsspec)"
)
STORE_LOGIN = (
    "give credentials as the store's own tools take them, e.g. AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY; FSSPEC_S3_ANON=true reads public buckets without"
)

_STARTED_NS = time.time_ns()


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What a store says of a file, named as in `os.stat_result`, so that digests can be remembered by it.

    `st_ino` is a digest of the store's marks of the content (MARKS). Without any, `st_mtime_ns` is when this process
    began: what was learnt of the file then holds within the process only.
    """

    st_size: int
    st_mtime_ns: int
    st_ino: int


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """The file at `url`. Files of the disk sort before it."""

    url: str
    state: RemoteState | None = field(default=None, compare=False, repr=False)
    """What the store said when it was listed; asked for where it was not."""

    def __str__(self) -> str:
        return self.url

    def __lt__(self, other: RemoteFile | PurePath) -> bool:
        return isinstance(other, RemoteFile) and self.url < other.url

    def __gt__(self, other: RemoteFile | PurePath) -> bool:
        return isinstance(other, PurePath) or self.url > other.url

    @property
    def name(self) -> str:
        """The last part of the URL's path."""
        return url_path(self.url).rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The last suffix of the name, with its dot."""
        return PurePath(self.name).suffix

    def stat(self) -> RemoteState:
        """Size and marks.

        Raises:
            OntogenyError: it cannot be found or reached.
        """
        if self.state is not None:
            return self.state
        file_system, path = file_system_of(self.url)
        with remote_errors(self.url):
            return state_of(file_system.info(path), self.url)

    def is_file(self) -> bool:
        """Whether it is there, and no folder."""
        if self.state is not None:
            return True
        file_system, path = file_system_of(self.url)
        with remote_errors(self.url):
            return bool(file_system.isfile(path))

    def open(self, mode: str = "rb") -> BinaryIO:
        """Its bytes, to be read and sought in.

        Raises:
            OntogenyError: there, or on reading: it cannot be found or reached, or ends early.
        """
        if mode != "rb":
            raise ValueError(f"a file behind a URL is only read, not opened with {mode!r}")
        return cast(BinaryIO, io.BufferedReader(_Ranges(self.url, self.stat().st_size), BLOCK_BYTES))

    def read_bytes(self) -> bytes:
        """All its bytes."""
        with self.open() as file:
            return file.read()


AnyPath: TypeAlias = Path | RemoteFile
"""A file outside the workspace, on a disk or behind a URL."""


def is_url(text: str) -> bool:
    """Whether `text` is a URL rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def path_of(text: str) -> AnyPath:
    """The file whose `str` is `text`."""
    return RemoteFile(text) if is_url(text) else Path(text)


def url_path(url: str) -> str:
    """`url` without a web address's query and fragment."""
    return re.split(r"[?#]", url, maxsplit=1)[0] if re.match(r"https?://", url, re.IGNORECASE) else url


def file_system_of(url: str) -> tuple[Any, str]:
    """fsspec's file system for `url`, and how it calls the file.

    Raises:
        RecipeError: no such protocol, or its package is not installed.
    """
    import fsspec  # type: ignore[import-untyped]

    protocol = url.partition("://")[0]
    if protocol not in fsspec.available_protocols():
        known = nearest(protocol, fsspec.available_protocols())
        raise RecipeError(
            f"nothing reads URLs that begin with {protocol}://.{known}",
            where=without_secrets(url),
            hint="s3://, gs://, az:// and https:// are read, and paths",
        )
    try:
        with remote_errors(url):
            return cast("tuple[Any, str]", fsspec.core.url_to_fs(url))
    except ImportError as error:
        package = PACKAGES.get(protocol)
        wanted = f"'ontogeny[{EXTRAS[protocol]}]'" if protocol in EXTRAS else package
        raise RecipeError(
            f"{protocol}:// needs a package that is not installed",
            where=without_secrets(url),
            hint=f"pip install {wanted}" if wanted else f"fsspec says: {error}",
        ) from error


def state_of(info: Mapping[str, Any], url: str) -> RemoteState:
    """The state of the file that fsspec describes with `info`.

    Raises:
        RecipeError: its size is not known.
    """
    size = info.get("size")
    if size is None:
        raise RecipeError(
            "the server does not say how large the file is, so a part of it could pass for the whole",
            where=without_secrets(url),
            hint="download the file and give its path",
        )
    marks = [f"{name}={info[name]}" for name in MARKS if info.get(name)]
    digest = int.from_bytes(blake3("\n".join(marks).encode()).digest()[:6])
    return RemoteState(int(size), 0 if marks else _STARTED_NS, digest)


class _Ranges(io.RawIOBase):
    """Reads the `size` bytes at `url`, a range a request; the buffer above it makes the ranges long."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._position = url, size, 0
        self._file_system, self._path = file_system_of(url)
        self._copy: BinaryIO | None = None
        """The whole file, where a web server sends no ranges."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        data = self._fetch(self._position, end)
        if not data:
            raise DataError(
                f"the file ends after {self._position:,} of {self._size:,} bytes",
                where=without_secrets(self._url),
                hint="it may have been replaced while it was read: run the same command again",
            )
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if self._copy is not None:
            self._copy.close()
        super().close()

    def _fetch(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end`, or fewer."""
        with remote_errors(self._url):
            for attempt in range(ATTEMPTS):
                try:
                    return self._request(start, end)
                except Exception as error:
                    if attempt + 1 == ATTEMPTS or not _is_passing(error):
                        raise
                    time.sleep(RETRY_SECONDS * 2**attempt)
        raise AssertionError("there is at least one attempt")

    def _request(self, start: int, end: int) -> bytes:
        if not self._url.startswith(("http://", "https://")):
            return cast(bytes, self._file_system.cat_file(self._path, start=start, end=end))
        if self._copy is None:
            try:
                # `cat_file` would take the whole file for the range that was asked for.
                return cast(bytes, self._web_file()._fetch_range(start, end))[: end - start]
            except ValueError as error:
                if NO_RANGES not in str(error):
                    raise
                self._copy = self._whole()
        self._copy.seek(start)
        return self._copy.read(end - start)

    def _web_file(self, **options: Any) -> Any:
        # Undecoded, for a compressed transfer has other ranges than the file.
        headers = {**self._file_system.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
        return self._file_system.open(self._path, size=self._size, headers=headers, **options)

    def _whole(self) -> BinaryIO:
        copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 # closed with this stream
        try:
            with self._web_file(block_size=0) as stream:
                shutil.copyfileobj(stream, copy, BLOCK_BYTES)
        except BaseException:
            copy.close()
            raise
        return copy


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """Turn whatever a store, a server or the network answers about `url` into an error with a remedy."""
    try:
        yield
    except (OntogenyError, ImportError):
        raise
    except Exception as error:  # each store's package has errors of its own, without a base in common
        raise _explained(error, url) from error


def without_secrets(text: str) -> str:
    """`text` with the user names, passwords and queries of its URLs left out."""
    text = re.sub(r"(://)[^\s/'\"@:]*:[^\s/'\"@]*@", r"\1…@", text)
    return WEB_ADDRESS.sub(lambda match: f"{match[1]}{match[2]}{'?…' if match[3] else ''}", text)


def _is_passing(error: Exception) -> bool:
    """Whether another attempt may succeed."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return status in RETRY_STATUS
    lasting = (FileNotFoundError, PermissionError, IsADirectoryError, ValueError, TypeError, ImportError)
    return not isinstance(error, (*lasting, NotImplementedError, OntogenyError)) and not _lacks_credentials(
        error
    )


def _lacks_credentials(error: BaseException) -> bool:
    return NO_CREDENTIALS.search(type(error).__name__) is not None


def _explained(error: Exception, url: str) -> OntogenyError:
    where = without_secrets(url)
    cause = error
    while isinstance(error, FileNotFoundError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__  # fsspec's web client calls every failure a missing file, and says more below
    status = getattr(cause, "status", None)
    said = f"{type(cause).__name__}: {without_secrets(str(cause))}" if str(cause) else type(cause).__name__
    missing = cause is error and isinstance(error, FileNotFoundError)
    if missing or status in (404, 410) or NOT_THERE.search(type(cause).__name__):
        return RecipeError("no such file, folder or bucket", where=where, hint="check the URL in the recipe")
    if status in (401, 403) or isinstance(cause, PermissionError) or _lacks_credentials(cause):
        return DataError(
            f"the store refuses access ({said})",
            where=where,
            hint=WEB_LOGIN if re.match("https?://", url) else STORE_LOGIN,
        )
    return DataError(
        f"the file cannot be reached ({said})",
        where=where,
        hint="check the network and the name of the host; what was read before is kept, so run the same command again",
    )
