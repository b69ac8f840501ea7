"""`ontogeny import` and `ontogeny export`: models come in, and go out in public formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.model.formats.gguf_file import Value
    from ontogeny.recipe.models import LocatedModel

FORMATS = ("huggingface", "gguf", "peft")
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="recipe/step, recipe/step@3, an alias, ./FOLDER, ./FILE.gguf, pip:PACKAGE or hf:ORG/NAME.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("import", epilog="Example: ontogeny import ./SmolLM2-135M --name smol")(import_model)
    app.command(epilog="Example: ontogeny export python-tutor/tutor --format huggingface --out ./tutor")(
        export
    )


def import_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A Hugging Face ./FOLDER, ./FILE.gguf, pip:PACKAGE or hf:ORG/NAME."
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="It becomes import/NAME.")],
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Of a PEFT folder: the model here that its adapters belong to."),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(metavar="LICENSE", help="Its licence, e.g. Apache-2.0; else what its source says."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an outside model, or adapters for a model that is here, an artifact with its source and digest."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.progress import terminal_progress
    from ontogeny.recipe.single import import_model as import_as

    place, progress = open_workspace(workspace), terminal_progress()
    artifact = import_as(place, model, name=name, base=base, license=license, progress=progress)
    if as_json:
        print_json(artifact.manifest.model_dump(mode="json"))
    else:
        typer.echo(f"imported {artifact.name}; next: ontogeny chat {artifact.name}")


def export(
    model: ModelArgument,
    out: Annotated[
        Path, typer.Option(metavar="PATH", help="A folder that does not exist yet; of gguf, a file.")
    ],
    format: Annotated[
        str, typer.Option(metavar="|".join(FORMATS), help="The public format.")
    ] = "huggingface",
    type: Annotated[
        str,
        typer.Option(
            metavar="f32|f16|bf16|q8_0|q4_0|q4_k_m", help="How weights are stored; q... in gguf only."
        ),
    ] = "f32",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model in a public format."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.errors import UsageError, nearest
    from ontogeny.core.progress import terminal_progress
    from ontogeny.model.formats.export import export_folder, export_gguf, export_peft
    from ontogeny.recipe.models import locate_model

    if format not in FORMATS:
        raise UsageError(
            f"unknown format {format!r}.{nearest(format, FORMATS)}",
            hint=f"this version writes {', '.join(FORMATS)}",
        )
    located = locate_model(model, open_workspace(workspace), terminal_progress())
    if format == "gguf":
        export_gguf(located.folder, out, weight_type=type, provenance=_provenance(located))
        files = [Path(out.name)]
    elif format == "peft":
        if type != "f32":
            raise UsageError("--type has no effect on adapters, which are small", hint="leave it out")
        files = export_peft(located.folder, out)
    else:
        files = export_folder(located.folder, out, weight_type=type)
    if format != "peft" and located.artifact is not None and located.artifact.kind == "classifier":
        typer.echo(
            "its head and its labels have no place there: `ontogeny classify` and `ontogeny serve` take the classifier",
            err=True,
        )
    if as_json:
        print_json({"path": str(out), "files": [str(file) for file in files]})
    else:
        typer.echo(f"wrote {located.name} to {out} ({len(files)} {'file' if len(files) == 1 else 'files'})")


def _provenance(located: LocatedModel) -> dict[str, Value]:
    """What a GGUF file is told of where the model comes from."""
    from ontogeny.model.formats.gguf_provenance import license_of, outside_metadata, provenance_metadata

    if located.artifact is not None:
        return provenance_metadata(located.artifact.manifest.model_dump(mode="json"))
    license = located.fetched.license if located.fetched else None
    if license is None and located.file is not None:
        license = license_of(located.file)
    origin = located.fetched.origin if located.fetched else None
    return outside_metadata(located.name, located.digest, origin=origin, license=license)
