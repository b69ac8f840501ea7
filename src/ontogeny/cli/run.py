"""`ontogeny run` and `ontogeny plan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from ontogeny.cli.options import DeviceOption, JsonOption, LimitOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.core.errors import OntogenyError
    from ontogeny.lineage.workspace import Workspace
    from ontogeny.recipe.plan import Planned
    from ontogeny.recipe.run import RunOptions, RunResult, StepResult

RecipeArgument = Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="The recipe.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="a.b.c=v", help="Override a value of the recipe; repeatable."),
]
GridOption = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="a.b.c=v,w",
        help="Run with each of these values; repeatable: every combination. Ranks them.",
    ),
]
OnlyOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="This step alone; repeatable.")]
UntilOption = Annotated[
    list[str] | None, typer.Option(metavar="STEP", help="This step and what it needs; repeatable.")
]
RerunOption = Annotated[
    list[str] | None, typer.Option(metavar="STEP", help="Compute this step again; repeatable.")
]
MARKS = {
    "done": "[green]✔[/green]",
    "reused": "[blue]↺[/blue]",
    "failed": "[red]✘[/red]",
    "refused": "[yellow]⊘[/yellow]",
    "skipped": "[dim]–[/dim]",
}


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: ontogeny run recipes/python-tutor.yaml --set seed=3")(run)
    app.command(epilog="Example: ontogeny plan recipes/python-tutor.yaml")(plan)


def run(
    recipe: RecipeArgument,
    overrides: SetOption = None,
    grid: GridOption = None,
    only: OnlyOption = None,
    until: UntilOption = None,
    rerun: RerunOption = None,
    device: DeviceOption = "auto",
    executor: Annotated[
        str, typer.Option(metavar="local|ray", help="Who runs data work: processes here, or a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes for data work; by default one a core."),
    ] = None,
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run what is not done yet of a recipe."""
    from ontogeny.cli.grid import run_grid
    from ontogeny.cli.show import print_json
    from ontogeny.core.errors import UsageError
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.process import keep_arrow_from_pandas
    from ontogeny.core.workers import Executor, check_executor
    from ontogeny.recipe.cluster import join_cluster
    from ontogeny.recipe.run import RunOptions

    if executor not in get_args(Executor):
        raise UsageError(f"there is no executor {executor!r}", hint="it is local or ray")
    check_executor(cast(Executor, executor))
    keep_arrow_from_pandas()
    with join_cluster() as cluster:
        if cluster is not None and not cluster.leads:
            cluster.follow()
            return
        place = open_workspace(workspace)
        options = RunOptions(
            resolve_device(device),
            workers,
            cast(Executor, executor),
            limit,
            frozenset(rerun or ()),
            cluster,
        )
        selection: dict[str, Any] = {"only": only or (), "until": until or (), "rerun": rerun or ()}
        if grid:
            code = run_grid(recipe, overrides or (), grid, selection, place, options, as_json=as_json)
            raise typer.Exit(code)
        result = _run_once(recipe, overrides or (), selection, place, options)
    print_json(result.to_dict()) if as_json else _print_result(result)
    raise typer.Exit(result.exit_code)


def _run_once(
    recipe: Path,
    overrides: Sequence[str],
    selection: Mapping[str, Any],
    place: Workspace,
    options: RunOptions,
) -> RunResult:
    """Run a recipe, tell of each step as it is done, and write the report."""
    from ontogeny.cli.show import message_console
    from ontogeny.core.progress import terminal_progress
    from ontogeny.recipe.plan import resolve, select
    from ontogeny.recipe.report import write_report
    from ontogeny.recipe.run import run_recipe
    from ontogeny.recipe.schema import load_recipe
    from ontogeny.recipe.table import STEPS

    checked = load_recipe(recipe, STEPS, overrides=overrides)
    nodes = resolve(checked, place, STEPS)
    selected = select(nodes, **selection)
    console = message_console()
    console.print(f"[bold]{checked.name}[/bold]  seed {checked.seed}  on {options.device}  in {place.root}")
    result = run_recipe(
        checked,
        nodes,
        selected,
        place,
        options=options,
        progress=terminal_progress(),
        finished=lambda done: console.print(line_of(done)),
    )
    result.report = write_report(checked, result, place)
    return result


def plan(
    recipe: RecipeArgument,
    overrides: SetOption = None,
    only: OnlyOption = None,
    until: UntilOption = None,
    rerun: RerunOption = None,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would run, and what it took before or will take."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.hardware import resolve_device
    from ontogeny.recipe.estimates import fill_estimates
    from ontogeny.recipe.plan import check_files, make_plan, resolve, select, with_ancestors
    from ontogeny.recipe.schema import load_recipe
    from ontogeny.recipe.table import STEPS
    from ontogeny.recipe.trainings import check_trainings

    place = open_workspace(workspace)
    checked = load_recipe(recipe, STEPS, overrides=overrides or ())
    nodes = resolve(checked, place, STEPS)
    selected = select(nodes, only=only or (), until=until or (), rerun=rerun or ())
    check_files(selected, checked)
    looked_at = make_plan(
        with_ancestors(nodes, selected),
        place,
        device=resolve_device(device),
        limit=limit,
        rerun=rerun or (),
    )
    asked = {node.name for node in selected}
    planned = [one for one in looked_at if one.node.name in asked]
    check_trainings(planned, checked, place, device=resolve_device(device))
    fill_estimates(planned, checked, place, device=resolve_device(device))
    if as_json:
        steps = [
            {
                "step": one.node.step.name,
                "name": one.node.name,
                "status": one.status,
                "artifact": one.artifact.name if one.artifact else None,
                "estimate": one.estimate,
            }
            for one in planned
        ]
        print_json({"recipe": checked.name, "status": "planned", "steps": steps})
    else:
        _print_plan(planned, checked.name)


def line_of(done: StepResult) -> str:
    from rich.markup import escape

    from ontogeny.cli.show import duration, key_metric
    from ontogeny.recipe.table import STEPS

    said = done.artifact.name if done.artifact else ""
    metric = key_metric(STEPS[done.step].key_metric(done.artifact.manifest.metrics)) if done.artifact else ""
    line = f"{MARKS[done.status]} {done.name:<14} {duration(done.seconds):>8}  {said:<32} [dim]{metric}[/dim]"
    if done.error is not None:
        line += "".join(f"\n  [red]{escape(reason)}[/red]" for reason in _reasons(done, done.error))
        if done.error.hint:
            line += f"\n  [cyan]→[/cyan] {escape(done.error.hint)}"
    return line


def _reasons(done: StepResult, error: OntogenyError) -> list[str]:
    """Why a step did not succeed: every gate that refused by itself, or the error."""
    if done.status == "refused" and done.artifact is not None:
        verdicts = done.artifact.manifest.verdicts
        return [f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if not verdict.passed]
    return [f"{error.where}: {error.message}" if error.where else error.message]


def _print_result(result: RunResult) -> None:
    from ontogeny.cli.show import duration, key_metric, output_console, print_table
    from ontogeny.recipe.table import STEPS

    rows = []
    for one in result.steps:
        metrics = one.artifact.manifest.metrics if one.artifact else {}
        metric = key_metric(STEPS[one.step].key_metric(metrics))
        artifact = one.artifact.name if one.artifact else ""
        rows.append([one.name, f"{MARKS[one.status]} {one.status}", artifact, duration(one.seconds), metric])
    print_table(["step", "status", "artifact", "time", "key metric"], rows, right=["time"])
    if result.report is not None:
        output_console().print(f"report: {result.report}", soft_wrap=True)


def _print_plan(planned: list[Planned], recipe: str) -> None:
    """What is there and what is needed, each with where it is from; names of this recipe without the recipe's."""
    from ontogeny.cli.show import duration, output_console, print_table, size

    rows, computed = [], False
    for one in planned:
        estimate = one.estimate
        source = one.artifact.name if one.artifact else str(estimate["source"])
        computed |= source.startswith("formulas")
        rows.append(
            [
                one.node.name,
                one.node.step.name,
                one.status,
                duration(estimate.get("seconds")),
                size(estimate.get("memory_bytes")),
                size(estimate.get("disk_bytes")),
                source.replace(f"{recipe}/", "", 1),
            ]
        )
    columns = ["name", "step", "status", "time", "memory", "disk", "from"]
    print_table(columns, rows, right=["time", "memory", "disk"])
    shared = [one.node.name for one in planned if one.status != "reused" and one.node.config.processes > 1]
    if shared:
        output_console().print(f"[dim]the memory of {', '.join(shared)} is that of each process[/dim]")
    if computed:
        output_console().print("[dim]`ontogeny estimate` shows the formulas, figure by figure[/dim]")
