"""What is read of a module, on a module made for it, and on the whole library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from ontogeny.data.python_modules import (
    UnreadableModuleError,
    library_folder,
    module_files,
    module_name,
    parse_module,
)

SOURCE = b'''"""Ein Modul \xe2\x80\x93 a module."""

def plain(a, *, b=1) -> int:
    """Does it.

    \tIndented.
    """

def _hidden():
    """Nobody sees it."""

class Base(dict):
    """A base."""

    async def method(self):
        """Works."""

    @property
    def size(self):
        """How large."""

    @size.setter
    def size(self, value): pass

class _Private:
    def inside(self):
        """Not seen either."""

try:
    from fast import late
except ImportError:
    def late(): "Came late."

if True:
    def undocumented(x): pass
'''

MODULE = parse_module(SOURCE, "pack.mod", Path("pack/mod.py"))


def test_public_members_with_kind_signature_and_docstring() -> None:
    assert MODULE.docstring == "Ein Modul – a module."
    assert [(m.kind, m.name, m.signature, m.docstring) for m in MODULE.members] == [
        ("function", "plain", "(a, *, b=1) -> int", "Does it.\n\nIndented."),
        ("class", "Base", "(dict)", "A base."),
        ("method", "Base.method", "(self)", "Works."),
        ("method", "Base.size", "(self)", "How large."),
        ("function", "late", "()", "Came late."),
        ("function", "undocumented", "(x)", None),
    ]
    assert MODULE.group == MODULE.name
    assert MODULE.documented


def test_byte_ranges_hold_the_definitions() -> None:
    for member in MODULE.members:
        assert isinstance(ast.parse(SOURCE[member.start : member.end].strip() or b"x").body[0], ast.stmt)
        assert member.name.rpartition(".")[2].encode() in SOURCE[member.start : member.end].split(b"\n")[0]


@pytest.mark.parametrize("data", [b"def broken(:", b"x = '\xff'", b"x = 1\0"])
def test_what_does_not_parse_is_an_error_with_its_reason(data: bytes) -> None:
    with pytest.raises(UnreadableModuleError, match="Error"):
        parse_module(data, "m", Path("m.py"))


def test_a_module_without_docstrings_is_not_documented() -> None:
    assert not parse_module(b"def f(): pass\n", "m", Path("m.py")).documented


def test_the_library_is_found_without_tests_tables_and_strangers() -> None:
    library = library_folder()
    names = [module_name(path, library) for path in module_files(library)]
    assert {"argparse", "asyncio", "asyncio.events", "json.decoder", "os"} <= set(names)
    assert len(set(names)) == len(names)
    tops = {name.split(".")[0] for name in names}
    assert tops <= sys.stdlib_module_names
    assert not tops & {"test", "encodings", "ensurepip", "pydoc_data", "turtledemo", "site-packages"}
    assert not [name for name in names if ".test." in name or name.endswith((".tests", ".test"))]
