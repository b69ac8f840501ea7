"""Exact match of what a model wrote, with the options of lm-evaluation-harness."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from ontogeny.tasks.metrics.kind import Judgement, MetricKind
from ontogeny.tasks.requests import Answer, Item

PUNCTUATION = str.maketrans("", "", string.punctuation)
DIGITS = str.maketrans("", "", string.digits)


def normalised(text: str, options: Mapping[str, Any]) -> str:
    """The text as it is compared."""
    for pattern in options.get("regexes_to_ignore") or ():
        text = re.sub(pattern, "", text)
    if options.get("ignore_case"):
        text = text.lower()
    if options.get("ignore_punctuation"):
        text = text.translate(PUNCTUATION)
    if options.get("ignore_numbers"):
        text = text.translate(DIGITS)
    return text


def _exact_match(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Whether it is one of the references; of several outputs, the share that are."""
    right = {normalised(reference, options) for reference in item.references}
    hits = [normalised(str(output), options) in right for output in answer.outputs]
    return {"exact_match": (sum(hits) / len(hits), 1.0)}


METRICS = (
    MetricKind(
        "exact_match",
        frozenset({"generate_until"}),
        _exact_match,
        options={
            "regexes_to_ignore": list,
            "ignore_case": bool,
            "ignore_punctuation": bool,
            "ignore_numbers": bool,
        },
    ),
)
