"""The charts of an evaluation's page: what was recorded, as rows of dots, points and bins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ontogeny.core.seeds import numpy_generator
from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.scores import Comparison, ItemRow, Result, lower_is_better
from ontogeny.evaluate.wording import is_share, tone_of
from ontogeny.report.bars import Bar, Mark, bar_chart
from ontogeny.report.canvas import Svg
from ontogeny.report.dots import Dot, DotRow, dot_chart
from ontogeny.report.figures import Series, line_chart
from ontogeny.report.page import Tone
from ontogeny.report.reliability import ReliabilityBin, reliability_chart
from ontogeny.report.scatter import Point, Tally, scatter_chart
from ontogeny.statistics.calibration import BINS, Bin, reliability
from ontogeny.tasks.metrics.likelihood import probabilities

MOST_POINTS = 1500  # of a scatter: a page of ten tasks stays below a few megabytes
LEAST_CALIBRATED = 100
"""Items below which a calibration curve shows noise: two a bin would be no frequency."""


def tasks_chart(record: EvaluationRecord, models: Mapping[str, str]) -> Svg:
    """The primary metric of every suite that is a share, a dot for each model."""
    rows = []
    for suite in record.suites:
        results = [record.primary_result(suite, model) for model in models]
        if suite.primary is not None and is_share(suite.primary) and any(results):
            rows.append(DotRow(suite.name, [_dot(each) for each in results], suite.chance))
    return dot_chart(
        rows, x_label="primary metric of each task", series=list(models.values()), mark_label="chance",
        percent=True,
    )  # fmt: skip


def differences_chart(comparisons: Sequence[Comparison]) -> Svg:
    """By how much the model is better (to the right) on every suite whose primary metric is a share."""
    rows = []
    for row in comparisons:
        if is_share(row.metric):
            low, high = row.ci95 or (None, None)
            if low is not None and high is not None and lower_is_better(row.metric):
                low, high = -high, -low
            dot = Dot(row.improvement, low, high, tone_of(row))
            rows.append(DotRow(row.task, [dot]))
    return dot_chart(rows, x_label="better by", zero_label="no difference", percent=True)


def metrics_chart(results: Sequence[Result], suite: SuiteRecord, models: Mapping[str, str]) -> Svg | None:
    """All metrics of a suite that are shares, a dot for each model; None where none is."""
    rows = []
    for metric in dict.fromkeys(row.metric for row in results if is_share(row.metric)):
        found = {row.model: row for row in results if row.metric == metric}
        rows.append(DotRow(metric, [_dot(found.get(model)) for model in models], suite.chance_of(metric)))
    return _chart_of(rows, f"{suite.name}: all that was measured", models) if rows else None


def parts_chart(parts: Sequence[Result], suite: SuiteRecord, models: Mapping[str, str]) -> Svg | None:
    """The primary metric of each part of the items, where it is a share."""
    if not is_share(str(suite.primary)):
        return None
    rows = []
    for part in dict.fromkeys(row.task for row in parts):
        found = {row.model: row for row in parts if row.task == part}
        name = part.removeprefix(f"{suite.name}/")
        chance = suite.chance_of(str(suite.primary), name)
        rows.append(DotRow(name, [_dot(found.get(model)) for model in models], chance))
    return _chart_of(rows, f"{suite.name}: {suite.primary} of its parts", models) if rows else None


def _chart_of(rows: Sequence[DotRow], label: str, models: Mapping[str, str]) -> Svg:
    return dot_chart(rows, x_label=label, series=list(models.values()), mark_label="chance", percent=True)


def _dot(result: Result | None) -> Dot | None:
    if result is None:
        return None
    return Dot(result.value, *(result.ci95 or (None, None)))


def bars(results: Sequence[Result], suite: SuiteRecord) -> Svg:
    """The primary metric of every model in every form, beside what the data alone gives."""
    chosen = [row for row in results if row.metric.split("[")[0] in (suite.primary, "xz_bits_per_byte")]
    drawn = [
        Bar(
            f"{row.model} · {row.form}" if row.form else row.model,
            row.value,
            low=row.ci95[0] if row.ci95 else None,
            high=row.ci95[1] if row.ci95 else None,
            faint="[" in row.metric or row.metric == "xz_bits_per_byte",
        )
        for row in chosen
    ]
    marks = [Mark("chance", suite.chance)] if suite.chance is not None else []
    label = {"bits-per-byte": "bits per byte", "multiple-choice": f"{suite.primary}, accuracy"}
    return bar_chart(
        drawn, x_label=label.get(suite.type, str(suite.primary)), marks=marks, percent=is_share(str(suite.primary))
    )  # fmt: skip


def curve(record: EvaluationRecord, suite: SuiteRecord) -> Svg:
    """The primary metric over the snapshots of the model's training."""
    points = [point for point in record.curves if point.task == suite.name]
    steps, values = [point.step for point in points], [point.value for point in points]
    return line_chart(
        [Series(record.model, steps, values, "points")],
        x_label="step of training",
        y_label=points[0].metric.replace("_", " "),
        marks=[Mark("chance", suite.chance)] if suite.chance is not None else [],
    )


def choice_probabilities(row: ItemRow) -> list[float] | None:
    """Of the choices, as shares of one; None where nothing was to be chosen."""
    if row.choices is None or row.logprobs is None or not all(map(math.isfinite, row.logprobs)):
        return None
    return probabilities(row.logprobs)


def right_probability(row: ItemRow) -> float | None:
    """What the model gives the right choice, as a share of what it gives them all."""
    shares = choice_probabilities(row)
    return shares[row.gold] if shares is not None and row.gold is not None else None


def calibration_bins(rows: Iterable[ItemRow]) -> tuple[Bin, ...]:
    """How sure the model was of its choice, against how often that was right; empty for fewer items than tell."""
    sure, right = [], []
    for row in rows:
        shares = choice_probabilities(row)
        if shares is not None and row.chosen is not None and row.correct is not None:
            sure.append(shares[row.chosen])
            right.append(row.correct)
    return reliability(np.array(sure), np.array(right)) if len(sure) >= LEAST_CALIBRATED else ()


def calibration_chart(bins: Sequence[Bin]) -> Svg:
    """The reliability diagram."""
    drawn = [ReliabilityBin(each.count, each.probability, each.wanted) for each in bins]
    return reliability_chart(drawn, of=BINS, labels=("right", "wrong"))


def choices_scatter(pairs: Sequence[tuple[ItemRow, ItemRow]], names: tuple[str, str], *, seed: int) -> Svg:
    """Of each question, what both models give the right choice; and how many each got right."""

    def tone(first: ItemRow, second: ItemRow) -> Tone:
        return "plain" if first.correct == second.correct else "good" if first.correct else "bad"

    kinds = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for first, second in pairs:
        kinds[bool(first.correct), bool(second.correct)] += 1
    tallies = [
        Tally("both right", kinds[True, True]),
        Tally(f"only {names[0]}", kinds[True, False], "good"),
        Tally(f"only {names[1]}", kinds[False, True], "bad"),
        Tally("neither", kinds[False, False]),
    ]
    points = _points(pairs, right_probability, tone, seed=seed)
    upwards, across = (f"probability of the right choice, {name}" for name in names)
    return scatter_chart(points, tallies, first=upwards, second=across, bounds=(0.0, 1.0))


def bits_scatter(pairs: Sequence[tuple[ItemRow, ItemRow]], names: tuple[str, str], *, seed: int) -> Svg:
    """Of each document, what both models need for a byte; and for how many each needs less."""

    def tone(first: ItemRow, second: ItemRow) -> Tone:
        gained = bits_per_byte(second) - bits_per_byte(first)
        return "plain" if gained == 0 else "good" if gained > 0 else "bad"

    tones = [tone(first, second) for first, second in pairs]
    tallies = [
        Tally(f"fewer by {names[0]}", tones.count("good"), "good"),
        Tally(f"fewer by {names[1]}", tones.count("bad"), "bad"),
    ]
    points = _points(pairs, bits_per_byte, tone, seed=seed)
    first, second = (f"bits per byte, {name}" for name in names)
    return scatter_chart(points, tallies, first=first, second=second)


def bits_per_byte(row: ItemRow) -> float:
    """Of a document."""
    return (row.bits or 0.0) / (row.bytes or 1)


def _points(
    pairs: Sequence[tuple[ItemRow, ItemRow]],
    place: Callable[[ItemRow], float | None],
    tone: Callable[[ItemRow, ItemRow], Tone],
    *,
    seed: int,
) -> list[Point]:
    """At most `MOST_POINTS`, drawn by seed."""
    drawn: Sequence[int] = range(len(pairs))
    if len(pairs) > MOST_POINTS:
        drawn = (
            numpy_generator(seed, "scattered items").choice(len(pairs), MOST_POINTS, replace=False).tolist()
        )
    points = []
    for at in drawn:
        first, second = pairs[at]
        up, across = place(first), place(second)
        if up is not None and across is not None:
            points.append(Point(up, across, tone(first, second)))
    return points
