"""What scores come to: a result for every metric of every model, and verdicts on pairs of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ontogeny.core.seeds import derive_seed
from ontogeny.evaluate.scores import Comparison, Metric, Reported, Result, Scores, on_items, with_verdicts
from ontogeny.evaluate.seeds import Side, compared, measured
from ontogeny.evaluate.suites import WITHOUT_METRICS, MultipleChoiceSuite, Suite, TaskSuite
from ontogeny.evaluate.uncertainty import compare
from ontogeny.statistics.intervals import around

XZ_NAME = "xz -9e"
Forms = Mapping[str, str | None]


def counting_forms(suite: Suite, scores: Mapping[str, Scores], own: Iterable[str]) -> dict[str, str | None]:
    """The form that stands for each model: the first asked for those under evaluation, the better one for others."""
    counting: dict[str, str | None] = {}
    for name, found in scores.items():
        if not found.metrics:
            continue
        forms = found.forms()
        if name in own or not isinstance(suite, MultipleChoiceSuite):
            counting[name] = forms[0]
        else:
            counting[name] = max(forms, key=lambda form: found.metric(suite.primary, form).value)
    return counting


def results_of(
    suite: Suite, scores: Mapping[str, Scores], forms: Forms, sides: Iterable[Side]
) -> list[Result]:
    """Every metric of every model, the counting form first and under its own name; then of several trainings together;
    then what the data alone gives."""
    rows = []
    for model, found in scores.items():
        ordered = sorted(found.metrics, key=lambda metric: metric.form != forms[model])
        for metric in ordered:
            label = metric.name if metric.form == forms[model] else f"{metric.name}[{metric.form}]"
            rows += _with_slices(suite, model, [metric], found, label)
        for kind, metrics in found.variants.items():
            rows += [
                measured(f"{suite.name}/{kind}", model, [metric], label=metric.name) for metric in metrics
            ]
        rows += [_reported(suite, model, one) for one in found.reported]
    for side in sides:
        if len(side.members) > 1 and not isinstance(suite, WITHOUT_METRICS):
            for name in suite.metrics:
                together = side_metrics(scores, forms, side, name)
                rows += _with_slices(suite, side.name, together, scores[side.names[0]], name)
    for found in list(scores.values())[:1]:
        if "xz_bits_per_byte" in found.figures:
            items = found.metrics[0].items
            rows.append(
                Result(
                    task=suite.name, metric="xz_bits_per_byte", model=XZ_NAME, form=None,
                    value=found.figures["xz_bits_per_byte"], stderr=None, ci95=None, n=len(items),
                    groups=len(set(found.metrics[0].groups)),
                )
            )  # fmt: skip
    return rows


def _reported(suite: Suite, model: str, one: Reported) -> Result:
    bounds = None
    if one.stderr is not None and one.n > 1:
        bounds = around(one.value, one.stderr, degrees=one.n - 1)
    return Result(
        task=f"{suite.name}/{one.part}", metric=one.metric, model=model, form=one.form, value=one.value,
        stderr=one.stderr, ci95=bounds, n=one.n, groups=one.n,
    )  # fmt: skip


def _with_slices(
    suite: Suite, name: str, metrics: Sequence[Metric], scores: Scores, label: str
) -> list[Result]:
    rows = [measured(suite.name, name, metrics, label=label)]
    for part, items in scores.slices.items():
        cut = [on_items(metric, set(items)) for metric in metrics]
        if all(metric.items for metric in cut):  # a judge may have read none of them
            rows.append(measured(f"{suite.name}/{part}", name, cut, label=label))
    return rows


def side_metrics(scores: Mapping[str, Scores], forms: Forms, side: Side, name: str) -> list[Metric]:
    """One metric of each training of a side, in the form that counts."""
    return [scores[member].metric(name, forms[member]) for member in side.names]


def comparisons_of(
    suites: Iterable[Suite],
    scores: Mapping[str, Mapping[str, Scores]],
    forms: Mapping[str, Forms],
    a: Side,
    b: Side,
    seed: int,
) -> list[Comparison]:
    """Every metric of the suites that both sides were asked, with verdicts: all of one pair are judged together."""
    both = [suite for suite in suites if set(b.names) <= set(scores[suite.name])]
    found = [
        compared(
            suite.name, side_metrics(scores[suite.name], forms[suite.name], a, metric),
            side_metrics(scores[suite.name], forms[suite.name], b, metric), model_a=a.name, model_b=b.name,
            label=metric, seed=comparison_seed(seed, suite.name, metric),
        )
        for suite in both
        for metric in suite.metrics
        if all(scores[suite.name][name].has(metric) for name in b.names)
    ]  # fmt: skip
    primary = {(suite.name, suite.primary) for suite in both if not isinstance(suite, WITHOUT_METRICS)}
    return with_verdicts(found, primary)


def robustness_of(
    suites: Iterable[Suite], scores: Mapping[str, Mapping[str, Scores]], forms: Mapping[str, Forms], seed: int
) -> list[Comparison]:
    """Each model on the same items asked otherwise, less itself on the plain ones; a model's are judged together."""
    rows = []
    for model in dict.fromkeys(name for found in scores.values() for name in found):
        found, primary = [], set()
        for suite in suites:
            own = scores[suite.name].get(model)
            if own is None or not isinstance(suite, TaskSuite):  # others have no variants
                continue
            for kind, flawed in own.variants.items():
                task = f"{suite.name}/{kind}"
                primary.add((task, suite.own_primary))
                found += [
                    compare(
                        task, metric.model_copy(update={"form": f"{metric.form}, {kind}"}),
                        own.metric(metric.name, forms[suite.name][model]), model_a=model, model_b=model,
                        label=metric.name, seed=comparison_seed(seed, task, metric.name),
                    )
                    for metric in flawed
                ]  # fmt: skip
        rows += with_verdicts(found, primary)
    return rows


def comparison_seed(seed: int, suite: str, metric: str) -> int:
    """Of what is drawn to compare two models on a metric."""
    return derive_seed(seed, "compare", suite, metric)
