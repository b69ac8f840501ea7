"""What a metric is: what it makes of one answer, and how items come together.

Every metric is a statistic of a sum: `judge` gives each item a short row of numbers (its *summands*), rows are added up
over items, and the statistic of the sum is the value. An accuracy adds (right, 1) and divides; perplexity adds
(log-probability, words) and takes the exponential of the quotient; BLEU adds counts of n-grams; MCC a confusion matrix.
So standard errors, intervals and paired tests need to know nothing but rows and the statistic, whatever the metric.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.requests import Answer, Item, OutputType

RATIO = "ratio"  # the statistic of a mean over items: (top, bottom) added up, then divided

Summands: TypeAlias = tuple[float, ...]
Judgement: TypeAlias = Mapping[str, Summands]
"""Summands by the name of the result; mostly one, the metric's own name."""
Judge: TypeAlias = Callable[[Item, Answer, Mapping[str, Any]], Judgement]
Floats: TypeAlias = npt.NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]
"""Values (...) of sums (..., K): vectorised, so that resampling is cheap."""


@dataclass(frozen=True)
class MetricKind:
    """A metric that task files can name.

    `judge(item, answer, options)` gets the options that stand beside the metric in the task file; `options` has their
    names, with their types for the error message. `statistic` is a name in `statistic.STATISTICS`. `share`: the value
    lies between 0 and 1 and is shown in percent. `higher_is_better`: None where neither is, as of a length.
    """

    name: str
    output_types: frozenset[OutputType]
    judge: Judge
    statistic: str = RATIO
    higher_is_better: bool | None = True
    share: bool = True
    options: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    results: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    """Names of what `judge` gives for these options, where it is not the metric's own alone."""
    prefix: str | None = None
    """What all these names begin with."""
    check: Callable[[Mapping[str, Any], TaskDefinition, str], None] | None = None
    """Given options, task and where it names them: refuses what does not fit, or cannot be measured on this machine."""
    every_repeat: bool = False
    """Where the task has no filters, every repeat is an output, not the first alone."""
    unfit: Callable[[Item, Mapping[str, Any]], str | None] | None = None
    """Why an item cannot be judged: asked of every item before the model is."""
    needs: str | None = None
    """An option that is not in the task file: the suite gives it."""

    def names(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Of its results."""
        return (self.name,) if self.results is None else self.results(options)
