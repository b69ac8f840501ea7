"""Heavy libraries wait until a step runs: `--help` and `plan` stay instant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "ontogeny"
HEAVY = (
    "torch",
    "numpy",
    "pyarrow",
    "tokenizers",
    "scipy",
    "matplotlib",
    "fastapi",
    "networkx",
    "sqlalchemy",
)
STEP_HEAVY = ("torch", "numba", "pyarrow", "tokenizers", "scipy", "matplotlib", "fastapi")


def heavy_modules_after(module: str, heavy: tuple[str, ...]) -> list[str]:
    """Which of `heavy` a fresh interpreter has loaded once it imported `module`."""
    probe = (
        f"import json, sys, {module}; print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def steps() -> list[str]:
    return sorted(
        ".".join(("ontogeny", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in SOURCE.rglob("step.py")
    )


@pytest.mark.parametrize("module", [*steps(), "ontogeny.recipe.plan", "ontogeny.recipe.report"])
def test_a_step_plan_or_report_of_a_run_imports_nothing_heavy(module: str) -> None:
    assert heavy_modules_after(module, STEP_HEAVY) == []


@pytest.mark.parametrize("module", ["ontogeny", "ontogeny.cli.app"])
def test_the_command_line_imports_nothing_heavy(module: str) -> None:
    assert heavy_modules_after(module, HEAVY) == []
