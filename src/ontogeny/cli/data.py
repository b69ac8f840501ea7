"""`ontogeny data`: what is in a corpus, what was dropped and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace

CorpusArgument = Annotated[
    str,
    typer.Argument(metavar="CORPUS", help="A corpus or examples: recipe/step, recipe/step@3 or an alias."),
]
EXCERPT_CHARS = 160


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verbs = typer.Typer(no_args_is_help=True, help="See what is in a corpus, and what was dropped and why.")
    verbs.command(epilog="Example: ontogeny data report python-tutor/corpus --reference exam.jsonl")(report)
    verbs.command(epilog="Example: ontogeny data sample python-tutor/corpus --dropped too_short")(sample)
    app.add_typer(verbs, name="data")


def report(
    corpus: CorpusArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write; by default among the reports."),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Text that the corpus should be good for, such as a task: .txt, .jsonl, .csv or .parquet. Repeatable.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page about a corpus, its figures and its card."""
    from ontogeny.cli.show import print_json
    from ontogeny.data.report import PAGE_FILE
    from ontogeny.data.report.finished import report_finished

    place = open_workspace(workspace)
    found = place.open(corpus)
    folder = out or place.reports / found.name.replace("/", "-")
    figures = report_finished(
        found.path,
        folder,
        name=found.name,
        version=found.manifest.version,
        rules=found.manifest.config.get("rules", []),
        references=reference or [],
    )
    if as_json:
        print_json(figures)
    else:
        typer.echo(str(folder / PAGE_FILE))


def sample(
    corpus: CorpusArgument,
    dropped: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Documents that were dropped for this; else kept ones."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many.")] = 5,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Another seed draws others.")] = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show documents of a corpus by chance, or ones that were dropped."""
    from ontogeny.cli.show import output_console, print_json
    from ontogeny.data.sampling import draw

    drawn = draw(open_workspace(workspace).open(corpus).path, count=count, seed=seed, dropped=dropped)
    if as_json:
        print_json(drawn)
        return
    console = output_console()
    for row in drawn:
        why = f"  {row['reason']}: {row['detail']}" if "reason" in row else ""
        console.print(f"{row['source']}  {row['locator']}{why}", style="bold", markup=False, soft_wrap=True)
        text = row["text"]
        shown = text if len(text) <= EXCERPT_CHARS * 4 else f"{text[: EXCERPT_CHARS * 4]}…"
        console.print(shown + "\n", markup=False, soft_wrap=True)
