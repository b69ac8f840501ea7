"""What a Python module says about itself: signatures and docstrings, read from its source with `ast`, never imported.

Members are the public functions, classes and methods (no name with a leading underscore on the way to them), also
those defined under a condition, in the order of the source. Of several definitions of one name the first documented one
counts: the others are variants for another platform, or the setter of a property.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["function", "method", "class"]

LEFT_OUT = frozenset(
    {"test", "tests", "idle_test", "encodings", "site-packages", "dist-packages", "ensurepip", "lib-dynload"}
    | {"turtledemo", "pydoc_data", "__pycache__", "__phello__"}
)
"""Folders that hold tests, tables, demonstrations, or what is not the standard library's."""

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Member:
    """A public definition. `signature` is what follows the name: parameters and result, or the bases of a class."""

    kind: Kind
    name: str
    signature: str
    docstring: str | None
    start: int
    end: int

    @property
    def is_callable(self) -> bool:
        """Whether it is a function or a method."""
        return self.kind != "class"


@dataclass(frozen=True, slots=True)
class Module:
    """A module and its members. `path` is relative to the library; byte ranges count from the beginning of the file."""

    name: str
    path: Path
    size_bytes: int
    docstring: str | None
    members: tuple[Member, ...]

    @property
    def group(self) -> str:
        """The module itself: its documentation, its source and the questions about it stay on one side of the split."""
        return self.name

    @property
    def documented(self) -> bool:
        """Whether there is a docstring anywhere."""
        return self.docstring is not None or any(member.docstring for member in self.members)


class UnreadableModuleError(ValueError):
    """A source file that is not UTF-8 or does not parse."""


def library_folder() -> Path:
    """The folder of the running interpreter's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def module_files(library: Path) -> list[Path]:
    """The source files of the documented standard library, in the order of their names."""
    found = []
    for folder, subfolders, names in os.walk(library):
        subfolders[:] = [
            name for name in subfolders if name not in LEFT_OUT and not name.startswith("config-")
        ]
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(
        path for path in found if module_name(path, library).split(".")[0] in sys.stdlib_module_names
    )


def module_name(path: Path, library: Path) -> str:
    """The dotted name under which the file at `path` is imported."""
    return ".".join(path.relative_to(library).with_suffix("").parts).removesuffix(".__init__")


def parse_module(data: bytes, name: str, path: Path) -> Module:
    """Read the source `data` of the module `name`.

    Raises:
        UnreadableModuleError: it is not UTF-8, or no Python that this interpreter reads.
    """
    tree = parse_source(data)
    members: dict[str, Member] = {}
    for member in _members(tree.body, prefix="", starts=line_starts(data), within_class=False):
        before = members.get(member.name)
        if before is None or (before.docstring is None and member.docstring is not None):
            members[member.name] = member
    return Module(name, path, len(data), _docstring(tree), tuple(members.values()))


def parse_source(data: bytes) -> ast.Module:
    """The syntax tree of `data`; warnings about the code itself are not ours to repeat.

    Raises:
        UnreadableModuleError: it is not UTF-8, or no Python that this interpreter reads.
    """
    try:
        data.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableModuleError(f"{type(error).__name__}: {error}") from error


def _members(body: list[ast.stmt], *, prefix: str, starts: list[int], within_class: bool) -> Iterator[Member]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            yield _member(node, f"{prefix}{node.name}", starts, within_class=within_class)
            if isinstance(node, ast.ClassDef):
                yield from _members(
                    node.body, prefix=f"{prefix}{node.name}.", starts=starts, within_class=True
                )
        else:
            for part in _branches(node):
                yield from _members(part, prefix=prefix, starts=starts, within_class=within_class)


def _branches(node: ast.stmt) -> list[list[ast.stmt]]:
    """The bodies in which a statement may define names for the scope that it stands in."""
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    if isinstance(node, ast.Try):
        return [node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody]
    return [node.body] if isinstance(node, ast.With) else []


def _member(node: Definition, name: str, starts: list[int], *, within_class: bool) -> Member:
    if isinstance(node, ast.ClassDef):
        kind: Kind = "class"
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        signature = f"({bases})" if bases else ""
    else:
        kind = "method" if within_class else "function"
        signature = f"({ast.unparse(node.args)})" + (
            f" -> {ast.unparse(node.returns)}" if node.returns else ""
        )
    start, end = byte_range(node, starts)
    return Member(kind, name, signature, _docstring(node), start, end)


def _docstring(node: Definition | ast.Module) -> str | None:
    docstring = ast.get_docstring(node, clean=True)
    return (docstring.expandtabs().strip() or None) if docstring else None


def line_starts(data: bytes) -> list[int]:
    """Where each line of `data` begins, and where the last one ends."""
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def byte_range(node: ast.stmt | ast.expr, starts: list[int]) -> tuple[int, int]:
    """Where `node` begins and ends in the file; the columns of `ast` count UTF-8 bytes already."""
    last_line = node.end_lineno or node.lineno
    return starts[node.lineno - 1] + node.col_offset, starts[last_line - 1] + (node.end_col_offset or 0)
