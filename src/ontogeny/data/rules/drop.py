"""The verdict of a rule against a document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drop:
    """Why a document goes: a reason from a small fixed set, the value that decided, and the bound it missed."""

    reason: str
    score: float | None
    detail: str
