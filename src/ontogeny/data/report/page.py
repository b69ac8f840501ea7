"""The page that shows what is in a corpus or a set of examples, and what was left out and why.

It is drawn from the figures alone (`figures.json`), so everything it shows can be read by a machine, too. Parts that
take reading the corpus again are there where the figures hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ontogeny.data.report.against import add_against
from ontogeny.data.report.classifiers import add_classifiers
from ontogeny.data.report.contamination import add_contamination
from ontogeny.data.report.content import add_diversity, add_duplicates, add_relevance
from ontogeny.data.report.drops import add_dropped, loss_groups
from ontogeny.data.report.edits import add_edits
from ontogeny.data.report.examples import add_examples
from ontogeny.data.report.personal import add_personal
from ontogeny.data.report.quality import add_quality
from ontogeny.data.report.spans import add_spans
from ontogeny.report import numbers
from ontogeny.report.figures import Bar, bar_chart
from ontogeny.report.page import Page, Section, Turn
from ontogeny.report.panels import loss_chart

SHOWN_CHARS = 600
MANY_YEARS = 40


def write_page(path: Path, figures: Mapping[str, Any], *, title: str) -> None:
    """Write the page of `figures` to `path`."""
    page = Page(title, subtitle="what was read, what was kept, and why the rest was not")
    read, kept = figures["documents_read"], figures["documents_kept"]
    share = numbers.percent(kept / read) if read else numbers.ABSENT
    page.key_figure("documents kept", numbers.count(kept), note=f"of {numbers.count(read)} read, {share}")
    page.key_figure("text kept", numbers.size(figures["bytes_kept"]))
    held_out = f"{numbers.size(figures['held_out_bytes'])}, never trained on"
    page.key_figure("held out", numbers.count(figures["held_out_documents"]), note=held_out)
    if cutoff := figures["dates"]["latest"]:
        page.key_figure("knowledge cutoff", cutoff, note="the latest date of a document")
    _add_sources(page, figures)
    add_examples(page, figures)
    add_edits(page, figures)
    add_personal(page, figures)
    add_quality(page, figures)
    add_classifiers(page, figures)
    add_contamination(page, figures)
    add_diversity(page, figures)
    add_duplicates(page, figures)
    add_against(page, figures)
    add_spans(page, figures)
    add_relevance(page, figures)
    _add_lengths(page, figures)
    _add_origin(page, figures)
    _add_kept(page, figures)
    add_dropped(page, figures)
    page.write(path)


def _add_sources(page: Page, figures: Mapping[str, Any]) -> None:
    lead = "Each rule takes from what the ones before it left; under it, its reasons."
    section = page.section("From read to kept", lead=lead)
    chart = loss_chart(
        loss_groups(figures), read=figures["documents_read"], kept=figures["documents_kept"], unit="documents"
    )
    section.figure(chart, caption="Documents, by the first rule that dropped them.")
    rows = []
    for name, each in sorted(figures["sources"].items()):
        worst = max(each.get("dropped", {}).items(), key=lambda one: one[1], default=None)
        rows.append(
            [
                name,
                each["read"],
                each["kept"],
                numbers.percent(each["kept"] / each["read"]) if each["read"] else numbers.ABSENT,
                numbers.size(each["bytes_kept"]),
                f"{worst[0]} ({numbers.count(worst[1])})" if worst else numbers.ABSENT,
                "; ".join(each["detected"]),
            ]
        )
    section.table(["source", "read", "kept", "share", "text kept", "most dropped for", "detected"], rows)
    if extractors := figures.get("extractors"):
        section.table(
            ["text taken out by", "pages kept", "mean score"],
            [
                [name, each["documents"], numbers.measure(each["mean_score"], 2)]
                for name, each in extractors.items()
            ],
        )


def _add_lengths(page: Page, figures: Mapping[str, Any]) -> None:
    kept = figures["documents_kept"]
    section = page.section("Lengths")
    bars = [
        Bar(
            f"{numbers.size(int(key) // 2 if int(key) > 1 else 0)} to {numbers.size(int(key))}",
            count / max(kept, 1),
        )
        for key, count in sorted(figures["length_classes"].items(), key=lambda one: int(one[0]))
    ]
    section.figure(
        bar_chart(bars, x_label="share of documents", percent=True), caption="Documents by their bytes."
    )


def _add_origin(page: Page, figures: Mapping[str, Any]) -> None:
    lead = "As the sources name them. The latest date is the corpus' knowledge cutoff."
    section = page.section("Licences, dates and splits", lead=lead)
    sizes = figures.get("bytes_by_license", {})
    section.table(
        ["licence", "documents", "text"],
        [[name, count, numbers.size(sizes.get(name, 0))] for name, count in _largest(figures["licenses"])],
    )
    held_out, size = figures["held_out_documents"], figures["held_out_bytes"]
    test, test_size = figures.get("test_documents", 0), figures.get("test_bytes", 0)
    learnt, learnt_size = (
        figures["documents_kept"] - held_out - test,
        figures["bytes_kept"] - size - test_size,
    )
    rows: list[list[str | int]] = [
        ["train", learnt, numbers.size(learnt_size)],
        ["held out", held_out, numbers.size(size)],
    ]
    if test:
        rows.append(["test", test, numbers.size(test_size)])
    caption = "" if figures.get("groups_in_two_parts") else "A group is never divided between them."
    section.table(["split", "documents", "text"], rows, caption=caption)
    _add_dates(section, figures)


def _add_dates(section: Section, figures: Mapping[str, Any]) -> None:
    earliest, latest = figures["dates"]["earliest"], figures["dates"]["latest"]
    if earliest == latest:
        section.prose(f"Dated {latest}." if latest else "No document has a date.")
        return
    section.prose(f"Dates from {earliest} to {latest}.")
    years = {year: count for year, count in figures.get("years", {}).items() if year.isdigit()}
    if len(years) > MANY_YEARS:
        by_decade: dict[str, int] = {}
        for year, count in years.items():
            by_decade[f"{year[:3]}0s"] = by_decade.get(f"{year[:3]}0s", 0) + count
        years = by_decade
    dated = max(sum(years.values()), 1)
    bars = [Bar(year, count / dated) for year, count in sorted(years.items())]
    undated = figures.get("years", {}).get("unknown", 0)
    caption = (
        f"By the year of their date: {numbers.count(dated)} have one, {numbers.count(undated)} have none."
    )
    section.figure(bar_chart(bars, x_label="share of dated documents", percent=True), caption=caption)


def _add_kept(page: Page, figures: Mapping[str, Any]) -> None:
    samples = figures.get("kept_samples", {})
    if not samples:
        return
    lead = "The first documents of each source in the order of their digests: a sample by chance."
    section = page.section("Kept", lead=lead)
    for name, chosen in sorted(samples.items()):
        section.sample(
            [Turn("document", _shortened(each["text"])) for each in chosen], title=name, tone="good"
        )


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
