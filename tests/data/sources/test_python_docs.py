"""The interpreter's own documentation as a corpus."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.document import Document, Rejected, make_doc_id
from ontogeny.data.python_modules import library_folder
from ontogeny.data.sources import python_docs
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.data.sources.python_docs import PythonDocsSource, python_docs_files, read_python_docs
from ontogeny.records.accounting import RowCount

if TYPE_CHECKING:
    from tests.data.conftest import Made


def read(source: PythonDocsSource) -> tuple[list[Document | Rejected], Reading]:
    reading = Reading(RowCount("python-docs"))
    return list(read_python_docs(source, Unit(Path(), 0), reading)), reading


def small_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of a few modules in place of the interpreter's."""
    files = {
        "json/__init__.py": b'"""JSON."""\ndef dumps(obj):\n    """Make text."""\n',
        "json/tool.py": b"def main(): pass\n",
        "abc.py": b"x = '\xff'\n",
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    monkeypatch.setattr(python_docs, "library_folder", lambda: folder)
    monkeypatch.setattr(python_docs, "topics_file", lambda: None)
    return folder


def test_it_is_large_enough_to_learn_from(corpus: Made) -> None:
    metrics = corpus.outputs.metrics
    assert metrics["documents_kept"] > 450
    assert metrics["bytes_kept"] > 1_500_000
    assert 0.04 < metrics["held_out_bytes"] / metrics["bytes_kept"] < 0.25
    assert metrics["documents_read"] == metrics["documents_kept"] + sum(metrics["dropped"].values())
    assert corpus.outputs.licenses == ("PSF-2.0",)


def test_every_document_knows_where_it_is_from(corpus: Made) -> None:
    for row in corpus.rows():
        file, _, span = str(row["locator"]).partition("#bytes=")
        start, end = map(int, span.split("-"))
        data = (library_folder() / file).read_bytes()
        assert 0 <= start < end <= len(data)
        if str(row["group"]).startswith("topic:"):
            literal = ast.literal_eval(f"({data[start:end].decode()})")
            assert literal.strip()[:40] in str(row["text"])
        else:
            assert (start, end) == (0, len(data))
            assert row["group"] == file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert (row["license"], row["language"], row["source"]) == ("PSF-2.0", "en", "python-docs")


def test_nothing_is_imported(corpus: Made) -> None:
    assert corpus.outputs.metrics["documents_read"]
    assert not {"antigravity", "idlelib.pyshell", "pydoc_data.topics"} & set(sys.modules)


def test_documents_bad_modules_and_silent_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_library(tmp_path, monkeypatch)
    records, reading = read(PythonDocsSource(type="python-docs"))
    bad, package, silent = records
    assert isinstance(bad, Rejected)
    assert (bad.reason, bad.locator) == ("damaged_file", "abc.py#bytes=0-8")
    assert isinstance(package, Document)
    assert package.doc_id == make_doc_id("python-docs", "json")
    assert isinstance(silent, Rejected)
    assert (silent.reason, silent.detail) == ("no_documentation", "no docstring in json.tool")
    assert (reading.count.good, reading.count.bad) == (2, 1)


def test_source_code_on_request_in_the_same_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_library(tmp_path, monkeypatch)
    records, _ = read(PythonDocsSource(type="python-docs", include_source=True))
    documents = [record for record in records if isinstance(record, Document)]
    assert [(document.doc_id, document.group) for document in documents] == [
        (make_doc_id("python-docs", name), name.removeprefix("source:"))
        for name in ("json", "source:json", "source:json.tool")
    ]


def test_an_interpreter_without_sources_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_docs, "library_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="came without the sources of its standard library"):
        read(PythonDocsSource(type="python-docs"))


def test_the_files_are_listed_for_the_fingerprint() -> None:
    files = python_docs_files()
    assert files == sorted(files)
    assert {"argparse.py", "topics.py"} <= {path.name for path in files}
