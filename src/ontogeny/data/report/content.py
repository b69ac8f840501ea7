"""Diversity, duplicate clusters and relevance, from the figures of a survey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.figures import Bar, bar_chart
from ontogeny.report.page import Page, Section, Turn

TOP = 15
KINDS = {
    "sources": "sources, by text",
    "licenses": "licences, by text",
    "languages": "languages, by documents",
}


def add_diversity(page: Page, figures: Mapping[str, Any]) -> None:
    """Shares and entropy, distinct n-grams, compression."""
    found = figures.get("diversity")
    if not found:
        return
    lead = (
        "How many different things it says. The effective number is how many equally large shares would be as uneven"
        " (2 to the entropy)."
    )
    section = page.section("Diversity", lead=lead)
    kept = {name: each["bytes_kept"] for name, each in figures["sources"].items()}
    _add_shares(section, kept, "share of text", "Text by source.")
    rows = [
        [
            says,
            each["distinct"],
            numbers.measure(each["entropy_bits"], 2),
            numbers.measure(each["effective"], 1),
        ]
        for kind, says in KINDS.items()
        for each in [found["spread"][kind]]
    ]
    domains = found.get("domains")
    if domains and "entropy_bits" in domains:
        rows.append(
            ["domains, by documents", domains["distinct"], numbers.measure(domains["entropy_bits"], 2),
             numbers.measure(domains["effective"], 1)]
        )  # fmt: skip
    section.table(["shares of", "different", "entropy, bits", "effective number"], rows)
    languages = figures.get("languages", {})
    if len(languages) > 1:
        _add_shares(section, languages, "share of documents", "Documents by the language their source names.")
    if domains:
        add_domains(section, domains, documents=figures["documents_kept"])
    _add_words(section, found)


def add_domains(section: Section, domains: Mapping[str, Any], *, documents: int) -> None:
    """The most frequent domains, of those of `documents` that have one."""
    known = domains["documents"]
    have, none = numbers.counted(known, "document"), numbers.count(documents - known)
    caption = f"The most frequent domains: {have} with one, {none} with none."
    _add_shares(section, domains["top"], "share of documents with a domain", caption, known)


def _add_shares(
    section: Section, counts: Mapping[str, float], label: str, caption: str, whole: float | None = None
) -> None:
    total = whole or sum(counts.values())
    largest = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    bars = [Bar(name, count / max(total, 1)) for name, count in largest[:TOP]]
    if len(largest) > TOP and whole is None:
        bars.append(
            Bar(f"{len(largest) - TOP} others", sum(count for _, count in largest[TOP:]) / total, faint=True)
        )
    section.figure(bar_chart(bars, x_label=label, percent=True), caption=caption)


def _add_words(section: Section, found: Mapping[str, Any]) -> None:
    def row(name: str, each: Mapping[str, Any]) -> list[str]:
        grams, packed = each["n_grams"], each["compression"]
        shares = [numbers.percent(grams[order]["share"]) for order in sorted(grams)]
        return [
            name,
            numbers.size(packed["bytes"]),
            *shares,
            f"{packed['zstd']:.2f}",
            f"{packed['zlib']:.2f}",
        ]

    rows = [row(name, each) for name, each in sorted(found["by_source"].items())]
    section.table(
        ["source", "sample", "1-grams", "2-grams", "3-grams", "4-grams", "zstd", "zlib"],
        [*rows, row("all", found["sample"])],
        caption=(
            "Share of word n-grams in a sample that are different from one another, and how many times smaller zstd and"
            " zlib make it: fewer different ones and a higher ratio mean more repetition. Both move with the size of a"
            " sample, so sources are compared at the same size, and the last line with none of them."
        ),
    )


def add_duplicates(page: Page, figures: Mapping[str, Any]) -> None:
    """Sizes of clusters, and the largest with some of their copies."""
    found = figures.get("duplicates")
    if not found:
        return
    copies, clusters = found["copies"], found["clusters"]
    stay = "one that stays" if clusters == 1 else f"one of {numbers.count(clusters)} that stay"
    lead = (
        f"{numbers.counted(copies, 'document')} went for {stay}; with that one, the largest cluster has"
        f" {numbers.count(found['largest'])}."
    )
    section = page.section("Copies", lead=lead)
    section.table(
        ["documents in a cluster", "clusters"],
        [
            [_span(int(key), found["largest"]), count]
            for key, count in sorted(found["sizes"].items(), key=lambda one: int(one[0]))
        ],
    )
    for each in found["examples"]:
        kept = each["kept"]
        turns = [Turn(f"stays ({kept['source']})", kept["text"])] if kept else []
        turns += [
            Turn(f"went ({copy['source']})", f"{copy['text']}\n— {copy['reason']}: {copy['detail']}")
            for copy in each["copies"]
        ]
        section.sample(turns, title=f"a cluster of {numbers.count(each['documents'])}")


def _span(key: int, largest: int) -> str:
    """The sizes in the class up to `key`, of which there are none above `largest`."""
    least, most = key // 2 + 1, min(key, largest)
    return numbers.count(most) if least >= most else f"{numbers.count(least)} to {numbers.count(most)}"


def add_relevance(page: Page, figures: Mapping[str, Any]) -> None:
    """For each reference, how near each source is to it, and the nearest documents."""
    found = figures.get("relevance")
    if not found:
        return
    lead = (
        "Overlap is 1 where word n-grams have the same shares and 0 where none is shared. The log ratio is how many"
        " bits likelier a source's n-grams are in the reference than in this corpus as a whole; coverage is the part of"
        " the reference's word pairs that a sample of the corpus has. Words are compared, not meanings."
    )
    section = page.section("Relevance", lead=lead)
    for name, each in sorted(found.items()):
        texts = "1 text" if each["documents"] == 1 else f"{numbers.count(each['documents'])} texts"
        section.table(
            ["source", "documents", "overlap", "log ratio, bits"],
            [
                [
                    source,
                    one["documents"],
                    numbers.measure(one["overlap"]),
                    numbers.signed(one["log_ratio_bits"], 2),
                ]
                for source, one in sorted(
                    each["by_source"].items(), key=lambda pair: -pair[1]["log_ratio_bits"]
                )
            ],
            caption=(
                f"{name}, {texts}: the corpus has overlap {numbers.measure(each['overlap'])} and covers"
                f" {numbers.percent(each['coverage'])} of its word pairs."
            ),
        )
        turns = [
            Turn(f"{one['source']}, {numbers.signed(one['log_ratio_bits'], 2)} bits", one["text"])
            for one in each["nearest"]
        ]
        if turns:
            section.sample(turns, title=f"nearest to {name}")
