"""The end of a classification step: everyone held against the test part, the page about it, and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.files import read_json
from ontogeny.finetune.baselines import FREQUENT_SET, LINEAR, MAJORITY, Linear
from ontogeny.finetune.calibration import probabilities_of
from ontogeny.finetune.class_examples import ClassExamples
from ontogeny.finetune.contestants import TUNED, hold_against, unjudged
from ontogeny.finetune.growth import growth_figures
from ontogeny.finetune.judged import Judged, mean_places_off
from ontogeny.finetune.labelled import FIGURES_FILE
from ontogeny.finetune.report import write_classification_report
from ontogeny.finetune.report_figures import Findings, headline
from ontogeny.finetune.scores import label_counts
from ontogeny.model.head_kinds import HeadKind
from ontogeny.report.page import Page
from ontogeny.statistics.learning_curve import Growth
from ontogeny.train.metrics_log import read_metrics

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """Logits of the held-out and of the test part, and what calibration made of them."""

    logits: dict[str, Floats]
    kind: HeadKind
    temperature: float
    figures: dict[str, Any]

    def probabilities(self, part: str, temperature: float | None = None) -> Floats:
        """(N, K), calibrated unless another temperature is given."""
        return probabilities_of(self.logits[part], self.kind, temperature or self.temperature)


@dataclass(frozen=True)
class Rivals:
    """Who else judges the test part: a linear model, and the base as it was, by how it was asked."""

    linear: Linear | None = None
    base: Mapping[str, Judged] = field(default_factory=dict)


@dataclass(frozen=True)
class Guarded:
    """What the guards found.

    Attributes:
        steps: after how many the weights were taken.
        add_to: adds what was forgotten to the page.
        growth: what more data would give, where that was asked.
    """

    steps: int
    add_to: Callable[[Page], None]
    growth: Growth | None = None

    def figures(self) -> dict[str, Any]:
        """For the manifest."""
        return {} if self.growth is None else growth_figures(self.growth)


def judged_part(examples: ClassExamples, part: str, probabilities: Floats | None = None) -> Judged:
    """A part with what was said of its texts, or before anything was."""
    plain = unjudged(examples.parts[part], examples.gold[part], examples.names)
    return plain if probabilities is None else replace(plain, probabilities=probabilities)


def report_classifier(
    folder: Path,
    examples: ClassExamples,
    said: Said,
    rivals: Rivals,
    guarded: Guarded,
    *,
    data: Path,
    settings: Mapping[str, Any],
    seed: int,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Write the page about a classifier, and its files, into `folder`; the metrics.

    Args:
        folder: has metrics.jsonl already.
        rivals: who else judges the test part.
        guarded: what the guards found.
        data: the folder of the examples.
        settings: the configuration, defaults included.
        seed: of bootstraps and folds.
        note: told whether it was worth it.
    """
    judged = {part: judged_part(examples, part, said.probabilities(part)) for part in said.logits}
    judged["train"] = judged_part(examples, "train")
    everyone, errors = hold_against(judged, rivals.linear, rivals.base, seed=seed)
    figures = data / FIGURES_FILE
    findings = Findings(
        title=f"Classifier of {len(examples.names)} labels",
        test=everyone,
        temperature=said.temperature,
        uncalibrated=judged_part(examples, "test", said.probabilities("test", 1.0)),
        label_counts=label_counts(examples.parts, examples.names),
        lengths={part: [len(ids) for ids in rows] for part, rows in examples.rows.items()},
        seq_len=examples.reader.seq_len,
        cut=examples.cut,
        seed=seed,
        ordinal=said.kind == "ordinal",
        label_errors=errors,
        lines=read_metrics(folder),
        steps=guarded.steps,
        growth=guarded.growth,
        more=guarded.add_to,
        examples=read_json(figures) if figures.is_file() else {},
        settings=settings,
    )
    write_classification_report(folder, findings)
    note(headline(findings).text)
    return {
        **_scores(everyone, said.kind),
        "base_accuracy": {name: each.scores.accuracy for name, each in rivals.base.items()},
        "probable_label_errors": len(errors),
        **guarded.figures(),
    }


def _scores(everyone: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Metrics of the tuned model, and of those that need none."""
    tuned, linear = everyone[TUNED], everyone.get(LINEAR)
    simplest = everyone[FREQUENT_SET if kind == "multi-label" else MAJORITY]
    scores = {
        "accuracy": tuned.scores.accuracy,
        "macro_f1": tuned.scores.macro_f1,
        "expected_calibration_error": tuned.scores.expected_calibration_error,
        "majority_accuracy": simplest.scores.accuracy,
        "baseline_accuracy": None if linear is None else linear.scores.accuracy,
    }
    if kind == "multi-label":
        scores["micro_f1"] = tuned.scores.micro_f1
    elif kind == "ordinal":
        scores["mean_absolute_error"] = mean_places_off(tuned)
        scores["baseline_mean_absolute_error"] = None if linear is None else mean_places_off(linear)
    return scores
