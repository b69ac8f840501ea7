"""Rows about tokenizers: encoding and training."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figure_table import (
    Goal,
    Result,
    Row,
    at_least,
    by,
    fewer,
    megabytes,
    reached,
    said,
    spread,
)

ENCODERS = ("tokenizers", "tiktoken", "rustbpe")
TRAINERS = ("rustbpe", "tokenizers")


def encoding(result: Result) -> list[Row]:
    goals = {"tokenizers": 20, result.at("faster of tiktoken and rustbpe"): 5}
    what, rows = "BPE encoding, MB a CPU second", []
    for peer in ENCODERS:
        ratio = result.at(f"cpu_seconds of {peer} to ours", "median")
        goal = at_least(goals[peer], ratio, " times") if peer in goals else None
        rows.append(beside(result, peer, what, "MB_per_cpu_second", goal))
    return [*rows, peaks(result, "BPE encoding, peak memory", ENCODERS, None)]


def training(result: Result) -> list[Row]:
    entries = said(result.noted("settings", "entries"), lambda each: f"{each:,}")
    what = f"BPE training to {entries} entries, CPU seconds"
    ratios = [result.at(f"{unit} of rustbpe to ours", "median") for unit in ("cpu_seconds", "seconds")]
    slower = None if None in ratios else Goal("no slower, by either clock", min(ratios) >= 1)
    theirs = result.at("rustbpe", "peak_bytes")
    leaner = reached(
        "no more than rustbpe", result.at("ontogeny", "peak_bytes"), lambda each: each <= (theirs or each)
    )
    return [
        beside(result, "rustbpe", what, "cpu_seconds", slower),
        beside(result, "tokenizers", what, "cpu_seconds", None),
        peaks(result, "BPE training, peak memory", TRAINERS, leaner),
    ]


def beside(result: Result, peer: str, what: str, unit: str, goal: Goal | None) -> Row:
    """A figure of ours and of `peer`; the ratio by processor seconds (ours is one thread) and on the clock."""
    processor, clock = (
        result.at(f"{each} of {peer} to ours", "median") for each in ("cpu_seconds", "seconds")
    )
    return Row(
        what,
        said(result.at("ontogeny", unit), spread),
        said(result.at(peer, unit), by(peer, spread)),
        said(processor, lambda each: f"{fewer(each)}, {fewer(clock, 'seconds')}"),
        said(result.noted("settings", "bytes"), megabytes),
        goal,
    )


def peaks(result: Result, what: str, peers: Sequence[str], goal: Goal | None) -> Row:
    """Peak memory of all."""
    known = {name: result.at(name, "peak_bytes") for name in peers}
    return Row(
        what,
        said(result.at("ontogeny", "peak_bytes"), megabytes),
        "; ".join(by(name, megabytes)(size) for name, size in known.items() if size),
        input=said(result.noted("settings", "bytes"), megabytes),
        goal=goal,
    )
