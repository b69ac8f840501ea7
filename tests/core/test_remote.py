"""Files behind URLs: bytes as a file of the disk gives them, and every way a store can fail, with a remedy."""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from ontogeny.core import remote
from ontogeny.core.errors import DataError, OntogenyError, RecipeError
from ontogeny.core.files import digest_bytes, digest_file
from ontogeny.core.remote import RemoteFile, file_system_of, path_of, state_of, without_secrets
from tests.core.web_server import Site, serving

DATA = random.Random(3).randbytes(300_000)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRY_SECONDS", 0)
    monkeypatch.setattr(remote, "BLOCK_BYTES", 1 << 16)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site({"a.bin": DATA})) as site:
        yield site


def memory_file(data: bytes = DATA) -> RemoteFile:
    fsspec.filesystem("memory").pipe_file("/remote/a.bin", data)
    return RemoteFile("memory:///remote/a.bin")


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole"])
def test_reading_and_seeking_are_those_of_a_file(site: Site, ranges: bool) -> None:
    site.ranges = ranges
    choose, reference = random.Random(5), io.BytesIO(DATA)
    for file in (RemoteFile(f"{site.address}a.bin"), memory_file()):
        reference.seek(0)
        with file.open() as stream:
            for _ in range(60):
                place, whence = choose.choice([(choose.randrange(len(DATA)), 0), (-9, 2), (0, 1), (0, 2)])
                size = choose.choice([0, 1, 100, 70_000, 200_000])
                assert stream.seek(place, whence) == reference.seek(place, whence)
                assert stream.read(size) == reference.read(size)
                assert stream.tell() == reference.tell()
                assert stream.readline() == reference.readline()
        assert file.read_bytes() == DATA
        assert digest_file(file) == digest_bytes(DATA)


def test_a_range_costs_its_range_only(site: Site) -> None:
    with RemoteFile(f"{site.address}a.bin").open() as stream:
        stream.seek(200_000)
        assert stream.read(10) == DATA[200_000:200_010]
    assert site.gets() == [f"bytes=200000-{200_000 + (1 << 16) - 1}"]


def test_it_has_the_names_of_a_path_and_can_be_sent_to_another_process() -> None:
    file = RemoteFile("https://example.org/x/a.b.jsonl.gz?version=3")
    assert (file.name, file.suffix, str(file)) == ("a.b.jsonl.gz", ".gz", file.url)
    assert pickle.loads(pickle.dumps(file)) == file
    assert path_of(file.url) == file and path_of("x/a.txt") == Path("x/a.txt")
    assert sorted([file, Path("z"), RemoteFile("s3://b/a"), Path("a")]) == [
        Path("a"), Path("z"), file, RemoteFile("s3://b/a"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="only read"):
        file.open("wb")


def test_its_marks_change_with_what_the_store_says_of_its_content(site: Site) -> None:
    file = RemoteFile(f"{site.address}a.bin")
    before = file.stat()
    assert before == file.stat() and before.st_size == len(DATA)
    site.files["a.bin"] = DATA[::-1]
    assert file.stat() != before
    assert file.stat().st_mtime_ns == 0
    site.tags = False
    assert file.stat().st_mtime_ns == remote._STARTED_NS  # nothing to know it by in another process


def test_a_failure_that_passes_is_tried_again(site: Site) -> None:
    site.failures = [503, 500, 429]
    assert RemoteFile(f"{site.address}a.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, RecipeError, "no such file"),
        (403, DataError, "refuses access"),
        (500, DataError, "cannot be reached"),
    ],
)
def test_what_a_server_answers_becomes_an_error_with_a_remedy(
    site: Site, status: int, kind: type[OntogenyError], says: str
) -> None:
    site.refused = status
    with pytest.raises(kind, match=says) as error:
        RemoteFile(f"{site.address}a.bin").stat()
    assert error.value.hint
    site.refused = None
    file = RemoteFile(f"{site.address}a.bin", RemoteFile(f"{site.address}a.bin").stat())
    site.refused = status
    with pytest.raises(kind, match=says):
        file.read_bytes()


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="cannot be reached") as error:
        RemoteFile("http://127.0.0.1:9/a.txt").stat()
    assert "check the network" in str(error.value)


def test_a_file_that_became_shorter_is_told() -> None:
    file = memory_file()
    file = RemoteFile(file.url, file.stat())
    memory_file(DATA[:100])
    with pytest.raises(DataError, match="ends after 100 of 300,000 bytes"):
        file.read_bytes()


def test_missing_credentials_are_told() -> None:
    class NoCredentialsError(Exception):
        """As botocore calls it."""

    with pytest.raises(DataError, match="refuses access") as error, remote.remote_errors("s3://b/a"):
        raise NoCredentialsError("Unable to locate credentials")
    assert "AWS_PROFILE" in str(error.value)
    with pytest.raises(DataError, match="refuses access"), remote.remote_errors("s3://b/a"):
        raise PermissionError("Forbidden")


def test_a_missing_bucket_is_told() -> None:
    class NoSuchBucket(Exception):
        """As botocore calls it."""

    with pytest.raises(RecipeError, match="no such file, folder or bucket"), remote.remote_errors("s3://b/a"):
        raise NoSuchBucket("An error occurred")


def test_a_size_that_is_not_known_is_refused(site: Site) -> None:
    site.sizes = False
    with pytest.raises(RecipeError, match="does not say how large"):
        RemoteFile(f"{site.address}a.bin").stat()


def test_protocols_and_packages_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=r"Did you mean 's3'\?"):
        file_system_of("s33://bucket/a")

    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    for url, hint in [
        ("s3://b/a", "pip install 'ontogeny[s3]'"),
        ("https://x/a", "pip install 'ontogeny[http]'"),
        ("gs://b/a", "pip install gcsfs"),
        ("ftp://b/a", "fsspec says: Install s3fs"),
    ]:
        with pytest.raises(RecipeError, match="needs a package") as error:
            file_system_of(url)
        assert hint in str(error.value)


def test_no_secret_is_shown() -> None:
    said = without_secrets("at s3://key:hush@bucket/a and https://me@x.org/b?X-Amz-Signature=hush'): no")
    assert said == "at s3://…@bucket/a and https://x.org/b?…'): no"
    with pytest.raises(DataError) as error, remote.remote_errors("https://x.org/a?sig=hush"):
        raise TimeoutError("https://x.org/a?sig=hush")
    assert "hush" not in str(error.value)
    with pytest.raises(RecipeError) as refused:
        state_of({}, "https://x.org/a?sig=hush")
    assert "hush" not in str(refused.value)
