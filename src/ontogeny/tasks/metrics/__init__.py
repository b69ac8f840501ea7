"""Metrics by name and kind of task: the one table.

A module beside this one lists its metrics in `METRICS` (and statistics of its own in `STATISTICS`) and is named in
`MODULES` below; nothing else is needed for task files to use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.tasks.metrics import (
    calibration,
    classes,
    code,
    ifeval,
    json_validity,
    likelihood,
    of_suites,
    overlap,
    refusals,
    statistic,
    texts,
    toxicity,
    written,
)
from ontogeny.tasks.metrics.kind import MetricKind, Statistic
from ontogeny.tasks.requests import OutputType

MODULES: tuple[ModuleType, ...] = (
    likelihood,
    written,
    calibration,
    classes,
    overlap,
    texts,
    toxicity,
    code,
    ifeval,
    json_validity,
    refusals,
    of_suites,
)

METRICS: Mapping[tuple[str, OutputType], MetricKind] = {
    (kind.name, output_type): kind
    for module in MODULES
    for kind in module.METRICS
    for output_type in kind.output_types
}
_BY_NAME: Mapping[str, MetricKind] = {kind.name: kind for module in MODULES for kind in module.METRICS}
STATISTICS: Mapping[str, Statistic] = {
    name: function
    for module in (statistic, *MODULES)
    for name, function in getattr(module, "STATISTICS", {}).items()
}
DEFAULTS: Mapping[OutputType, tuple[str, ...]] = {
    "multiple_choice": ("acc", "acc_norm"),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "generate_until": ("exact_match",),
}
"""What is measured where a task file names nothing; harness's registry has the same."""
NEUTRAL_METRICS = frozenset({"acc_mutual_info"})
"""Those that need the choices' log-probabilities without a context as well."""
TIMED_METRICS = frozenset({"seconds_per_answer", "tokens_per_second"})
"""Those for which answers are written one by one."""
AGGREGATIONS = {
    "ratio": ("mean", "nanmean"),
    "perplexity": ("weighted_perplexity",),
    "mcc": ("matthews_corrcoef",),
}
"""What harness calls our statistics, where the names differ."""


def kind_of_result(name: str) -> MetricKind | None:
    """The metric that gives results of that name; those of one name for several kinds of tasks have the same sense."""
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    return next((kind for kind in _BY_NAME.values() if kind.prefix and name.startswith(kind.prefix)), None)


def metric_kind(name: str, output_type: OutputType, *, where: str) -> MetricKind:
    """The metric of that name for tasks of this kind.

    Raises:
        RecipeError: there is none; says for which kinds there is, or the nearest name.
    """
    if (kind := METRICS.get((name, output_type))) is not None:
        return kind
    others = [other for known, other in METRICS if known == name]
    here = sorted(known for known, other in METRICS if other == output_type)
    what = (
        f"metric {name!r} is for {' and '.join(others)}"
        if others
        else f"unknown metric {name!r}.{nearest(name, here)}"
    )
    raise RecipeError(what, where=where, hint=f"metrics of {output_type}: {', '.join(here)}")
