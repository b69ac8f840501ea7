"""`ontogeny data`: what is in a corpus, what was dropped and why, and what a tokenizer made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace
from ontogeny.core.errors import UsageError

if TYPE_CHECKING:
    from ontogeny.lineage.artifact import Artifact

CorpusArgument = Annotated[
    str,
    typer.Argument(metavar="CORPUS", help="A corpus or examples: recipe/step, recipe/step@3 or an alias."),
]
ReportArgument = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS", help="A corpus, examples or tokens: recipe/step, recipe/step@3 or an alias."
    ),
]
EXCERPT_CHARS = 160


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verbs = typer.Typer(no_args_is_help=True, help="See what is in a corpus, and what was dropped and why.")
    verbs.command(epilog="Example: ontogeny data report python-tutor/corpus --reference exam.jsonl")(report)
    verbs.command(epilog="Example: ontogeny data sample python-tutor/corpus --dropped too_short")(sample)
    app.add_typer(verbs, name="data")


def report(
    corpus: ReportArgument,
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
    """Write a page about a corpus, its figures and its card; or a page about tokens and their figures."""
    from ontogeny.cli.show import print_json
    from ontogeny.data.report import PAGE_FILE

    place = open_workspace(workspace)
    found = place.open(corpus)
    folder = out or place.reports / found.name.replace("/", "-")
    if found.kind == "tokens":
        figures = _report_tokens(found, folder, reference or [])
    else:
        figures = _report_corpus(found, folder, reference or [])
    if as_json:
        print_json(figures)
    else:
        typer.echo(str(folder / PAGE_FILE))


def _report_corpus(found: Artifact, folder: Path, references: list[Path]) -> dict[str, Any]:
    from ontogeny.data.report.finished import report_finished

    return report_finished(
        found.path,
        folder,
        name=found.name,
        version=found.manifest.version,
        rules=found.manifest.config.get("rules", []),
        references=references,
    )


def _report_tokens(found: Artifact, folder: Path, references: list[Path]) -> dict[str, Any]:
    from ontogeny.tokenizer.report import report_tokens
    from ontogeny.train.packing_figures import packing_figures

    if references:
        raise UsageError(
            f"{found.name} holds tokens, and `--reference` compares the words of a corpus",
            hint="ask for the report of the corpus that they were made from, or leave `--reference` out",
        )
    return report_tokens(found.path, folder, title=found.name, packing=packing_figures)


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
