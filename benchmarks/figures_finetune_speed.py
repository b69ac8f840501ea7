"""Rows about the speed and the memory of fine-tuning beside that of TRL and transformers."""

from __future__ import annotations

from benchmarks.figure_table import Goal, Result, Row, at_least, at_most, interval, megabytes, said, spread

US = "ontogeny"
PEERS = {
    "trl": "TRL's SFTTrainer, packing",
    "trl_wrapped": "the same, conversations cut and seeing each other",
    "transformers_trainer": "transformers' Trainer",
    "transformers_trainer_grouped": "the same, grouping by length",
}
JOBS = {
    "instruct": ("LoRA on conversations, tokens a second", "tokens_per_second", "SmolLM2-135M, GSM8K"),
    "instruct-30m": ("LoRA on conversations, tokens a second", "tokens_per_second", "30M weights, GSM8K"),
    "classify": ("LoRA on labelled texts, texts a second", "examples_per_second", "SmolLM2-135M, SMS spam"),
}


def speed(result: Result) -> list[Row]:
    """Of each job that was measured, its rate beside every peer's, and its memory beside those with a goal."""
    return [row for job in JOBS if result.at(job) for row in (*_rates(result, job), *_peaks(result, job))]


def _rates(result: Result, job: str) -> list[Row]:
    what, rate, text = JOBS[job]
    return [
        Row(
            what,
            spread(result.at(job, US, rate), ",.1f"),
            f"{name} {spread(result.at(job, peer, rate), ',.1f')}",
            f"{interval(result.at(job, f'speed relative to {peer}'))} as fast",
            text,
            _times(result, job, peer),
        )
        for peer, name in PEERS.items()
        if result.at(job, peer)
    ]


def _times(result: Result, job: str, peer: str) -> Goal | None:
    figure = f"speed relative to {peer}"
    bound = result.at(job, "goals", figure)
    return None if bound is None else at_least(bound, result.at(job, figure, "median"), " times")


def _peaks(result: Result, job: str) -> list[Row]:
    return [
        Row(
            "its peak memory",
            megabytes(result.at(job, US, "peak_bytes")),
            f"{name} {megabytes(result.at(job, peer, 'peak_bytes'))}",
            said(result.at(job, figure), lambda each: f"{each:.2f} of it"),
            JOBS[job][2],
            None if bound is None else at_most(bound, result.at(job, figure)),
        )
        for peer, name in PEERS.items()
        if result.at(job, peer)
        for figure in [f"memory relative to {peer}"]
        for bound in [result.at(job, "goals", figure)]
    ]
