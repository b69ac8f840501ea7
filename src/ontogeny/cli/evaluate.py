"""`ontogeny evaluate` and `ontogeny compare`: score a model on suites, or two on the same items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ontogeny.cli.evaluation_tables import print_comparisons, print_results
from ontogeny.cli.models import ModelArgument
from ontogeny.cli.options import DeviceOption, JsonOption, LimitOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.lineage.workspace import Workspace

SuiteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        metavar="NAME|FILE.yaml",
        help="A shipped suite or task (see --list), a YAML file of your own, or an evaluation in the workspace.",
    ),
]

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Where tasks find their data: what ${DATA} stands for in their files."
    ),
]


JUDGED = ("judge", "primary")
"""Settings of a suite with a judge that make no sense without one."""


def _list(asked: bool) -> None:
    """Print what is shipped, and leave."""
    from ontogeny.cli.show import print_table
    from ontogeny.tasks.catalogue import about, shipped_names, suite_names

    if not asked:
        return
    rows = [[name, about(name)] for name in suite_names()]
    print_table(["suite", "what it asks"], rows)
    typer.echo()
    print_table(["task", "what it asks"], [[name, about(name)] for name in shipped_names()])
    raise typer.Exit


ListOption = Annotated[
    bool, typer.Option("--list", callback=_list, is_eager=True, help="Name the shipped suites and tasks.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(
        epilog="Example: ontogeny evaluate python-tutor/tutor --suite python-tutor/report --limit 50"
    )(evaluate)
    app.command(epilog="Example: ontogeny compare python-tutor/tutor@2 production --suite hellaswag")(compare)


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
    list_shipped: ListOption = False,
) -> None:
    """Score a model; without --suite, on the suites of the newest evaluation of its recipe."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.evaluate.record import read_record
    from ontogeny.recipe.models import is_snapshot
    from ontogeny.recipe.run import RunOptions
    from ontogeny.recipe.single import run_single

    place = open_workspace(workspace)
    asked = _named(place, suite)
    name = _brought_in(place, model)
    artifact = run_single(
        place,
        recipe="evaluate",
        name=_step_of(name),
        body={
            "step": "evaluate", "model": name, "checkpoints": checkpoints, "data_root": data,
            "suites": asked or _without_judges(_newest(place, model if is_snapshot(model) else name)),
        },
        options=RunOptions(device=resolve_device(device), limit=limit),
        progress=terminal_progress(),
    )  # fmt: skip
    results = artifact.manifest.metrics["results"]
    if as_json:
        print_json({"model": name, "results": results, "artifact": artifact.name})
        return
    print_results(read_record(artifact.path)[0])
    typer.echo(f"report: {artifact.path / 'report.html'}", err=True)


def compare(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="As for evaluate; several trainings as A@1,A@2,A@3.")
    ],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="What it is compared with, likewise.")],
    suite: SuiteOption = None,
    data: DataOption = None,
    limit: LimitOption = None,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a model is better or worse than another on the same items, or whether they cannot tell."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.errors import UsageError
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.evaluate.record import read_record
    from ontogeny.recipe.run import RunOptions
    from ontogeny.recipe.single import run_single

    place = open_workspace(workspace)
    asked = _named(place, suite)
    models, others = _trainings(place, model), _trainings(place, other)
    if both := [name for name in models if name in others]:
        raise UsageError(
            f"{both[0]} would be compared with itself", hint="name another model to compare it with"
        )
    artifact = run_single(
        place,
        recipe="compare",
        name=_step_of(models[0]),
        body={
            "step": "evaluate", "model": models if len(models) > 1 else models[0],
            "baseline": others if len(others) > 1 else others[0],
            "suites": asked or _newest(place, models[0]), "data_root": data,
        },
        options=RunOptions(device=resolve_device(device), limit=limit),
        progress=terminal_progress(),
    )  # fmt: skip
    record, _ = read_record(artifact.path)
    if as_json:
        rows = [row.model_dump(mode="json") for row in record.comparisons]
        print_json(
            {"model": record.model, "other": record.baseline, "results": rows, "artifact": artifact.name}
        )
        return
    print_comparisons(record)
    typer.echo(f"report: {artifact.path / 'report.html'}", err=True)


def _trainings(place: Workspace, text: str) -> list[str]:
    """The artifacts that MODEL, or a list of them between commas, names."""
    from ontogeny.core.errors import UsageError

    names = [_brought_in(place, one) for one in text.split(",") if one]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"{text!r} lists a training twice, or none", hint="for example tutor@1,tutor@2")
    return names


def _brought_in(place: Workspace, model: str) -> str:
    """The name of the artifact that MODEL means, which is imported first where it lies outside the workspace."""
    from ontogeny.core.progress import terminal_progress
    from ontogeny.recipe.models import is_outside, is_snapshot, locate_model, step_name
    from ontogeny.recipe.single import import_model

    if is_outside(model) or is_snapshot(model):
        model = import_model(place, model, name=step_name(model), progress=terminal_progress()).name
    return locate_model(model, place).name


def _step_of(name: str) -> str:
    return name.split("/")[1].split("@")[0]


def _named(place: Workspace, suite: list[str] | None) -> list[str | dict[str, Any]]:
    """The suites that `--suite` names: looked at before a model is brought in, which may take a while."""
    return [entry for name in suite or [] for entry in _suites(place, name)]


def _newest(place: Workspace, model: str) -> list[str | dict[str, Any]]:
    """The suites of the newest evaluation of the model's recipe."""
    from ontogeny.core.errors import UsageError

    recipe = model.split("/")[0]
    found = [row.name for row in place.rows("evaluation") if row.recipe == recipe]
    if not found:
        raise UsageError(
            f"no evaluation of {recipe!r} to take suites from",
            hint="name them with --suite; `ontogeny evaluate --list` shows what is shipped",
        )
    return _suites(place, str(found[-1]))


def _suites(place: Workspace, name: str) -> list[str | dict[str, Any]]:
    """The suites of an evaluation artifact, its references as full names; or the name itself, of tasks or a file."""
    from ontogeny.core.errors import UsageError, nearest
    from ontogeny.tasks.catalogue import is_task_name, shipped_names, suite_names

    if is_task_name(name):
        return [name]
    try:
        artifact = place.open(name)
    except UsageError as error:
        if "/" in name:
            raise
        raise UsageError(
            f"there is no suite or task {name!r}.{nearest(name, [*suite_names(), *shipped_names()])}",
            hint="`ontogeny evaluate --list` names them; a file of your own ends in .yaml, an evaluation is "
            "RECIPE/STEP",
        ) from error
    if artifact.kind != "evaluation":
        raise UsageError(
            f"{artifact.name} is a {artifact.kind}, not an evaluation", hint="`ontogeny ls --kind evaluation`"
        )
    suites: list[dict[str, Any]] = artifact.manifest.config["suites"]
    used = {record.role: record.name for record in artifact.manifest.inputs}
    for position, body in enumerate(suites):
        for key in body:
            body[key] = used.get(f"suites.{position}.{key}", body[key])
        if (judge := used.get(f"suites.{position}.judge.model")) is not None:
            body["judge"] = {**body["judge"], "model": judge}
    return [*suites]


def _without_judges(suites: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
    """The same suites where there is nobody to compare with: what they measure of a model alone."""
    judged = [suite["name"] for suite in suites if isinstance(suite, dict) and suite.get("judge") is not None]
    if judged:
        typer.echo(f"without their judges, who compare two models: {', '.join(judged)}", err=True)
    return [
        {
            key: value
            for key, value in suite.items()
            if key not in (JUDGED if suite.get("name") in judged else ())
        }
        if isinstance(suite, dict)
        else suite
        for suite in suites
    ]
