"""`ontogeny evaluate`: score a model on suites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ontogeny.cli.models import ModelArgument
from ontogeny.cli.options import DeviceOption, JsonOption, LimitOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.lineage.workspace import Workspace

SuiteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        metavar="NAME|FILE.yaml",
        help="A task (shipped, or a YAML file), a file with suites, or an evaluation in the workspace.",
    ),
]

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Where tasks find their data: what ${DATA} stands for in their files."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(
        epilog="Example: ontogeny evaluate python-tutor/tutor --suite python-tutor/report --limit 50"
    )(evaluate)


def evaluate(
    model: ModelArgument,
    suite: SuiteOption = None,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints", help="The snapshots that its training kept too: the curve of each suite."
        ),
    ] = False,
    data: DataOption = None,
    limit: LimitOption = None,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model; without --suite, on the suites of the newest evaluation of its recipe."""
    from ontogeny.cli.show import print_json, print_table
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.recipe.models import is_outside, is_snapshot, locate_model, step_name
    from ontogeny.recipe.run import RunOptions
    from ontogeny.recipe.single import import_model, run_single

    place = open_workspace(workspace)
    asked = model if is_snapshot(model) else None
    if is_outside(model) or is_snapshot(model):
        model = import_model(place, model, name=step_name(model), progress=terminal_progress()).name
    located = locate_model(model, place)
    suites = [
        entry
        for name in suite or [_newest_evaluation(place, asked or located.name)]
        for entry in _suites(place, name, data)
    ]
    artifact = run_single(
        place,
        recipe="evaluate",
        name=located.name.split("/")[1].split("@")[0],
        body={"step": "evaluate", "model": located.name, "suites": suites, "checkpoints": checkpoints},
        options=RunOptions(device=resolve_device(device), limit=limit),
        progress=terminal_progress(),
    )
    results = artifact.manifest.metrics["results"]
    if as_json:
        print_json({"model": located.name, "results": results, "artifact": artifact.name})
        return
    rows = [
        [
            row["task"],
            row["metric"],
            f"{row['value']:.4f}",
            f"± {row['stderr']:.4f}" if row["stderr"] is not None else "",
            f"[{row['ci95'][0]:.3f}, {row['ci95'][1]:.3f}]" if row["ci95"] else "",
            f"{row['n']:,}",
        ]
        for row in results
    ]
    print_table(["task", "metric", "value", "stderr", "95%", "n"], rows, right=["value", "stderr", "n"])
    typer.echo(f"report: {artifact.path / 'report.html'}", err=True)


def _newest_evaluation(place: Workspace, model: str) -> str:
    from ontogeny.core.errors import UsageError

    recipe = model.split("/")[0]
    found = [row.name for row in place.rows("evaluation") if row.recipe == recipe]
    if not found:
        raise UsageError(f"no evaluation of {recipe!r} to take suites from", hint="name them with --suite")
    return str(found[-1])


def _suites(place: Workspace, name: str, data: Path | None) -> list[dict[str, Any]]:
    """The suites of an evaluation artifact, its references as full names; or those of a file, or one of a task."""
    from ontogeny.core.errors import UsageError
    from ontogeny.tasks.catalogue import is_task_name

    if is_task_name(name):
        return [_with_data(entry, data) for entry in _entries(name)]
    artifact = place.open(name)
    if artifact.kind != "evaluation":
        raise UsageError(
            f"{artifact.name} is a {artifact.kind}, not an evaluation", hint="`ontogeny ls --kind evaluation`"
        )
    suites: list[dict[str, Any]] = artifact.manifest.config["suites"]
    used = {record.role: record.name for record in artifact.manifest.inputs}
    for position, body in enumerate(suites):
        for key in body:
            body[key] = used.get(f"suites.{position}.{key}", body[key])
    return suites


def _entries(name: str) -> list[str | dict[str, Any]]:
    """What a suite file lists, as `suites: [...]` or as a list; the name itself where it is a task's."""
    from ontogeny.core.errors import RecipeError
    from ontogeny.tasks.catalogue import SUFFIXES
    from ontogeny.tasks.source import read_values

    values = read_values(Path(name)) if name.endswith(SUFFIXES) else None
    listed = values.get("suites") if isinstance(values, dict) else values
    if listed is None:
        return [name]
    if not isinstance(listed, list) or not listed or not all(isinstance(one, (str, dict)) for one in listed):
        raise RecipeError(
            "a suite file lists suites as in a recipe, or names of tasks", where=name,
            hint="e.g. `suites: [{type: task, task: hellaswag}]`",
        )  # fmt: skip
    return listed


def _with_data(entry: str | dict[str, Any], data: Path | None) -> dict[str, Any]:
    """A name stands for a task; `data` is where it reads, unless it says so itself."""
    suite = {"type": "task", "task": entry} if isinstance(entry, str) else entry
    return {"data_root": str(data), **suite} if data is not None and suite.get("type") == "task" else suite
