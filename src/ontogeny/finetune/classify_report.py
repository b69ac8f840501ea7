"""The end of a classification step: everyone held against the test part, the page about it, and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.files import read_json
from ontogeny.finetune.baselines import LINEAR, MAJORITY, Linear
from ontogeny.finetune.calibration import probabilities_of
from ontogeny.finetune.class_examples import ClassExamples
from ontogeny.finetune.contestants import TUNED, hold_against, unjudged
from ontogeny.finetune.judged import Judged
from ontogeny.finetune.labelled import FIGURES_FILE
from ontogeny.finetune.report import write_classification_report
from ontogeny.finetune.report_figures import Findings
from ontogeny.finetune.scores import label_counts, scores_of_several
from ontogeny.model.head_kinds import HeadKind
from ontogeny.train.packing import PackingPlan
from ontogeny.train.report import read_metrics, write_training_report
from ontogeny.train.snapshot_folders import snapshots_in

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


def judged_part(examples: ClassExamples, part: str, probabilities: Floats | None = None) -> Judged:
    """A part whose texts have one label, with what was said of them, or before anything was."""
    plain = unjudged(examples.parts[part], examples.gold[part], examples.names)
    return plain if probabilities is None else replace(plain, probabilities=probabilities)


def report_one(
    folder: Path,
    examples: ClassExamples,
    said: Said,
    rivals: Rivals,
    *,
    data: Path,
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Write the page about a classifier of texts with one label, and its files, into `folder`; the metrics.

    Args:
        folder: has metrics.jsonl already.
        rivals: who else judges the test part.
        data: the folder of the examples.
        settings: the configuration, defaults included.
        seed: of bootstraps and folds.
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
        label_errors=errors,
        lines=read_metrics(folder),
        examples=read_json(figures) if figures.is_file() else {},
        settings=settings,
    )
    write_classification_report(folder, findings)
    tuned = everyone[TUNED]
    off = {"mean_absolute_error": float(np.abs(tuned.predicted - tuned.gold).mean())}
    return {
        "accuracy": tuned.scores.accuracy,
        "macro_f1": tuned.scores.macro_f1,
        "expected_calibration_error": tuned.scores.expected_calibration_error,
        **(off if said.kind == "ordinal" else {}),
        "majority_accuracy": everyone[MAJORITY].scores.accuracy,
        "baseline_accuracy": everyone[LINEAR].scores.accuracy if LINEAR in everyone else None,
        "base_accuracy": {name: each.scores.accuracy for name, each in rivals.base.items()},
        "probable_label_errors": len(errors),
    }


def report_several(
    folder: Path,
    examples: ClassExamples,
    said: Said,
    plan: PackingPlan,
    *,
    figures: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the page about the training of a classifier of texts with several labels; the metrics."""
    write_training_report(
        folder,
        title="Classifier",
        settings=settings,
        figures=figures,
        plan=plan,
        snapshots=snapshots_in(folder),
    )
    return scores_of_several(examples.gold["test"], said.probabilities("test"), train=examples.gold["train"])
