"""Rows about evaluation beside lm-evaluation-harness."""

from __future__ import annotations

from benchmarks.figure_table import Result
from benchmarks.figures_evaluation import JOBS, parity, speed

TIMES = {"n": 4, "median": 3.5, "quartiles": [3.4, 3.6], "min": 3.3, "max": 3.7}


def test_differences_stand_beside_their_bounds() -> None:
    figures = {
        "models": 2,
        "tasks": 10,
        "metrics": 40,
        "requests": 1_126,
        "largest difference of a metric": 3e-7,
        "largest difference of a log-probability": 2e-3,
        "written texts that differ": 0,
    }
    metric, logprob, texts = parity(Result({"figures": figures}))
    assert metric.ours == "3.0e-07" and str(metric.goal) == "at most 0.0001: met"
    assert logprob.against == "of 1,126 requests" and str(logprob.goal) == "at most 0.001: **missed**"
    assert str(texts.goal) == "at most 0: met" and texts.input == "10 tasks, 2 models"


def test_a_rate_and_a_peak_for_each_job() -> None:
    job = {
        "ontogeny": {"items_per_second": TIMES, "peak_bytes": 5e8},
        "lm_eval": {"items_per_second": TIMES, "peak_bytes": 1e9},
        "speed relative to lm_eval": {"n": 4, "median": 3.5, "ci95": [3.4, 3.6]},
        "memory relative to lm_eval": 0.5,
        "goals": {"speed relative to lm_eval": 3.0, "memory relative to lm_eval": 0.6},
    }
    told = {"zero-shot": {"lm_eval": {"batch_size": 4}}}
    rate, peak = speed(Result({"figures": {"zero-shot": job}, "contestants": told}))
    assert rate.ratio == "3.50 times (95%: 3.40 to 3.60; n = 4) as fast"
    assert rate.against is not None and "batch size 4" in rate.against
    assert str(rate.goal) == "at least 3 times: met" and str(peak.goal) == "at most 0.6: met"
    assert set(JOBS) == {"zero-shot", "few-shot", "few-shot-fixed", "rolling"}
