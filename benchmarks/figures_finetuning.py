"""Rows about fine-tuning: what tuned models get right beside what is cheaper, and what they forgot."""

from __future__ import annotations

from typing import Any

from benchmarks.figure_table import Goal, Result, Row, at_most, reached, said
from ontogeny.finetune.baselines import LINEAR
from ontogeny.finetune.contestants import TUNED

MOST_BEHIND = 0.005  # that a spam filter may be behind the linear model
MOST_ERROR = 0.03  # of calibrated probabilities
MOST_FORGOTTEN = 0.02  # of general bits per byte
MOST_MINUTES = 30


def classifier(result: Result) -> list[Row]:
    """Beside the linear model, and beside the best way of asking the base."""
    name = _task(result)
    asked = [each for each in result.at("everyone") or {} if each.startswith("the base")]
    shots = [each for each in asked if "zero-shot" not in each] or asked
    best = max(shots, key=lambda each: result.at("everyone", each, "accuracy"), default=None)
    rivals = [each for each in (LINEAR, best) if each is not None]
    return [
        *(_beside(result, name, rival) for rival in rivals),
        Row(
            f"{name}: calibration error",
            said(result.at("everyone", TUNED), lambda each: f"{each['calibration_error']:.3f}"),
            said(result.at("calibration error before"), lambda each: f"without temperature {each:.3f}"),
            input=_learnt(result),
            goal=at_most(MOST_ERROR, result.at("everyone", TUNED, "calibration_error")),
        ),
        _minutes(result, name),
    ]


def assistant(result: Result) -> list[Row]:
    """Held-out answers, and general text, before and after."""
    name = _task(result)
    answers, general = result.at("held-out loss on answers"), result.at("general bits per byte")
    wanted = result.noted("settings", "goal")
    goal = None
    if answers is not None and wanted is not None:
        goal = reached(f"at least {wanted:.0%} below", answers["change"], lambda each: each <= -wanted)
    return [
        Row(
            f"{name}: held-out loss on answers, nats a token",
            said(answers, lambda each: f"{each['after']:.3f}"),
            said(answers, lambda each: f"the base {each['before']:.3f}"),
            said(answers, lambda each: f"{each['change']:+.1%}"),
            _learnt(result),
            goal,
        ),
        Row(
            f"{name}: general bits per byte",
            said(general, lambda each: f"{each['after']:.4f}"),
            said(general, lambda each: f"the base {each['before']:.4f}"),
            said(general, lambda each: f"{each['change']:+.2%}"),
            "pages of the web in English, held out; others of them are replayed",
            reached(
                "at most 2% worse",
                said(general, lambda each: each["change"]),
                lambda each: each <= MOST_FORGOTTEN,
            ),
        ),
        _minutes(result, name),
    ]


def _beside(result: Result, name: str, rival: str) -> Row:
    tuned, other = result.at("everyone", TUNED), result.at("everyone", rival)
    found = result.at("fine-tuned against", rival)
    return Row(
        f"{name}: told right",
        said(tuned, _accuracy),
        said(other, lambda each: f"{rival} {_accuracy(each)}, {each['examples']:,} texts"),
        said(found, _difference),
        _learnt(result),
        _goal(result, rival, found),
    )


def _goal(result: Result, rival: str, found: Any) -> Goal | None:
    if rival == LINEAR and result.noted("settings", "goal") == "not behind":
        return reached("at most 0.5 points below", found, lambda each: each["difference"] >= -MOST_BEHIND)
    return reached("significantly above", found, lambda each: each["verdict"] == "better")


def _accuracy(each: dict[str, Any]) -> str:
    low, high = each["interval"]
    return f"{each['accuracy']:.1%} ({low:.1%} to {high:.1%})"


def _difference(found: dict[str, Any]) -> str:
    p_value = found["p_value"]
    return (
        f"{100 * found['difference']:+.1f} points (p {'< 0.0001' if p_value < 1e-4 else f'= {p_value:.2g}'})"
    )


def _minutes(result: Result, name: str) -> Row:
    seconds, threads = result.at("seconds"), result.noted("settings", "threads")
    minutes = None if seconds is None else seconds / 60
    return Row(
        f"{name}: minutes, with all that is measured",
        said(minutes, lambda each: f"{each:.0f}"),
        input=said(threads, lambda each: "1 thread" if each == 1 else f"{each} threads"),
        goal=at_most(MOST_MINUTES, minutes),
    )


def _learnt(result: Result) -> str | None:
    return said(result.at("tokens"), lambda each: f"{each:,.0f} tokens learnt from")


def _task(result: Result) -> str:
    about: str = result.noted("settings", "about") or "fine-tuning"
    return about
