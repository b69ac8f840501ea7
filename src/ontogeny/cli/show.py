"""What commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ontogeny.core.errors import OntogenyError

WIDE = 200  # characters of a line that no terminal has to hold
UNIT_SECONDS = (("h", 3600.0), ("min", 60.0))
UNIT_BYTES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table on standard output, as wide as it needs where that is no terminal.

    In a terminal that is too narrow it is set tighter, then names are broken, then the columns of `spare` are left out,
    the first first.
    """
    from rich import box
    from rich.padding import Padding
    from rich.table import Table

    from ontogeny.cli.columns import fitted

    console = output_console()
    shown = fitted(columns, rows, right=right, spare=spare, width=console.width)
    table = Table(
        box=box.SIMPLE_HEAD,
        header_style="bold",
        pad_edge=False,
        show_edge=not shown.tight,
        collapse_padding=shown.tight,
    )
    for column in shown.columns:
        numeric = column.name in right
        table.add_column(
            column.header, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
        )
    for row in zip(*(column.cells for column in shown.columns), strict=True):
        table.add_row(*row)
    console.print(Padding(table, (1, 0), expand=False) if shown.tight else table)


def output_console() -> Console:
    """Standard output: in a file or a pipe never narrower than its content, unless COLUMNS says how wide it is."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if _has_width() else WIDE)


def print_words(text: str) -> None:
    """A sentence on standard output, in lines where that has a width."""
    output_console().print(text, markup=False, soft_wrap=not _has_width())


def _has_width() -> bool:
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()


def message_console() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: OntogenyError) -> None:
    """Where, what, and what to do next."""
    from rich.markup import escape

    console = message_console()
    where = f"[bold]{escape(error.where)}[/bold]: " if error.where else ""
    console.print(f"[bold red]error[/bold red] {where}{escape(error.message)}")
    if error.hint:
        console.print(f"  [cyan]→[/cyan] {escape(error.hint)}")


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12.0 s`, `3.5 min`; what is too short to show is `<0.1 s`."""
    if seconds is None:
        return ""
    for unit, size in UNIT_SECONDS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return "<0.1 s" if 0 < seconds < 0.05 else f"{seconds:.1f} s"


def size(count: float | None) -> str:
    """`512 B`, `1.4 MB`."""
    if count is None:
        return ""
    for unit, scale in UNIT_BYTES:
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def metric_value(value: object) -> str:
    """A metric as a table shows it: six significant digits, and `reason: count` pairs."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {metric_value(one)}" for name, one in value.items()) or "none"
    return f"{value:.6g}" if isinstance(value, float) else f"{value}"


def metric_rows(metrics: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each metric with its name, those within others one by one; lists, as of a curve, are for reports."""
    for name, value in metrics.items():
        if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
            yield from metric_rows(value, f"{above}{name}, ")
        elif not isinstance(value, list):
            yield f"{above}{name}", value


def key_metric(found: tuple[str, float] | None) -> str:
    """The one metric a table shows of a step, as `Step.key_metric` gives it."""
    if found is None:
        return ""
    name, value = found
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:,.4g}"
