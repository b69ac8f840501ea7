"""Rows about evaluation beside lm-evaluation-harness: the same numbers, sooner, in less memory."""

from __future__ import annotations

from benchmarks.figure_table import Result, Row, at_least, at_most, interval, megabytes, said, spread

US, PEER, NAME = "ontogeny", "lm_eval", "lm-evaluation-harness"
JOBS = {
    "zero-shot": ("multiple choice, 70 + 4 × 16 tokens, items a second", "30M weights"),
    "few-shot": ("multiple choice with examples of each item's own, 400 + 4 × 16 tokens", "30M weights"),
    "few-shot-fixed": ("multiple choice with the same examples for all, 400 + 4 × 16 tokens", "30M weights"),
    "rolling": ("whole texts, texts a second", "30M weights"),
}


def parity(result: Result) -> list[Row]:
    """How far metrics, log-probabilities and written texts are from harness's."""
    said_of = f"{result.at('tasks')} tasks, {result.at('models')} models"
    metric = result.at("largest difference of a metric")
    logprob = result.at("largest difference of a log-probability")
    texts = result.at("written texts that differ")
    return [
        Row(
            f"metrics that are {NAME}'s: the largest difference",
            said(metric, lambda each: f"{each:.1e}"),
            said(result.at("metrics"), lambda each: f"of {each} metrics"),
            input=said_of,
            goal=at_most(1e-4, metric),
        ),
        Row(
            "log-probabilities of requests: the largest difference, nats",
            said(logprob, lambda each: f"{each:.1e}"),
            said(result.at("requests"), lambda each: f"of {each:,} requests"),
            input=said_of,
            goal=at_most(1e-3, logprob),
        ),
        Row(
            "written texts that differ",
            said(texts, str),
            input=said_of,
            goal=at_most(0, texts),
        ),
    ]


def speed(result: Result) -> list[Row]:
    """Of each job that was measured, rates and peaks."""
    return [row for job in JOBS if result.at(job) for row in (_rate(result, job), _peak(result, job))]


def _rate(result: Result, job: str) -> Row:
    what, text = JOBS[job]
    figure = "speed relative to lm_eval"
    size = result.noted("contestants", job, PEER, "batch_size")
    batch = "" if size is None else f", batch size {size},"
    return Row(
        what,
        spread(result.at(job, US, "items_per_second"), ".2f"),
        f"{NAME}{batch} {spread(result.at(job, PEER, 'items_per_second'), '.2f')}",
        f"{interval(result.at(job, figure))} as fast",
        text,
        at_least(result.at(job, "goals", figure), result.at(job, figure, "median"), " times"),
    )


def _peak(result: Result, job: str) -> Row:
    figure = "memory relative to lm_eval"
    share = result.at(job, figure)
    return Row(
        "its peak memory",
        megabytes(result.at(job, US, "peak_bytes")),
        f"{NAME} {megabytes(result.at(job, PEER, 'peak_bytes'))}",
        said(share, lambda each: f"{each:.2f} of it"),
        JOBS[job][1],
        at_most(result.at(job, "goals", figure), share),
    )
