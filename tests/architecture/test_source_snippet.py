"""What `docs/stages/data.md` says of writing a source, done as it says."""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import TypeAdapter

from ontogeny.data import sources
from ontogeny.data.document import Document, Text, digest_content, make_doc_id
from ontogeny.data.sources.files import Reading
from ontogeny.records.accounting import RowCount
from tests.conftest import ROOT

SECTION = "## Writing a source"


def made(name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec"), module.__dict__)
    return module


def test_a_source_written_as_the_page_says_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/stages/data.md").read_text()
    section = page[page.index(SECTION) :].removeprefix(SECTION).partition("\n## ")[0]
    snippet = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    line = re.search(r"`(\"mine\": .*?)`", section)
    name, member = re.search(r"`data/sources/(\w+)\.py`", section), re.search(r"add `\| (\w+)` to", section)
    assert snippet and line and name and member
    assert len([line for line in snippet[1].splitlines() if line.strip()]) < 20
    made(f"ontogeny.data.sources.{name[1]}", snippet[1], monkeypatch)

    table = Path(sources.__file__).read_text()
    beginning, union, lines = "Source: TypeAlias = Annotated[\n", "    Field(discriminator", "= {\n"
    assert table.count(beginning) == table.count(union) == 1 and lines in table
    table = table.replace(f",\n{union}", f" | {member[1]},\n{union}")
    table = table.replace(lines, f"{lines}    {line[1]},\n", 1)
    table = table.replace(
        beginning, f"from ontogeny.data.sources.mine import MySource, read_mine\n{beginning}"
    )
    changed = made("ontogeny_sources_changed", table, monkeypatch)

    (tmp_path / "a.mine").write_bytes(b"one line\nand \xff\n")
    (tmp_path / "b.mine").write_bytes(b"")
    packed = gzip.compress(b"".join(b"line %d\n" % number for number in range(999)))
    (tmp_path / "c.mine.gz").write_bytes(packed[:-4])
    source = TypeAdapter(changed.Source).validate_python({"type": "mine", "path": f"{tmp_path}/*.mine*"})
    reading = Reading(RowCount(source.source_name))
    records = [
        record for unit in changed.units_read(source) for record in changed.read_source(source, unit, reading)
    ]
    documents = [record for record in records if isinstance(record, Document)]
    assert reading.count.good == len(documents) == 2 + 999
    assert [record.content for record in documents[:2]] == [Text("one line"), Text("and \ufffd")]
    assert documents[0].doc_id == make_doc_id(source.source_name, digest_content(Text("one line")))
    assert documents[0].locator.endswith("a.mine#bytes=0-9")
    assert reading.count.reasons == {"empty_file": 1, "damaged_compression": 1}
    assert len(records) == reading.count.total
