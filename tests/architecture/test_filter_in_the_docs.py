"""The filter in docs/stages/data.md works as it is written: in a copy of the package, from a recipe."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "stages" / "data.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
PLACES = {
    "in _GROUPS": ("_GROUPS = {\n", "    {}\n"),
    "above the union": ("\nRule: TypeAlias", "{}\n"),
    "in Rule": ("    Length\n", "    {}\n"),
    "in RULES": ("RULES: dict[str, RuleType] = {\n", "    {}\n"),
}
"""Where a line goes: behind a text, or, for the import, before it."""
RECIPE = """
recipe: quiet
steps:
  corpus:
    step: curate
    sources: [{type: jsonl, path: texts.jsonl}]
    rules:
      - {type: shouting, max_share: 0.3}
      - {type: expression, drop: "upper_share > 0.2", reason: loud}
    held_out_fraction: 0
"""


def blocks() -> list[str]:
    section = PAGE.read_text().partition("\n## Writing a filter\n")[2].partition("\n## ")[0]
    return [block for block in BLOCK.findall(section) if block.startswith("# src/")]


def put_in(package: Path, block: str) -> None:
    """Write a whole file, or put single lines where their comments say."""
    if "," not in block.partition("\n")[0]:
        name, _, text = block.removeprefix("# ").partition("\n")
        (package.parent.parent / name).write_text(text)
        return
    lines = block.splitlines()
    for comment, line in zip(lines[::2], lines[1::2], strict=True):
        name, _, where = comment.removeprefix("# ").partition(", ")
        path = package.parent.parent / name
        marker, form = PLACES[where]
        text = path.read_text()
        assert text.count(marker) == 1, f"{name} has no place {where!r}"
        new = form.format(line)
        path.write_text(text.replace(marker, new + marker if where == "above the union" else marker + new))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copy = tmp_path / "src" / "ontogeny"
    shutil.copytree(ROOT / "src" / "ontogeny", copy)
    return copy


def test_each_part_of_it_has_under_20_lines() -> None:
    lengths = [len([line for line in block.splitlines() if line.strip()]) for block in blocks()]
    assert len(lengths) == 3 and max(lengths) < 20


def test_the_filter_of_the_docs_runs(package: Path, tmp_path: Path) -> None:
    for block in blocks():
        put_in(package, block)
    texts = [
        "All is quiet here, and nobody shouts at all.",
        "THIS IS SHOUTED, ALL OF IT.",
        "ONLY a part is loud",
    ]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "r.yaml").write_text(RECIPE)
    done = subprocess.run(
        [sys.executable, "-m", "ontogeny", "run", "r.yaml"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(package.parent), "ONTOGENY_HOME": str(tmp_path / "home"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (figures,) = (tmp_path / "home").glob("artifacts/**/figures.json")
    found = json.loads(figures.read_text())
    assert found["dropped"] == {"loud": 1, "shouting": 1}
    assert [each["field"] for each in found["bounds"]] == ["max_share"]
