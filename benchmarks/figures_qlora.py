"""Rows about a base in codes: memory for weights and in all, and the loss that comes of it."""

from __future__ import annotations

from benchmarks.figure_table import Result, Row, megabytes, reached, said

PLAIN, NAMES = "float32", {"int8": "int8", "nf4": "NF4"}
INPUT = "SmolLM2-135M, GSM8K"


def base_in_codes(result: Result) -> list[Row]:
    return [row for base, name in NAMES.items() for row in rows_of(result, base, name)]


def rows_of(result: Result, base: str, name: str) -> list[Row]:
    share, matrices = (result.at(base, f"{what}, share of float32's") for what in ("weights", "matrices"))
    above, peak = result.at(base, "loss after, above float32's"), result.at(base, "peak bytes")
    half = result.at("goals", "weight memory, share of float32's")
    close = result.at("goals", "loss above float32's")
    return [
        Row(
            f"memory for weights of LoRA, base in {name}",
            said(result.at(base, "bytes of weights"), megabytes),
            said(result.at(PLAIN, "bytes of weights"), lambda each: f"in float32 {megabytes(each)}"),
            said(share, lambda each: f"{each:.2f} of it; matrices of layers {matrices:.2f}"),
            INPUT,
            reached("at most half", share, lambda each: each <= half),
        ),
        Row(
            f"peak resident memory of tuning, base in {name}",
            said(peak, megabytes),
            said(result.at(PLAIN, "peak bytes"), lambda each: f"in float32 {megabytes(each)}"),
            input=INPUT,
        ),
        Row(
            f"held-out loss after tuning, base in {name}",
            said(result.at(base, "loss after"), lambda each: f"{each:.4f}"),
            said(result.at(PLAIN, "loss after"), lambda each: f"in float32 {each:.4f}"),
            said(above, lambda each: f"{each:+.2%}"),
            INPUT,
            reached("at most 1% above", above, lambda each: each <= close),
        ),
    ]
