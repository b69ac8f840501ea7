"""`ontogeny ls`, `show`, `lineage` and `verify`: what is in the workspace, and whether it holds."""

from __future__ import annotations

from typing import Annotated

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

ArtifactArgument = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="recipe/step, recipe/step@3 or an alias.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("ls", epilog="Example: ontogeny ls --kind model")(list_artifacts)
    app.command(epilog="Example: ontogeny show python-tutor/base")(show)
    app.command(epilog="Example: ontogeny lineage python-tutor/tutor")(lineage)
    app.command(epilog="Example: ontogeny verify")(verify)


def list_artifacts(
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only this kind, e.g. model.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List artifacts."""
    from ontogeny.cli.show import print_json, print_table
    from ontogeny.core.errors import UsageError, nearest

    place = open_workspace(workspace)
    rows = place.rows()
    kinds = {row.kind for row in rows}
    if kind is not None and kinds and kind not in kinds:
        raise UsageError(
            f"there is no {kind!r} here.{nearest(kind, kinds)}",
            hint=f"kinds here: {', '.join(sorted(kinds))}",
        )
    aliases: dict[str, list[str]] = {}
    for alias, target in sorted(place.alias_targets().items()):
        aliases.setdefault(target, []).append(alias)
    chosen = [row for row in rows if kind in (None, row.kind)]
    if as_json:
        keys = ("name", "kind", "digest", "fingerprint")
        print_json(
            [
                {key: getattr(row, key) for key in keys} | {"aliases": aliases.get(row.name, [])}
                for row in chosen
            ]
        )
        return
    if not chosen:
        typer.echo(f"nothing in {place.root} yet; `ontogeny run RECIPE.yaml` makes something", err=True)
        return
    table = [[row.name, row.kind, row.digest[7:19], ", ".join(aliases.get(row.name, []))] for row in chosen]
    print_table(["artifact", "kind", "digest", "aliases"], table)


def show(artifact: ArtifactArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show one manifest."""
    from ontogeny.cli.show import (
        duration,
        metric_rows,
        metric_value,
        output_console,
        print_json,
        print_table,
        size,
    )

    found = open_workspace(workspace).open(artifact)
    manifest = found.manifest
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    console = output_console()
    console.print(
        f"[bold]{manifest.name}[/bold]  {manifest.kind}, made by {manifest.step_type}", soft_wrap=True
    )
    spent = {name: float(cost["value"]) for name, cost in manifest.spent.items()}
    facts = {
        "folder": str(found.path),
        "digest": manifest.digest,
        "fingerprint": manifest.fingerprint,
        "ended": manifest.ended,
        "took": f"{duration(spent.get('seconds'))}, {size(spent.get('peak_memory_bytes'))} at most, {manifest.device}",
        "licences": ", ".join(manifest.licenses) or "unknown",
        "knowledge cutoff": manifest.knowledge_cutoff or "unknown",
        "inputs": ", ".join(f"{used.role}={used.name}" for used in manifest.inputs) or "none",
    }
    print_table(["fact", "value"], [[key, value] for key, value in facts.items()])
    print_table(
        ["metric", "value"], [[name, metric_value(value)] for name, value in metric_rows(manifest.metrics)]
    )
    files = [[file.path, size(file.bytes), file.digest[7:19]] for file in manifest.files]
    print_table(["file", "size", "digest"], files, right=["size"])


def lineage(
    artifact: ArtifactArgument,
    up: Annotated[bool, typer.Option("--up", help="What it was made of (the default).")] = False,
    down: Annotated[bool, typer.Option("--down", help="What was made of it.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show ancestors or descendants."""
    from rich.tree import Tree

    from ontogeny.cli.show import output_console, print_json
    from ontogeny.core.errors import UsageError
    from ontogeny.lineage.graph import lineage as walk

    if up and down:
        raise UsageError("--up and --down exclude each other", hint="ask twice")
    place = open_workspace(workspace)
    name = place.open(artifact).name
    graph = walk(place, [name], direction="down" if down else "up")
    if as_json:
        print_json(
            {"nodes": [vars(node) for node in graph.nodes], "edges": [vars(edge) for edge in graph.edges]}
        )
        return
    kinds = {node.name: node.kind for node in graph.nodes}
    tree = Tree(f"[bold]{name}[/bold] [dim]{kinds[name]}[/dim]")
    shown: set[str] = set()

    def grow(branch: Tree, of: str) -> None:
        for edge in graph.edges:
            here, there = (edge.parent, edge.child) if down else (edge.child, edge.parent)
            if here == of:
                again = " (above)" if there in shown else ""
                twig = branch.add(f"[cyan]{edge.role}[/cyan] {there} [dim]{kinds[there]}{again}[/dim]")
                if not again:
                    shown.add(there)
                    grow(twig, there)

    grow(tree, name)
    output_console().print(tree)


def verify(
    artifact: Annotated[
        str | None,
        typer.Argument(metavar="[ARTIFACT]", help="One artifact; without it, the whole workspace."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Digest every payload again and walk the ledger's chain."""
    from ontogeny.cli.show import message_console, print_json

    place = open_workspace(workspace)
    problems = place.verify(artifact)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    elif problems:
        console = message_console()
        for problem in problems:
            console.print(f"[red]✘[/red] {problem['file']}: {problem['what']}", markup=True)
    else:
        count = 1 if artifact else len(place.rows())
        typer.echo(f"ok: {count} artifact{'s' if count != 1 else ''} and the ledger hold")
    raise typer.Exit(1 if problems else 0)
