"""A loss that breaks a training off after some calls, as a kill would in the middle of a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class StoppedError(Exception):
    """Stands for a kill."""


def stop_after(calls: int, loss: Callable[..., Any]) -> Callable[..., Any]:
    """`loss` for `calls` calls; the next one stops."""
    left = iter(range(calls))

    def counted(*arguments: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise StoppedError
        return loss(*arguments, **named)

    return counted
