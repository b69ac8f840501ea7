"""A table of small steps that need no model: `make` text, `join` texts, `count` against a gate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pytest

from ontogeny.core.errors import DataError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Verdict
from ontogeny.lineage.step import Context, Immaterial, Outputs, Ref, Settings, Step, StepConfig
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.schema import Recipe, load_recipe

RAN: list[str] = []  # what was computed, in order; emptied by the fixture below


class MakeConfig(StepConfig):
    step: Literal["make"] = "make"
    text: str
    path: Path | None = None
    fail: bool = False
    keep: bool = False
    held_out_fraction: float = 0.1
    workers: Annotated[int, Immaterial()] = 1


class JoinConfig(StepConfig):
    step: Literal["join"] = "join"
    parts: list[Annotated[str, Ref("text")]]
    separator: str = " "


class Gate(Settings):
    at_most: int
    blocks: tuple[str, ...] = ()


class CountConfig(StepConfig):
    step: Literal["count"] = "count"
    of: Annotated[str, Ref("text")]
    gates: tuple[Gate, ...] = ()

    @property
    def held_back(self) -> Mapping[tuple[str | int, ...], tuple[str, ...]]:
        return {("gates", number, "blocks"): gate.blocks for number, gate in enumerate(self.gates)}


def make(config: MakeConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    RAN.append(f"make {config.text}")
    (context.payload / "half-written").write_text("x")
    if config.keep:
        (context.scratch / "kept").write_text("x")
    if config.text == "defect":
        1 / 0  # noqa: B018
    if config.fail:
        raise DataError("asked to fail", where="row 3", hint="do not ask")
    (context.payload / "half-written").unlink()
    (context.payload / "text.txt").write_text(config.text)
    return Outputs(
        {"characters": len(config.text)}, licenses=(f"L-{config.text}",), knowledge_cutoff="2026-01-01"
    )


def join(config: JoinConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    RAN.append("join")
    texts = [(inputs[role].path / "text.txt").read_text() for role in sorted(inputs)]
    (context.payload / "text.txt").write_text(config.separator.join(texts))
    return Outputs({"characters": sum(map(len, texts))})


def count(config: CountConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    RAN.append("count")
    found = len((inputs["of"].path / "text.txt").read_text())
    verdicts = tuple(
        Verdict(
            gate="short",
            passed=found <= gate.at_most,
            reason=f"{found} characters",
            model_digest=inputs["of"].digest,
            suite_digest="s",
            blocks=tuple(gate.blocks),
        )
        for gate in config.gates
    )
    return Outputs({"characters": found, "limit": context.limit}, verdicts)


def read_files(config: MakeConfig) -> list[Path]:
    return [config.path] if config.path else []


TABLE = {
    "make": Step("make", 1, MakeConfig, "text", make, read_files, summary=("characters",)),
    "join": Step("join", 1, JoinConfig, "text", join, summary=("characters",)),
    "count": Step("count", 1, CountConfig, "evaluation", count, limited=True),
}


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "ws")


@pytest.fixture
def write(tmp_path: Path):
    """`write(text, "seed=3")` gives the checked recipe in `text`."""

    def load(text: str, *overrides: str) -> Recipe:
        (tmp_path / "r.yaml").write_text(text)
        return load_recipe(tmp_path / "r.yaml", TABLE, overrides=overrides)

    return load
