"""Rows about a whole life: the demo, the command line, runs that are killed, files that are damaged."""

from __future__ import annotations

from benchmarks.figure_table import Result, Row, at_most, interval, megabytes, reached, said, spread


def demo(result: Result) -> list[Row]:
    seconds, peak = result.at("seconds"), result.at("peak_bytes")
    again = result.at("second run, seconds")
    overhead = result.at("overhead of manifests and ledger, share")
    text = "the documentation of Python"
    return [
        Row(
            "the demo, from nothing",
            said(seconds, lambda each: f"{each / 60:.1f} min"),
            input=text,
            goal=reached("at most 10 min", seconds, lambda each: each <= 600),
        ),
        Row(
            "its peak memory",
            said(peak, megabytes),
            input=text,
            goal=reached("at most 4,000 MB", peak, lambda each: each <= 4e9),
        ),
        Row(
            "the demo again, every step reused",
            said(again, lambda each: f"{each:.1f} s"),
            input=text,
            goal=at_most(5, again, " s"),
        ),
        Row(
            "manifests and ledger, of the time of its steps",
            said(overhead, lambda each: f"{each:.2%}"),
            input=text,
            goal=reached("at most 1%", overhead, lambda each: each <= 0.01),
        ),
    ]


def start_up(result: Result) -> list[Row]:
    return [
        Row(
            "`ontogeny --help`, seconds",
            said(result.at("ontogeny --help, seconds"), lambda each: spread(each, ".2f")),
            said(result.at("import typer, seconds"), lambda each: f"`import typer` {spread(each, '.2f')}"),
            said(result.at("ratio"), lambda each: f"{interval(each)} as long"),
            goal=at_most(3, result.at("ratio", "median"), " times"),
        )
    ]


def overhead(result: Result) -> list[Row]:
    share = said(result.at("share of all steps"), lambda each: spread(each, ".1%"))
    return [Row("manifests and ledger, of the time of short steps", share, input="the smoke recipe")]


def kills(result: Result) -> list[Row]:
    lives, same = result.at("lives"), result.at("lives with the same weights")
    return [
        Row(
            "runs killed at random that end with the same weights",
            said(same, lambda each: f"{each} of {lives}"),
            input=f"{result.at('kills')} kills",
            goal=reached("all", same, lambda each: each == lives),
        )
    ]


def damaged_files(result: Result) -> list[Row]:
    crashes = result.at("crashes")
    return [
        Row(
            "crashes of the reader over mutated GGUF files",
            said(crashes, str),
            input=said(result.at("files"), lambda each: f"{each:,} files"),
            goal=reached("none", crashes, lambda each: each == 0),
        )
    ]
