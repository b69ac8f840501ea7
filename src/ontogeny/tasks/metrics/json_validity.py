"""Whether what a model wrote is JSON (RFC 8259): one value and nothing else, no NaN, no name twice in an object.

A Markdown fence around the whole answer counts as none, since chat models are taught to write it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from ontogeny.tasks.metrics.kind import Judgement, MetricKind
from ontogeny.tasks.requests import Answer, Item

FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL | re.IGNORECASE)


def is_json(text: str) -> bool:
    """Whether `text` is one JSON value."""
    text = text.strip()
    fenced = FENCED.match(text)
    try:
        json.loads(fenced[1] if fenced else text, parse_constant=_refuse, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) < len(pairs):
        raise ValueError("a name stands twice")
    return known


def _judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    valid = [is_json(str(output)) for output in answer.outputs]
    return {"json_validity": (sum(valid) / len(valid), 1.0)}


METRICS = (MetricKind("json_validity", frozenset({"generate_until"}), _judge),)
