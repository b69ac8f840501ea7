"""`ontogeny store`: rebuild derived tables, remove what is no longer needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.lineage.scratch import Unfinished


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    store = typer.Typer(help="Keep the workspace in order.", no_args_is_help=True)
    store.command(epilog="Example: ontogeny store rebuild")(rebuild)
    store.command(epilog="Example: ontogeny store gc")(gc)
    app.add_typer(store, name="store")


def rebuild(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Fill the derived tables again from the ledger, and take in complete artifacts it does not know."""
    _tell(open_workspace(workspace).rebuild(), as_json=as_json)


def gc(
    unfinished: Annotated[
        bool,
        typer.Option(
            "--unfinished", help="Remove what was begun and not finished as well; it then begins anew."
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove what no step goes on with, and what steps keep to be faster the next time.

    The work of a run that was stopped, killed or failed stays, and is listed: the same command goes on from there.
    """
    found = open_workspace(workspace).collect_garbage(unfinished=unfinished)
    removed = {
        "scratch_folders": found.scratch_folders,
        "cached_folders": found.cached_folders,
        "bytes": found.bytes,
    }
    _tell(
        {**removed, "unfinished": [_as_row(one) for one in found.kept]} if as_json else removed,
        as_json=as_json,
    )
    if found.kept and not as_json:
        _tell_kept(found.kept)


def _as_row(one: Unfinished) -> dict[str, Any]:
    written = datetime.fromtimestamp(one.written, UTC).isoformat(timespec="seconds")
    return {
        "recipe": one.recipe,
        "step": one.step,
        "folder": str(one.folder),
        "written": written,
        "bytes": one.bytes,
    }


def _tell_kept(kept: Sequence[Unfinished]) -> None:
    from ontogeny.cli.show import duration, size

    typer.echo("kept, since the command that began it goes on from there:")
    for one in kept:
        name = f"{one.recipe}/{one.step}" if one.step else "a step of an older version"
        age = duration(max(0.0, time.time() - one.written))
        typer.echo(f"  {name}: {size(one.bytes)}, last written {age} ago, in {one.folder}")
    typer.echo("`ontogeny store gc --unfinished` removes it too")


def _tell(counts: dict[str, Any], *, as_json: bool) -> None:
    from ontogeny.cli.show import print_json

    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items()))
