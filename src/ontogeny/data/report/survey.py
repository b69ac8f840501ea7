"""Everything about a finished corpus that takes reading it again: curves of bounds, diversity, relevance, copies.

    survey(payload, figures, rules, references)  ->  what is added to `figures.json`

Columns pass a batch at a time, texts as a sample of bounded size; nothing grows with the number of documents but the
counts of distinct hosts and kept copies, which Arrow holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.data.diversity import diversity_figures, sample_texts
from ontogeny.data.relevance import relevance_figures
from ontogeny.data.report.copies import cluster_figures, domain_figures
from ontogeny.data.report.curves import Curves, reasons_of
from ontogeny.data.report.personal import personal_figures
from ontogeny.data.report.scan import batch_of, joined, sampling_stride, signal_columns, stretches
from ontogeny.data.rules import Rule


def survey(
    payload: Path,
    figures: Mapping[str, Any],
    *,
    rules: Sequence[Rule] = (),
    references: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The figures that a corpus in `payload` adds to those of its tally (`figures`).

    Args:
        rules: those of the recipe, in its order.
        references: texts by the name of what they are of, such as a task.
    """
    sample = sample_texts(payload, figures["sources"])
    diversity = diversity_figures(sample, figures) if sample.texts else {}
    if diversity and (domains := domain_figures(payload)):
        diversity["domains"] = domains
    curves = count_curves(payload, rules)
    return {
        "bounds": curves.figures(),
        "other_tests": [each.figures() for each in curves.others],
        "diversity": diversity,
        "duplicates": cluster_figures(payload),
        "personal": personal_figures(payload),
        "relevance": relevance_figures(sample, references or {}),
    }


def rule_figures(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """The rules of a recipe with the reasons that each may give, so that drops can be told by rule."""
    return [{"type": rule.type, "reasons": list(reasons_of(rule))} for rule in rules]


def count_curves(payload: Path, rules: Sequence[Rule]) -> Curves:
    """The distribution behind each bound, what other thresholds would keep, and what other tests take alone."""
    curves, signals = Curves(rules), signal_columns(payload)
    if not rules or not signals:
        return curves
    stride = sampling_stride(payload)
    sampled = list(stretches(payload, signals, every=stride))
    if not sampled:
        return curves
    curves.begin(joined([batch_of(stretch, signals, set()) for stretch in sampled]))
    for stretch in stretches(payload, signals) if stride > 1 else sampled:
        curves.add(batch_of(stretch, signals, curves.reasons))
    return curves
