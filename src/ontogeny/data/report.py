"""The page that shows what is in a corpus or a set of examples, and what was left out and why."""

from __future__ import annotations

from pathlib import Path

from ontogeny.data.tally import Tally
from ontogeny.records.accounting import RowCount, describe
from ontogeny.report import numbers
from ontogeny.report.figures import Bar, Stage, bar_chart, funnel
from ontogeny.report.page import Page, Turn

SHOWN_CHARS = 600


def write_report(
    path: Path,
    *,
    title: str,
    tally: Tally,
    counts: list[RowCount],
    detected: dict[str, list[str]],
    kept_samples: list[str],
) -> None:
    """Write the page to `path`. `kept_samples`: a few documents that stayed, as a person would read them."""
    page = Page(title, subtitle="what was read, what was kept, and why the rest was not")
    page.key_figure("documents kept", numbers.count(tally.kept), note=f"of {numbers.count(tally.read)} read")
    page.key_figure("text kept", numbers.size(tally.bytes_kept))
    held_out = f"{numbers.size(tally.held_out_bytes)}, never trained on"
    page.key_figure("held out", numbers.count(tally.held_out_documents), note=held_out)
    _add_sources(page, tally, detected)
    _add_lengths(page, tally)
    if kept_samples:
        section = page.section(
            "Kept", lead="The first documents in the order of their digests: a sample by chance."
        )
        for text in kept_samples:
            section.sample([Turn("document", _shortened(text))])
    if tally.dropped:
        _add_dropped(page, tally, counts)
    page.write(path)


def _add_sources(page: Page, tally: Tally, detected: dict[str, list[str]]) -> None:
    section = page.section("Sources")
    section.figure(funnel(_stages(tally), unit="documents"), caption="From read to kept, by reason.")
    section.table(
        ["source", "read", "kept", "text kept", "detected"],
        [
            [
                name,
                read,
                tally.kept_by_source[name],
                numbers.size(tally.bytes_by_source[name]),
                "; ".join(detected.get(name, [])),
            ]
            for name, read in sorted(tally.read_by_source.items())
        ],
    )
    section.table(
        ["split", "documents", "text"],
        [
            [
                "train",
                tally.kept - tally.held_out_documents,
                numbers.size(tally.bytes_kept - tally.held_out_bytes),
            ],
            ["held out", tally.held_out_documents, numbers.size(tally.held_out_bytes)],
        ],
        caption="A group is never divided between the two.",
    )
    section.table(["licence", "documents"], [[name, count] for name, count in sorted(tally.licenses.items())])
    if tally.earliest_date == tally.latest_date:
        section.prose(f"Dated {tally.latest_date}." if tally.latest_date else "No document has a date.")
    else:
        section.prose(f"Dates from {tally.earliest_date} to {tally.latest_date}.")


def _stages(tally: Tally) -> list[Stage]:
    left = tally.read
    stages = [Stage("read", left)]
    for reason, count in sorted(tally.dropped.items()):
        left -= count
        stages.append(Stage(f"without {reason}", left))
    return stages


def _add_lengths(page: Page, tally: Tally) -> None:
    section = page.section("Lengths")
    bars = [
        Bar(f"{numbers.size(2 ** (key - 1) if key else 0)} to {numbers.size(2**key)}", count / tally.kept)
        for key, count in sorted(tally.length_classes.items())
    ]
    section.figure(
        bar_chart(bars, x_label="share of documents", percent=True), caption="Documents by their bytes."
    )


def _add_dropped(page: Page, tally: Tally, counts: list[RowCount]) -> None:
    section = page.section("Dropped", lead="All of them are in dropped.parquet, with reason and score.")
    section.table(
        ["reason", "documents", "share of read"],
        [
            [reason, count, numbers.percent(count / tally.read)]
            for reason, count in tally.dropped.most_common()
        ],
    )
    for count in counts:
        if count.bad:
            section.code(
                "\n".join(map(describe, count.first_bad)), caption=f"First bad rows of {count.source}"
            )
    for reason, samples in sorted(tally.samples.items()):
        turns = [Turn(sample.source, f"{_shortened(sample.text)}\n— {sample.detail}") for sample in samples]
        section.sample(turns, title=reason)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
