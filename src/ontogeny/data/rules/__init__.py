"""Rules that drop documents, one module each, and the one place that lists them.

A rule answers None to keep a document, or a `Drop` with a named reason and the value it judged by.
"""

from __future__ import annotations

from typing import TypeAlias

from ontogeny.data.rules.drop import Drop
from ontogeny.data.rules.length import Length, judge_length

Rule: TypeAlias = Length
"""What a recipe may write under `rules`; a union told apart by `type` once there are more."""


def judge(text: str, rule: Rule) -> Drop | None:
    """The verdict of `rule` on `text`."""
    return judge_length(text, rule)
