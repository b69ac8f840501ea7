"""`ontogeny store`: rebuild derived tables, remove abandoned work."""

from __future__ import annotations

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    store = typer.Typer(help="Keep the workspace in order.", no_args_is_help=True)
    store.command(epilog="Example: ontogeny store rebuild")(rebuild)
    store.command(epilog="Example: ontogeny store gc")(gc)
    app.add_typer(store, name="store")


def rebuild(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Fill the derived tables again from the ledger, and take in complete artifacts it does not know."""
    _tell(open_workspace(workspace).rebuild(), as_json=as_json)


def gc(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Remove abandoned work, and what steps keep to be faster the next time."""
    _tell(open_workspace(workspace).collect_garbage(), as_json=as_json)


def _tell(counts: dict[str, int], *, as_json: bool) -> None:
    from ontogeny.cli.show import print_json

    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items()))
