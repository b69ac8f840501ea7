"""Real English text that a machine already has: documentation, manual pages and docstrings, as documents.

Nothing is shipped and nothing is fetched. PEERS_TEXT names a text file to take instead.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("/usr/share/doc", "/usr/share/perl", "/usr/lib/python3", "/usr/share/man", "/usr/share")
BLANK_LINES = re.compile(r"\n\s*\n")
NOT_WORD = re.compile(r"\W+")
MIN_PARAGRAPH_CHARS, MIN_LETTERS = 120, 0.8  # of a paragraph: shorter ones and tables are left out
MIN_DOCUMENT_CHARS = 1500
PLAIN = (".md", ".rst", ".txt", ".pod", "README", "NEWS", "copyright")


def write_documents(path: Path, megabytes: float) -> dict[str, int]:
    """Write documents as JSON lines with `text` to `path`; how many, and their bytes."""
    count = size = 0
    with path.open("w", encoding="utf-8") as out:
        for text in _documents():
            out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            count, size = count + 1, size + len(text.encode())
            if size >= megabytes * 1e6:
                return {"documents": count, "bytes": size}
    raise SystemExit(
        f"only {size / 1e6:.0f} MB of text here; set PEERS_TEXT to a text file of {megabytes} MB or more"
    )


def _documents() -> Iterator[str]:
    """Paragraphs that were not met before, put together to documents."""
    seen: set[bytes] = set()
    document = ""
    for paragraph in _paragraphs():
        text = re.sub(r"[ \t]+", " ", paragraph).strip()
        letters = sum(character.isalpha() or character == " " for character in text)
        if len(text) < MIN_PARAGRAPH_CHARS or letters / len(text) < MIN_LETTERS:
            continue
        digest = hashlib.blake2b(NOT_WORD.sub(" ", text.lower()).encode(), digest_size=8).digest()
        if digest in seen:
            continue
        seen.add(digest)
        document += f"\n{text}" if document else text
        if len(document) >= MIN_DOCUMENT_CHARS:
            yield document
            document = ""


def _paragraphs() -> Iterator[str]:
    if given := os.environ.get("PEERS_TEXT"):
        yield from BLANK_LINES.split(Path(given).read_text(encoding="utf-8", errors="ignore"))
        return
    known: set[Path] = set()
    for root in (*ROOTS, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")):
        for path in sorted(Path(root).rglob("*")):
            if path in known or path.is_symlink() or not path.is_file():
                continue
            known.add(path)
            try:
                yield from _paragraphs_of(path)
            except (OSError, ValueError, SyntaxError):
                continue  # not readable, not UTF-8 or not Python: another file will do


def _paragraphs_of(path: Path) -> Iterator[str]:
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield from BLANK_LINES.split(ast.get_docstring(node) or "")
    elif path.name.endswith(PLAIN):
        yield from BLANK_LINES.split(path.read_text(encoding="utf-8"))
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as text:
            yield from re.split(r"\n\s*\n|\n\.\S+.*\n", text.read())
