"""Rows about curation: rules, the way from raw files to shards, copies, evaluation items."""

from __future__ import annotations

from benchmarks.figure_table import (
    Result,
    Row,
    at_least,
    at_most,
    by,
    fewer,
    megabytes,
    precision_and_recall,
    reached,
    said,
    spread,
)
from benchmarks.measure import summary

THEIRS = "datatrove"
PEAK = "peak bytes, proportional"
"""A page that processes share counts once."""
EXTRACTORS = (", pages by resiliparse", ", pages by trafilatura,")
"""The default of each, of WARC to shards: so they work on other texts."""


def rules(result: Result) -> list[Row]:
    ratio = result.at("times fewer CPU seconds for a MB")
    ours, theirs = (said(result.noted("bytes", who), megabytes) for who in ("ours", THEIRS))
    texts = f"{ours}; {THEIRS} {theirs} of them"
    agree = [each["agree"] for each in (result.at("agreement") or {}).values() if "agree" in each]
    return [
        Row(
            "four published rule sets, MB a CPU second",
            said(result.at("ours: MB for a CPU second"), spread),
            said(result.at("datatrove: MB for a CPU second"), by(THEIRS, spread)),
            said(ratio, fewer),
            texts,
            at_least(50, ratio, " times"),
        ),
        Row(
            "their peak memory, over inputs that differ",
            said(result.at("ours: peak MB"), lambda each: f"{each:,.0f} MB"),
            said(result.at("datatrove: peak MB"), lambda each: f"{THEIRS} {each:,.0f} MB"),
            input=texts,
        ),
        Row(
            "documents on which a rule decides alike, for each at least",
            said(min(agree, default=None), lambda each: f"{each:.2%}"),
            THEIRS,
            input=said(
                result.at("agreement", "gopher_quality", "documents"), lambda each: f"{each:,} documents"
            ),
            goal=reached("at least 99.5%", min(agree, default=None), lambda each: each >= 0.995),
        ),
    ]


def end_to_end(result: Result) -> list[Row]:
    size = {
        name: said(result.at("input bytes", name), megabytes) for name in ("jsonl", "slice", "warc", "larger")
    }
    copies = result.noted("settings", "warc_copies")
    archives = said(size["warc"], lambda each: f"{each}: a few archives, {copies} copies of each")
    return [
        from_raw(result, "JSON lines to shards", 30, f"{size['jsonl']}; {THEIRS} {size['slice']} of them"),
        from_raw(result, "WARC to shards", 5, archives, EXTRACTORS),
        another_threshold(result, "another threshold", size["jsonl"]),
        another_threshold(result, "another threshold of the larger input", size["larger"]),
        peak(result, "JSON lines to shards, 1 worker", "ours slice, 1 worker", "peer jsonl", size["slice"]),
        peak(result, "JSON lines to shards, 2 workers", "ours slice, 2 workers", "peer jsonl", size["slice"]),
        peak(result, "WARC to shards", "ours warc", "peer warc", archives, EXTRACTORS),
    ]


def from_raw(
    result: Result, what: str, goal: float, size: str | None, parts: tuple[str, str] = ("", "")
) -> Row:
    """CPU seconds a megabyte; `parts` say what ours and theirs do otherwise."""
    ours, theirs = (result.at(f"CPU seconds a MB, {what}", who) for who in ("ours", THEIRS))
    times = result.at(f"times fewer, {what} (goal {goal:g})", "median")
    return Row(
        f"{what}{parts[0]}, CPU seconds a MB",
        said(ours, spread),
        said(theirs, by(THEIRS + parts[1], spread)),
        said(times, fewer),
        size,
        at_least(goal, times, " times"),
    )


def another_threshold(result: Result, what: str, size: str | None) -> Row:
    """CPU seconds to decide anew; the other one begins from the raw files again, for as much of them as was timed."""
    times = result.at(f"times fewer, {what} (goal 500)", "median")
    name = "ours larger another threshold" if "larger" in what else "ours another threshold"
    seconds = [run[name]["cpu_seconds"] for run in result.noted("runs") or () if name in run]
    return Row(
        f"{what}, CPU seconds",
        spread(summary(seconds)) if seconds else None,
        f"{THEIRS} from JSON lines to shards",
        said(times, lambda each: f"{fewer(each)} a MB"),
        size,
        at_least(500, times, " times"),
    )


def peak(
    result: Result, what: str, ours: str, theirs: str, size: str | None, parts: tuple[str, str] = ("", "")
) -> Row:
    """Peak memory over one input; `parts` say what ours and theirs do otherwise."""
    own, other = result.at(PEAK, ours), result.at(PEAK, theirs)
    share = own / other if own and other else None
    return Row(
        f"peak memory, {what}{parts[0]}",
        said(own, megabytes),
        said(other, by(THEIRS + parts[1], megabytes)),
        said(share, lambda each: f"{each:.2f} of it"),
        size,
        at_most(0.5, share),
    )


def copies(result: Result) -> list[Row]:
    ours = result.at("ontogeny")
    return [
        Row(
            "planted copies, precision and recall",
            said(ours, precision_and_recall),
            others(result, ("datasketch", "rensa")),
            input=said(result.at("documents"), lambda each: f"{each:,} documents"),
            goal=reached(
                "at least 0.99 and 0.95",
                ours,
                lambda each: each["precision"] >= 0.99 and each["recall"] >= 0.95,
            ),
        )
    ]


def speed_over_copies(result: Result) -> list[Row]:
    size = said(result.noted("settings", "megabytes"), lambda each: f"{each:.0f} MB")
    rows = []
    for what, who, unit, name, goals in (
        (
            "MinHash signatures, MB a CPU second",
            "ontogeny",
            "signatures MB/CPU s",
            "signatures",
            {THEIRS: 50, "rensa": 2},
        ),
        (
            "LSH, clusters and removal, words compared, CPU seconds",
            "ontogeny",
            "copies CPU s",
            "copies, ours with words compared",
            {THEIRS: 5},
        ),
        (
            "the same by bands alone, as others decide, CPU seconds",
            "ontogeny, by bands alone",
            "copies CPU s",
            "copies, ours by bands alone",
            {THEIRS: 5},
        ),
    ):
        for peer in (THEIRS, "rensa", "datasketch"):
            ratio = result.at(f"ours faster than {peer} by", name)
            row = Row(
                what,
                said(result.at(who, unit), spread),
                said(result.at(peer, unit), by(peer, spread)),
                said(ratio, fewer),
                size,
                at_least(goals[peer], ratio, " times") if peer in goals else None,
            )
            rows += [row] if ratio is not None else []
    return rows


def decontamination(result: Result) -> list[Row]:
    return [
        Row(
            "planted evaluation items, precision and recall",
            said(result.at("ontogeny"), precision_and_recall),
            others(result, ("any shared 13-gram (GPT-3)", "half of an item's 13-grams")),
            input=said(result.at("documents"), lambda each: f"{each:,} documents"),
        )
    ]


def others(result: Result, names: tuple[str, ...]) -> str:
    """Precision and recall of those that were measured."""
    known = {name: result.at(name) for name in names}
    return "; ".join(by(name, precision_and_recall)(found) for name, found in known.items() if found)
