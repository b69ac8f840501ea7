"""`ontogeny seen`: which documents a model read, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.recipe.seen import Reading

SHOWN_STEPS = 12  # of those that read a document, in a line of a table; `--json` has all


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: ontogeny seen python-tutor/base --steps 1:10")(seen)


def seen(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="recipe/step, recipe/step@3, recipe/step@3:500 or an alias."),
    ],
    steps: Annotated[
        str | None, typer.Option(metavar="A:B", help="Only steps A to B of its own training, counted from 1.")
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            metavar="[SOURCE:]ID",
            help="Whether and when it read this document; the beginning of its ID is enough where no other has it.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents a model was trained on, computed from its packing plan."""
    from ontogeny.cli.show import print_json, print_table
    from ontogeny.recipe.seen import readings

    found = readings(open_workspace(workspace), model, steps=steps, document=document)
    if as_json:
        print_json([{name: value for name, value in vars(one).items() if value != ()} for one in found])
        return
    rows = [
        [
            one.model,
            one.name,
            _steps(one),
            f"{one.tokens:,}",
            one.locator,
            one.license,
        ]
        for one in found
    ]
    print_table(["model", "document", "steps", "tokens", "where", "licence"], rows, right=["tokens"])
    documents = len({one.document for one in found})
    typer.echo(f"{documents:,} document{'s' if documents != 1 else ''}", err=True)


def _steps(reading: Reading) -> str:
    """Every step that read it, as far as they fit; else the first and the last."""
    if 0 < len(reading.steps) <= SHOWN_STEPS:
        return ", ".join(map(str, reading.steps))
    count = f" ({len(reading.steps):,} of them)" if reading.steps else ""
    return f"{reading.first_step}–{reading.last_step}{count}"
