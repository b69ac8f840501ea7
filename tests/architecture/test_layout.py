"""Files and functions that are read in one sitting, names that say something, tests where their module sits."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ontogeny"
TESTS = ROOT / "tests"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
SUBJECTS = {"architecture", "benchmarks", "lifecycle", "parity"}  # folders of tests that mirror no package


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def packages() -> set[str]:
    return {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}


def short_name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def lines_of_functions(source: str) -> dict[str, int]:
    return {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("path", modules(), ids=short_name)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= MAX_FILE_LINES, "past this a file wants two names"
    long = {name: lines for name, lines in lines_of_functions(source).items() if lines > MAX_FUNCTION_LINES}
    assert long == {}, "past this a function wants two names"


@pytest.mark.parametrize("path", modules(), ids=short_name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert not EMPTY_NAMES & set(path.relative_to(SOURCE).with_suffix("").parts)
    assert ast.get_docstring(ast.parse(path.read_text())), "a module begins with what it is for"


def test_every_package_has_its_tests() -> None:
    tested = {path.relative_to(TESTS).parts[0] for path in TESTS.glob("*/**/test_*.py")}
    assert packages() - tested == set()


def test_every_folder_of_tests_mirrors_a_package_or_names_a_subject() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.glob("*/**/*.py")}
    assert folders - packages() - SUBJECTS == set()
