"""`ontogeny promote` and `ontogeny rollback`: which model version an alias means."""

from __future__ import annotations

from typing import Annotated

import typer

from ontogeny.cli.artifacts import ArtifactArgument
from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

AliasArgument = Annotated[str, typer.Argument(metavar="ALIAS", help="For example `production`.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog="Example: ontogeny promote python-tutor/tutor production")(promote)
    app.command(epilog="Example: ontogeny rollback production")(rollback)


def promote(
    artifact: ArtifactArgument,
    alias: AliasArgument,
    force: Annotated[bool, typer.Option("--force", help="Past a gate that refused; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; recorded in the ledger.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at a model, if every gate that judged it lets it pass."""
    from ontogeny.core.errors import UsageError
    from ontogeny.lineage.registry import promote as move

    if force != (reason is not None):
        raise UsageError("--force and --reason belong together", hint='--force --reason "why it must go out"')
    _tell(move(open_workspace(workspace), artifact, alias, reason=reason), as_json=as_json)


def rollback(alias: AliasArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Point an alias back at what it meant before."""
    from ontogeny.lineage.registry import rollback as move

    _tell(move(open_workspace(workspace), alias), as_json=as_json)


def _tell(moved: dict[str, str | None], *, as_json: bool) -> None:
    from ontogeny.cli.show import print_json

    if as_json:
        print_json(moved)
    else:
        before = f" (before: {moved['from']})" if moved["from"] else ""
        typer.echo(f"{moved['alias']} → {moved['to']}{before}")
