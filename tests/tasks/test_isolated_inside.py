"""What stands around the program has to manage with the standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from ontogeny.tasks import isolated_inside
from ontogeny.tasks.isolated_inside import ending


def test_it_needs_the_standard_library_alone() -> None:
    tree = ast.parse(Path(isolated_inside.__file__).read_text())
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert imported and set(imported) <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (b"x = 1", "passed"),
        (b"assert 0, 'why'", "assertion AssertionError"),
        (b"raise MemoryError", "memory MemoryError"),
        (b"raise SystemExit", "exit SystemExit"),
        (b"x = ", "syntax SyntaxError"),
        (b"\xff", "syntax SyntaxError"),
        (b"import sys; assert sys.modules[__name__].__dict__ is globals()", "passed"),
    ],
)
def test_how_a_program_ends(source: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert ending(source) == told
