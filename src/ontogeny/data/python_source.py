"""Python source without its docstrings: the code alone, for a corpus whose documentation is a document of its own."""

from __future__ import annotations

import ast

from ontogeny.data.python_modules import byte_range, line_starts, parse_source

MARGIN_BYTES = 80  # how far behind a docstring a semicolon is looked for


def without_docstrings(data: bytes) -> str:
    """The source `data` with the docstrings of modules, classes and functions cut out; it still parses.

    Raises:
        UnreadableModuleError: it is not UTF-8, or no Python that this interpreter reads.
    """
    starts = line_starts(data)
    pieces: list[bytes] = []
    position = 0
    for node, alone in sorted(_docstrings(parse_source(data)), key=lambda found: found[0].lineno):
        start, end = byte_range(node, starts)
        more_on_line = data[end : end + MARGIN_BYTES].lstrip(b" \t").startswith(b";")
        pieces += [data[position:start], b"pass" if alone or more_on_line else b""]
        position = end
    pieces.append(data[position:])
    code = b"".join(pieces).decode("utf-8")
    return "\n".join(line.rstrip() for line in code.split("\n")).strip() + "\n"


def _docstrings(tree: ast.Module) -> list[tuple[ast.Expr, bool]]:
    """The docstring statements of `tree`, and whether each is all there is in its body."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                found.append((first, len(node.body) == 1))
    return found
