"""What a result takes over from its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from ontogeny.data.step import CurateConfig
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig, references
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.run import RunOptions, run_recipe
from ontogeny.recipe.schema import load_recipe


class DatedConfig(StepConfig):
    step: Literal["dated"] = "dated"
    license: str
    cutoff: str
    of: tuple[Annotated[str, Ref("text")], ...] = ()
    unlike: tuple[Annotated[str, Ref("text", only_decides=True)], ...] = ()


def write(config: DatedConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    (context.payload / "text.txt").write_text(config.license)
    return Outputs({}, licenses=(config.license,), knowledge_cutoff=config.cutoff)


RECIPE = """
recipe: demo
steps:
  old: {step: dated, license: A, cutoff: '2024-01-01'}
  latest: {step: dated, license: B, cutoff: '2026-01-01'}
  held: {step: dated, license: C, cutoff: '2023-01-01', of: [old, latest]}
  compared: {step: dated, license: D, cutoff: '2023-01-01', of: [old], unlike: [latest]}
  both: {step: dated, license: E, cutoff: '2023-01-01', of: [latest], unlike: [latest]}
"""


def test_what_only_decides_gives_neither_licence_nor_cutoff(workspace: Workspace, tmp_path: Path) -> None:
    table = {"dated": Step("dated", 1, DatedConfig, "text", write)}
    (tmp_path / "r.yaml").write_text(RECIPE)
    recipe = load_recipe(tmp_path / "r.yaml", table)
    nodes = resolve(recipe, workspace, table)
    run_recipe(recipe, nodes, nodes, workspace, options=RunOptions())
    held, compared, both = (workspace.open(f"demo/{name}").manifest for name in ("held", "compared", "both"))
    assert (held.licenses, held.knowledge_cutoff) == (("A", "B", "C"), "2026-01-01")
    assert (compared.licenses, compared.knowledge_cutoff) == (("A", "D"), "2024-01-01")
    assert [used.role for used in compared.inputs] == ["of.0", "unlike.0"]
    assert (both.licenses, both.knowledge_cutoff) == (("B", "E"), "2026-01-01")


def test_what_only_decides_over_a_corpus() -> None:
    config = CurateConfig.model_validate(
        {
            "sources": [{"type": "python-docs"}],
            "rules": [{"type": "classifier", "name": "food", "classifier": "judge", "min_score": 0.5}],
            "dedup": {"type": "near", "against": ["old", "older"]},
        }
    )
    assert [found.role for found in references(config) if found.only_decides] == [
        "rules.0.classifier",
        "dedup.against.0",
        "dedup.against.1",
    ]
