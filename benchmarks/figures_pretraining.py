"""Rows about pretraining: the time to a loss, tokens a second, memory, checkpoints."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.figure_table import (
    Goal,
    Result,
    Row,
    at_least,
    at_most,
    interval,
    mean,
    megabytes,
    reached,
    said,
    spread,
)

PEERS = {
    "plain_gpt": "a plain GPT loop",
    "plain_gpt_compiled": "a plain GPT loop, compiled",
    "transformers_llama": "transformers' Llama",
    "litgpt": "litgpt",
    "litgpt_compiled": "litgpt, compiled",
}
RACES = ("3m", "10m")
SHARES = ("0.50", "0.33")
"""Of the baseline's time that our runs were planned for."""


def race(result: Result) -> list[Row]:
    return [row for size in RACES for share in SHARES for row in planned_race(result, size, share)]


def planned_race(result: Result, size: str, share: str) -> list[Row]:
    """Our runs of a size and a length; nothing while they, or the baseline's, are not done."""
    ours, base = f"{size}: ours planned for {share} of the time", f"{size}: baseline"
    times = result.at(f"{ours}, share of the time to the baseline's loss")
    if not times or result.at(f"{base}, seconds") is None:
        return []
    text = f"books; {size.upper()} weights"
    ended = f"{result.at(f'{base}, seconds'):,.0f} s, {mean(result.at(f'{base}, bits per byte'))} bits a byte"
    goal = result.at("goals", "share of the baseline's time")
    return [
        Row(
            f"time to the baseline's loss, of a run of {result.at(f'{ours}, taken'):.2f} of its time",
            ", ".join("never" if each is None else f"{each:.2f}" for each in times),
            f"a tuned GPT-2 with AdamW: {ended}",
            f"of its time; ends at {mean(result.at(f'{ours}, bits per byte'))}",
            text,
            reached(f"at most {goal:g}", goal, lambda bound: in_time(times, bound)),
        ),
        Row(
            "bits a byte of WikiText-2, out of domain",
            said(result.at(f"{ours}, WikiText"), mean),
            said(result.at(f"{base}, WikiText"), mean),
            input=text,
        ),
    ]


def in_time(times: Sequence[float | None], bound: float) -> bool:
    """Whether all runs arrived, on average within `bound`."""
    arrived = [each for each in times if each is not None]
    return len(arrived) == len(times) and statistics.mean(arrived) <= bound


def throughput(result: Result) -> list[Row]:
    """Of results with five peers; older ones held two of them against a square product."""
    if result.at("fastest peer") is None:
        return []
    entries, weights = result.noted("settings", "job", "vocab_size"), result.at("ontogeny", "parameters")
    size = f"{weights / 1e6:.0f}M weights, vocabulary {entries:,}"
    if result.noted("settings", "dtype") == "bfloat16":
        size += ", products in bfloat16"
    return [
        *(tokens_a_second(result, peer, size) for peer in PEERS if result.at(peer)),
        share_of_products(result, size),
        peak(result, size),
    ]


def tokens_a_second(result: Result, peer: str, size: str) -> Row:
    """Ours and a peer's, and the ratio within rounds."""
    ratio = result.at(f"speed relative to {peer}")
    beyond_doubt = Goal("faster than the fastest, beyond doubt", ratio["ci95"][0] > 1)
    return Row(
        "training on a CPU, tokens a second",
        spread(result.at("ontogeny", "tokens_per_second"), ",.0f"),
        f"{PEERS[peer]} {spread(result.at(peer, 'tokens_per_second'), ',.0f')}",
        f"{interval(ratio)} as fast",
        size,
        beyond_doubt if peer == result.at("fastest peer") else None,
    )


def share_of_products(result: Result, size: str) -> Row:
    """The rate of training beside that of its matrix products alone."""
    share, peer = result.at("ontogeny", "share_of_sgemm"), result.at("fastest peer")
    return Row(
        "its rate of operations over that of its matrix products alone",
        spread(share, ".2f"),
        f"{PEERS[peer]} {spread(result.at(peer, 'share_of_sgemm'), '.2f')}",
        input=size,
        goal=at_least(result.at("goals", "share_of_sgemm"), share["median"]),
    )


def peak(result: Result, size: str) -> Row:
    """Memory beside the leanest peer's."""
    peer, share = result.at("leanest peer"), result.at("memory relative to the leanest peer")
    return Row(
        "its peak memory",
        megabytes(result.at("ontogeny", "peak_bytes")),
        f"{PEERS[peer]}, the leanest: {megabytes(result.at(peer, 'peak_bytes'))}",
        f"{share:.2f} of it",
        size,
        at_most(result.at("goals", "memory relative to the leanest peer"), share),
    )


def checkpoints(result: Result) -> list[Row]:
    share, ready = result.at("share of training"), result.at("seconds until a killed run is ready")
    most, longest = (result.at("goals", name) for name in ("share of training", "seconds until ready"))
    apart, size = result.at("seconds from one to the next"), result.noted("settings", "size")
    written = said(result.at("bytes of a checkpoint"), megabytes)
    text = f"{str(size).upper()} weights, {written} a checkpoint"
    return [
        Row(
            f"a checkpoint every {said(apart, lambda each: f'{each:.0f}')} s, as by default: of the time of training",
            said(share, lambda each: f"{each:.2%}"),
            input=text,
            goal=reached(f"below {most or 0:.0%}", share, lambda each: each < most),
        ),
        Row(
            "seconds until a killed run trains again",
            said(ready, lambda each: spread(each, ".1f")),
            input=text,
            goal=reached(f"below {longest or 0:g} s", ready, lambda each: each["median"] < longest),
        ),
    ]
