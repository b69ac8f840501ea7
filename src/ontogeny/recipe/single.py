"""One step outside a recipe file: what a command makes is an artifact with a lineage, like everything else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.workspace import NAME_PATTERN, NAME_RULE, Workspace
from ontogeny.recipe.mistakes import as_error, mistakes_in
from ontogeny.recipe.models import import_path
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.run import RunOptions, run_recipe
from ontogeny.recipe.schema import Recipe
from ontogeny.recipe.source import Source
from ontogeny.recipe.table import STEPS


def run_single(
    workspace: Workspace,
    *,
    recipe: str,
    name: str,
    body: Mapping[str, Any],
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Run the step that `body` describes as `recipe/name`, or reuse its result.

    Raises:
        UsageError: `recipe` or `name` is not a name.
        RecipeError: the body is no configuration of its step.
        OntogenyError: whatever made the step fail.
    """
    for given in (recipe, name):
        if not NAME_PATTERN.fullmatch(given):
            raise UsageError(f"{given!r} is not a name", hint=NAME_RULE)
    kind = STEPS[body["step"]].config
    try:
        config = kind.model_validate(dict(body))
    except ValidationError as error:
        source = Source(Path(body["step"]), dict(body))  # there is no file: the step is named in its stead
        raise as_error(mistakes_in(error, (), source, kind)) from error
    single = Recipe(recipe, 0, {name: config})
    nodes = resolve(single, workspace, STEPS)
    result = run_recipe(single, nodes, nodes, workspace, options=options or RunOptions(), progress=progress)
    (step,) = result.steps
    if step.artifact is None:
        assert step.error is not None
        raise step.error
    return step.artifact


def import_model(
    workspace: Workspace,
    text: str,
    *,
    name: str,
    base: str | None = None,
    license: str | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Bring in the model that `text` means, or the adapters for `base` in the folder `text`, as `import/NAME`.

    `license` is what it has where its source does not say, or says it wrongly.

    Raises:
        OntogenyError: as `run_single`.
    """
    path = import_path(text, workspace) if base is None else str(Path(text).expanduser().absolute())
    said = {"path": path, "base": base, "license": license}
    body = {"step": "import-model", **{key: value for key, value in said.items() if value is not None}}
    return run_single(workspace, recipe="import", name=name, body=body, progress=progress)
