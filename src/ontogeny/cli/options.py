"""Options that many commands share, and what a command does first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ontogeny.lineage.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="The workspace; else $ONTOGENY_HOME, else ./.ontogeny."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output, nothing else there.")
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where tensors live.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="At most N items of each suite, or task of it."),
]


def open_workspace(path: Path | None) -> Workspace:
    """The workspace that the option, the environment or the current folder names."""
    from ontogeny.lineage.workspace import Workspace

    return Workspace.default(path)
