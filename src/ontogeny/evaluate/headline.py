"""What an evaluation found, in a sentence or two: the first thing on its page and the last in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ontogeny.evaluate.guessing import against_guessing
from ontogeny.evaluate.record import EvaluationRecord
from ontogeny.evaluate.scores import Comparison, Verdict
from ontogeny.evaluate.told import told
from ontogeny.evaluate.wording import interval, listed, tone_of
from ontogeny.report import numbers
from ontogeny.report.page import Tone


@dataclass(frozen=True)
class Headline:
    """The answer in words."""

    text: str
    tone: Tone


def headline(record: EvaluationRecord) -> Headline:
    """Against the baseline where there is one, else against guessing and xz; then gates, and the cap on items."""
    compared = [row for suite in record.suites if (row := record.primary_comparison(suite)) is not None]
    said = _compared(compared) if compared else _alone(record)
    text, tone = said.text, said.tone
    refused = [verdict.gate for verdict in record.verdicts if not verdict.passed]
    if refused:
        of = numbers.counted(len(record.verdicts), "gate")
        text, tone = f"{text} {len(refused)} of {of} refused: {listed(refused)}.", "bad"
    elif record.verdicts:
        text += f" {numbers.counted(len(record.verdicts), 'gate')} passed, none refused."
    if record.limit is not None:
        text += f" At most {numbers.counted(record.limit, 'item')} a task were asked."
    return Headline(text, tone)


def _compared(rows: Sequence[Comparison]) -> Headline:
    first = rows[0]
    if len(rows) == 1:
        return _single(first)
    names: dict[Verdict, list[str]] = {"better": [], "worse": [], "undecided": []}
    for row in rows:
        if row.verdict is not None:
            names[row.verdict].append(row.task)
    parts: list[str] = []
    for verdict, tasks in names.items():
        if tasks:
            of = "" if parts else f" of {len(rows)} tasks"
            which = "" if verdict == "undecided" else f" ({listed(tasks)})"
            parts.append(f"{verdict} on {len(tasks)}{of}{which}")
    better, worse = bool(names["better"]), bool(names["worse"])
    tone: Tone = "plain" if better == worse else "good" if better else "bad"
    return Headline(f"{first.model_a} against {first.model_b}: {', '.join(parts)}.", tone)


def _single(row: Comparison) -> Headline:
    bounds = f", 95% interval of the difference {interval(row.metric, row.ci95)}" if row.ci95 else ""
    n = f", n = {numbers.count(row.n)}"
    text = f"{row.model_a} against {row.model_b} on {row.task}, {row.metric}: {told(row)}{bounds}{n}."
    return Headline(text, tone_of(row))


def _alone(record: EvaluationRecord) -> Headline:
    measured = [
        (suite, found)
        for suite in record.suites
        if (found := record.primary_result(suite, record.model)) is not None
    ]
    if not measured and any(suite.judged for suite in record.suites):
        return Headline("No judge could read a pair of answers.", "plain")
    if not measured and record.results:
        return Headline("lm-evaluation-harness measured; nothing was compared.", "plain")
    if not measured:
        return Headline("Nothing was scored: there are samples to read.", "plain")
    verdicts = against_guessing(record)
    parts = [_guessed(verdicts)] if verdicts else []
    for suite, found in measured:
        if (xz := suite.figures.get("xz_bits_per_byte")) is not None:
            word = "fewer" if found.value < xz else "no fewer"
            parts.append(
                f"{suite.name}: {numbers.measure(found.value)} bits per byte, {word} than the"
                f" {numbers.measure(xz)} of xz -9e"
            )
    if not parts:
        parts = [f"{numbers.counted(len(measured), 'task')} measured, with nothing to compare with"]
    return Headline(f"{'; '.join(parts)}.", "plain")


def _guessed(verdicts: Mapping[str, Verdict]) -> str:
    above = [name for name, verdict in verdicts.items() if verdict == "better"]
    below = [name for name, verdict in verdicts.items() if verdict == "worse"]
    of = numbers.counted(len(verdicts), "task") + " with choices"
    worse = f", worse on {len(below)} ({listed(below)})" if below else ""
    if len(above) == len(verdicts):
        return f"Better than guessing on {'all ' if len(verdicts) > 1 else ''}{of}"
    if not above:
        return f"Not shown to be better than guessing on {'any of ' if len(verdicts) > 1 else ''}{of}{worse}"
    return f"Better than guessing on {len(above)} of {of} ({listed(above)}){worse}"
