"""`ontogeny classify`: labels of texts, with calibrated probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ontogeny.cli.models import ModelArgument
from ontogeny.cli.options import DeviceOption, JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.core.progress import Progress
    from ontogeny.finetune.classifier import Classified, Classifier

SHOWN_CHARS = 60  # of a text, in a table


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(
        epilog="Example: ontogeny classify spam-filter/filter --input inbox.csv --output labelled.csv"
    )(classify)


def classify(
    model: ModelArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="What is classified.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", help="A file of texts instead: .jsonl, .csv or .tsv."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Its rows with their labels go there: .jsonl or .csv."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The column of --input with the texts: text, or what plainly says the same."
        ),
    ] = None,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the labels of texts, or of all rows of a file."""
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.finetune.classifier import load_classifier
    from ontogeny.finetune.classify_file import TEXT, check_output, count_rows, text_column, write_classified
    from ontogeny.recipe.models import locate_model

    _check(texts, source, target)
    progress = terminal_progress()
    rows = None
    column = column or TEXT if source is None else column or text_column(source, progress.note)
    if source is not None:
        rows = count_rows(source, column=column, note=progress.note)
        if target is not None:
            check_output(source, target)
        for note in rows.notes():
            progress.note(note)
    located = locate_model(model, open_workspace(workspace), progress)
    classifier = load_classifier(located.folder, resolve_device(device))
    if rows is None or source is None:
        _print(classifier.classify(texts or []), as_json=as_json)
    elif target is None:
        _print(_of_file(classifier, source, column, rows.count.good, progress), as_json=as_json)
    else:
        results: list[Classified] = []
        told = results.extend if as_json else None
        write_classified(classifier, source, target, rows, column=column, progress=progress, told=told)
        typer.echo(f"wrote {rows.count.good:,} rows with their labels to {target}", err=True)
        if as_json:
            _print(results, as_json=True)


def _check(texts: list[str] | None, source: Path | None, target: Path | None) -> None:
    from ontogeny.core.errors import UsageError

    if bool(texts) == (source is not None):
        raise UsageError("give texts, or --input FILE, one of the two", hint="ontogeny classify --help")
    if any(not text.strip() for text in texts or ()):
        raise UsageError("a text is empty, and nothing can be told of it", hint="leave it out")
    if target is not None and source is None:
        raise UsageError("--output is for the rows of --input", hint="leave it out, or give --input FILE")


def _of_file(
    classifier: Classifier, source: Path, column: str, count: int, progress: Progress
) -> list[Classified]:
    from ontogeny.finetune.classify_file import classified_rows
    from ontogeny.finetune.known_answers import KnownAnswers

    results = []
    with progress.bar("classifying", total=count, unit="rows") as bar:
        answers = KnownAnswers(classifier)
        for piece in classified_rows(answers, source, column=column, advance=bar.advance):
            results += [said for _, said in piece]
    return results


def _print(results: list[Classified], *, as_json: bool) -> None:
    from ontogeny.cli.show import print_json, print_table

    if as_json:
        print_json({"results": [result.to_json() for result in results]})
        return
    rows = [[_short(result.text), _label(result.label), f"{result.probability:.3f}"] for result in results]
    print_table(["text", "label", "probability"], rows, right=["probability"])


def _label(label: Any) -> str:
    return label if isinstance(label, str) else ", ".join(label) or "(none)"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 1]}…"
