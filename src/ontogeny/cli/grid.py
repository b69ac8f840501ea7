"""`ontogeny run --grid`: a recipe with every combination of some values, and the table of what each came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.cli.run import MARKS, line_of

if TYPE_CHECKING:
    from ontogeny.core.progress import Bar, Progress, View
    from ontogeny.lineage.workspace import Workspace
    from ontogeny.recipe.grid import Ranking
    from ontogeny.recipe.run import RunOptions, StepResult


def run_grid(
    recipe: Path,
    overrides: Sequence[str],
    grid: Sequence[str],
    selection: Mapping[str, Any],
    place: Workspace,
    options: RunOptions,
    *,
    as_json: bool,
) -> int:
    """Check every combination, run them one after another, tell which did best; the exit code.

    What combinations have in common is told with the first of them.
    """
    from rich.markup import escape

    from ontogeny.cli.show import message_console, print_json
    from ontogeny.core.progress import terminal_progress
    from ontogeny.recipe.grid import Tried, combinations, overrides_of, rank, read_axes
    from ontogeny.recipe.plan import resolve, select
    from ontogeny.recipe.report import write_report
    from ontogeny.recipe.run import check_before_run, run_recipe
    from ontogeny.recipe.schema import load_recipe
    from ontogeny.recipe.table import STEPS

    planned = []
    for values in combinations(read_axes(grid)):  # a mistake in the last is told before the first runs
        checked = load_recipe(recipe, STEPS, overrides=overrides, grid=overrides_of(values))
        nodes = resolve(checked, place, STEPS)
        selected = select(nodes, **selection)
        check_before_run(checked, nodes, selected, place, options)
        planned.append((values, checked, nodes, selected))
    console, progress, runs = message_console(), _SaidOnce(terminal_progress()), []
    told: set[str] = set()

    def tell(done: StepResult) -> None:
        """A line on what became of a step, but for what an earlier combination made and told."""
        name = done.artifact.name if done.artifact is not None else ""
        if done.status != "reused" or name not in told:
            console.print(line_of(done))
        told.add(name)

    for number, (values, checked, nodes, selected) in enumerate(planned, start=1):
        said = "  ".join(f"{path}={_plain(value)}" for path, value in values.items())
        console.print(f"[bold]{checked.name}[/bold]  {number} of {len(planned)}  {escape(said)}")
        result = run_recipe(
            checked,
            nodes,
            selected,
            place,
            options=options,
            progress=progress,
            finished=tell,
        )
        result.report = write_report(checked, result, place)
        runs.append(Tried(values, result))
    ranking = rank(runs)
    print_json(_as_dict(ranking, planned[0][1].name)) if as_json else _print(ranking)
    return max(tried.result.exit_code for tried in runs)


class _SaidOnce:
    """Leaves out the notes that an earlier combination gave: most of what `size` derives is the same in all."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def bar(self, label: str, *, total: float | None, unit: str) -> AbstractContextManager[Bar]:
        return self._progress.bar(label, total=total, unit=unit)

    def view(self, view: View) -> AbstractContextManager[None]:
        return self._progress.view(view)

    def note(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._progress.note(message)


def _as_dict(ranking: Ranking, recipe: str) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "step": ranking.step,
        "metric": ranking.metric,
        "runs": [
            {
                "set": tried.values,
                "status": tried.result.status,
                "artifact": ranking.artifact(tried),
                "value": ranking.value(tried),
                "report": str(tried.result.report) if tried.result.report else None,
                "steps": [step.to_dict() for step in tried.result.steps],
            }
            for tried in ranking.runs
        ],
    }


def _print(ranking: Ranking) -> None:
    from ontogeny.cli.show import duration, metric_value, print_table

    paths = list(ranking.runs[0].values)
    rows = []
    for tried in ranking.runs:
        value = ranking.value(tried)
        status = tried.result.status
        rows.append(
            [
                *(_plain(tried.values[path]) for path in paths),
                "" if value is None else metric_value(value),
                ranking.artifact(tried) or "",
                f"{MARKS[status]} {status}",
                duration(sum(step.seconds for step in tried.result.steps)),
            ]
        )
    named = (ranking.metric or "metric").replace("_", " ")
    columns = [*_short(paths), named, "artifact", "status", "time"]
    print_table(columns, rows, right=[named, "time"])


def _short(paths: Sequence[str]) -> list[str]:
    """The last parts of the paths that tell them apart: `optimizer.lr`."""
    for length in range(1, max(path.count(".") for path in paths) + 2):
        short = [".".join(path.split(".")[-length:]) for path in paths]
        if len(set(short)) == len(paths):
            return short
    return list(paths)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
