"""Source without docstrings still parses, and says nothing."""

from __future__ import annotations

import ast

import pytest

from ontogeny.data.python_modules import library_folder
from ontogeny.data.python_source import without_docstrings

CASES = {
    '"""Doc."""\nx = 1\n': "x = 1\n",
    'def f():\n    """Only this."""\n': "def f():\n    pass\n",
    'class A:\n    """Dö\n\n    c."""\n    y = "ö"  # stays\n': 'class A:\n\n    y = "ö"  # stays\n',
    '"""Doc."""; import os\n': "pass; import os\n",
    "x = '''not a docstring'''\n": "x = '''not a docstring'''\n",
}


@pytest.mark.parametrize(("source", "expected"), CASES.items())
def test_docstrings_are_cut_out(source: str, expected: str) -> None:
    assert without_docstrings(source.encode()) == expected


@pytest.mark.parametrize("name", ["argparse.py", "asyncio/events.py", "typing.py", "abc.py"])
def test_real_modules_still_parse(name: str) -> None:
    tree = ast.parse(without_docstrings((library_folder() / name).read_bytes()))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, kinds) and ast.get_docstring(node)]
