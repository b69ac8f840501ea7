"""The house: one list of packages, and every import goes up it.

A package may import from itself and from packages earlier in `LAYERS`: deferred imports and those under
TYPE_CHECKING count too. What a lower package needs from a higher one is passed in as an argument.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "ontogeny"
LAYERS = [
    "core",
    "lineage",
    "records",
    "statistics",
    "report",
    "data",
    "tasks",
    "tokenizer",
    "model",
    "estimate",
    "inference",
    "train",
    "finetune",
    "align",
    "evaluate",
    "compress",
    "serve",
    "monitor",
    "recipe",
    "cli",
    "studio",
]
TOP = {"__init__", "__main__"}  # the package's own face, above everything


def imported_modules(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything of ours that `source` imports, at any depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            whole = (
                node.module == "ontogeny"
            )  # `from ontogeny import core` names a package after the word import
            names = [f"ontogeny.{alias.name}" for alias in node.names] if whole else [node.module or ""]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "ontogeny")


def layer_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def offences(package: str, source: str) -> list[str]:
    """Imports in a file of `package` that do not go up the list."""
    allowed = LAYERS if package in TOP else LAYERS[: LAYERS.index(package) + 1]
    return [
        f"line {line}: {package} imports {name}"
        for line, name in imported_modules(source)
        if layer_of(name) not in allowed
    ]


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_only_go_up_the_list(path: Path) -> None:
    package = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    assert offences(package, path.read_text()) == []


def test_every_package_has_a_place_in_the_list() -> None:
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert packages <= set(LAYERS)


@pytest.mark.parametrize(
    "source",
    [
        "from ontogeny.cli.app import main",
        "import ontogeny.train.loop as loop",
        "from ontogeny import serve",
        "import ontogeny",
        "def run():\n    from ontogeny.evaluate import runner",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ontogeny.recipe.plan import Plan",
    ],
)
def test_an_import_down_the_list_is_found(source: str) -> None:
    assert len(offences("model", source)) == 1


def test_imports_up_the_list_and_of_others_are_fine() -> None:
    assert (
        offences(
            "train", "import torch\nfrom ontogeny.core.seeds import derive_seed\nimport ontogeny.train.loop"
        )
        == []
    )
