"""`ontogeny init`: a commented recipe to begin with."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

TEMPLATES: dict[str, str | None] = {
    "curate": None,
    "pretrain": None,
    "finetune": "steps.assistant.data.path=./conversations.jsonl",
    "classify": "steps.classifier.data.path=./examples.csv",
}
"""What there is to begin with, and what has to be set for it to run; None: nothing."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: ontogeny init my-model --template pretrain")(init)


def init(
    name: Annotated[str, typer.Argument(help="Name of the recipe; NAME.yaml is written here.")],
    template: Annotated[
        str, typer.Option(metavar="|".join(TEMPLATES), help="What to begin with.")
    ] = "pretrain",
) -> None:
    """Write a commented recipe."""
    from ontogeny.core.errors import UsageError, nearest
    from ontogeny.core.files import disk_errors, write_atomic
    from ontogeny.lineage.workspace import NAME_PATTERN

    if template not in TEMPLATES:
        raise UsageError(
            f"unknown template {template!r}.{nearest(template, TEMPLATES)}",
            hint=f"templates: {', '.join(TEMPLATES)}",
        )
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(f"{name!r} is not a name", hint="use letters, digits, '-', '_' and '.'")
    path = Path(f"{name}.yaml")
    if path.exists():
        raise UsageError(f"{path} exists already", hint="choose another name, or remove it first")
    text = (files("ontogeny.recipe") / "templates" / f"{template}.yaml").read_text(encoding="utf-8")
    with disk_errors("writing the recipe"):
        write_atomic(path, re.sub(r"(?<!/)NAME", name, text))
    needed = TEMPLATES[template]
    typer.echo(f"wrote {path}; next: ontogeny run {path}" + (f" --set {needed}" if needed else ""))
