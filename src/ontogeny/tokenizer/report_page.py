"""The page about a `tokens` artifact, drawn from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.report import numbers
from ontogeny.report.figures import Bar, Mark, Series, bar_chart, line_chart
from ontogeny.report.page import Page, Section

TOP = 15
VISIBLE = str.maketrans({" ": "\N{OPEN BOX}", "\n": "\N{RETURN SYMBOL}", "\t": "\N{RIGHTWARDS ARROW TO BAR}"})


def write_page(path: Path, figures: Mapping[str, Any], *, title: str) -> None:
    """Write the page of `figures` to `path`."""
    page = Page(title, subtitle="what the tokenizer made of the corpus, and how its documents fit into rows")
    whole, vocabulary, held_out = figures["all"], figures["vocabulary"], figures["held_out"]
    ends = f"and {numbers.count(whole['documents'])} that end documents"
    page.key_figure("tokens", numbers.compact(whole["tokens"]), note=ends)
    page.key_figure("bytes a token", numbers.measure(whole["bytes_per_token"], 2), note=_of_text(whole))
    seen = numbers.percent(_share(vocabulary["seen"], vocabulary["size"]))
    page.key_figure("vocabulary seen", seen, note=f"of {numbers.count(vocabulary['size'])} entries")
    page.key_figure(
        "held out",
        numbers.compact(held_out["tokens"]),
        note=f"tokens of {numbers.count(held_out['documents'])} documents, never trained on",
    )
    _add_fertility(page, figures)
    _add_vocabulary(page, vocabulary)
    _add_lengths(page, figures)
    _add_packing(page, figures["packing"])
    page.write(path)


def _add_fertility(page: Page, figures: Mapping[str, Any]) -> None:
    lead = (
        "How much text a token holds. Few bytes a token mean that the tokenizer was not learnt from such text: the"
        " model reads it slower and a context holds less of it. Scripts differ in bytes a character, so a language is"
        " compared with itself under another tokenizer."
    )
    section = page.section("Bytes per token", lead=lead)
    whole = figures["all"]["bytes_per_token"]
    marks = [Mark("all", whole)] if whole else []
    for label, caption in (("language", "By language."), ("source", "By source.")):
        groups = sorted(figures[label].items(), key=lambda one: (-one[1]["bytes"], one[0]))
        measured = [(name, each) for name, each in groups if each["bytes_per_token"] is not None]
        bars = [Bar(name, each["bytes_per_token"]) for name, each in measured[:TOP]]
        if len(measured) > TOP:
            caption = f"{caption} The {TOP} with the most text; the table has all {len(measured)}."
        section.figure(bar_chart(bars, x_label="bytes per token", marks=marks), caption=caption)
        _add_group_table(section, label, groups, figures["all"]["tokens"])


def _add_group_table(
    section: Section, label: str, groups: Sequence[tuple[str, Mapping[str, Any]]], tokens: int
) -> None:
    section.table(
        [label, "documents", "text", "tokens", "share", "bytes per token", "parts of characters", "unknown"],
        [
            [
                name,
                each["documents"],
                numbers.size(each["bytes"]),
                each["tokens"],
                numbers.percent(_share(each["tokens"], tokens)),
                numbers.measure(each["bytes_per_token"], 2),
                numbers.percent(_share(each["partial"], each["tokens"]), 2),
                numbers.percent(_share(each["unknown"], each["tokens"]), 2),
            ]
            for name, each in groups
        ],
    )


def _add_vocabulary(page: Page, vocabulary: Mapping[str, Any]) -> None:
    size, seen = vocabulary["size"], vocabulary["seen"]
    lead = (
        "Entries that are never seen are never learnt. Tokens that hold only a part of a character, and unknown ones,"
        " stand where the text has characters that the tokenizer did not learn."
    )
    section = page.section("Vocabulary", lead=lead)
    unknown = vocabulary["unknown"]
    rows: list[list[str | int | None]] = [
        ["entries", size, None],
        ["seen", seen, numbers.percent(_share(seen, size))],
        ["seen once", vocabulary["once"], numbers.percent(_share(vocabulary["once"], size))],
        ["never seen", size - seen, numbers.percent(_share(size - seen, size))],
        ["tokens that hold a part of a character", vocabulary["partial"],
         numbers.percent(vocabulary["partial_share"], 2)],
    ]  # fmt: skip
    if unknown is not None:
        rows.append(["unknown tokens", unknown, numbers.percent(vocabulary["unknown_share"], 2)])
    section.table(
        ["", "number", "share"], rows, caption="Shares are of all entries, and of all tokens for the rest."
    )
    coverage = vocabulary["coverage"]
    section.figure(
        line_chart(
            [Series("covered", [each["entries"] for each in coverage], [100 * each["share"] for each in coverage])],
            x_label="entries, the most frequent first",
            y_label="share of tokens (%)",
            log_x=True,
        ),
        caption="How many entries make up how much of the text.",
    )  # fmt: skip
    bars = [Bar(_visible(each["token"]), each["share"]) for each in vocabulary["most_frequent"]]
    section.figure(
        bar_chart(bars, x_label="share of tokens", percent=True),
        caption="The most frequent entries; \N{OPEN BOX} is a space, \N{RETURN SYMBOL} the end of a line.",
    )


def _add_lengths(page: Page, figures: Mapping[str, Any]) -> None:
    section = page.section("Lengths of documents", lead="In tokens, with the one that ends each.")
    lengths, documents = figures["lengths"], figures["all"]["documents"]
    bars = [
        Bar(
            f"{numbers.count(key // 2 + 1)} to {numbers.count(key)}" if key > 2 else str(key),
            count / documents,
        )
        for key, count in sorted((int(key), count) for key, count in lengths["classes"].items())
    ]
    section.figure(
        bar_chart(bars, x_label="share of documents", percent=True), caption="Documents by tokens."
    )
    names = ("p10", "median", "p90", "p99", "longest")
    groups = sorted(lengths["source"].items())
    section.table(
        ["source", "10%", "median", "90%", "99%", "longest"],
        [[name, *(each[key] for key in names)] for name, each in [*groups, ("all", lengths["all"])] if each],
        caption="Lengths that such a part of the documents does not exceed.",
    )


def _add_packing(page: Page, packing: Sequence[Mapping[str, Any]]) -> None:
    lead = (
        "What the packing of pretraining would do with the training documents. Rows are filled without padding"
        " either way, so that only the last may be short; best fit chooses the order of documents so that they end"
        " where rows end. A document longer than a row is always cut."
    )
    section = page.section("Packing into rows", lead=lead)
    if not packing:
        section.prose("The training documents do not fill a single row of the lengths that are tried here.")
        return
    section.figure(
        line_chart(
            [
                Series(label, [each["seq_len"] for each in packing],
                       [100 * (_share(each[key], each["fitting"]) or 0) for each in packing], "points")
                for label, key in (("end to end", "cut_end_to_end"), ("best fit", "cut_best_fit"))
            ],
            x_label="tokens of a row",
            y_label="cut though they fit (%)",
        ),
        caption="Documents that would fit in a row and lie in two.",
    )  # fmt: skip
    section.table(
        ["row, tokens", "rows", "longer than a row", "cut: end to end", "cut: best fit", "padding", "padding apart"],
        [
            [
                each["seq_len"],
                each["rows"],
                numbers.percent(_share(each["longer"], each["longer"] + each["fitting"])),
                numbers.percent(_share(each["cut_end_to_end"], each["fitting"]), 2),
                numbers.percent(_share(each["cut_best_fit"], each["fitting"]), 2),
                numbers.percent(each["padding"], 2),
                numbers.percent(each["padding_apart"]),
            ]
            for each in packing
        ],
        caption=(
            "Documents longer than a row, of all; documents cut, of those that fit; places that stay empty, in the last"
            " row, and where every document had rows of its own."
        ),
    )  # fmt: skip


def _of_text(whole: Mapping[str, Any]) -> str:
    return f"of {numbers.size(whole['bytes'])} of text"


def _visible(token: str) -> str:
    """A token with its spaces and line ends shown."""
    return token.translate(VISIBLE) or "(empty)"


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
