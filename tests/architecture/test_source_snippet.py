"""What `docs/stages/data.md` says of writing a source, done as it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import TypeAdapter

from ontogeny.core.files import digest_bytes
from ontogeny.data import sources
from ontogeny.data.document import Document, Text, make_doc_id
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
    source = TypeAdapter(changed.Source).validate_python({"type": "mine", "path": f"{tmp_path}/*.mine"})
    (unit,) = changed.units_read(source)
    reading = Reading(RowCount(source.source_name))
    records = list(changed.read_source(source, unit, reading))
    assert all(isinstance(record, Document) for record in records) and reading.count.good == 2
    assert [record.content for record in records] == [Text("one line"), Text("and �")]
    assert records[0].doc_id == make_doc_id(source.source_name, digest_bytes(b"one line"))
    assert records[0].locator.endswith("a.mine#bytes=0-9")
