"""What a rule says of a batch of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Bound:
    """One test of a rule: documents that are `missed` (n,) bool go for `reason`, with their `value` (n,) as the score.

    `says` follows the value in the detail that is kept with a dropped document: `chars, fewer than min_chars 200`.
    """

    reason: str
    says: str
    value: npt.NDArray[np.float64]
    missed: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judgement:
    """A verdict for each of n documents.

    `code` (n,) int16 is 0 where the document stays, and k where it goes for `reasons[k - 1]`. `score` (n,) float64 is
    the value that decided, nan where the document stays. A reason may stand in `reasons` more than once, with another
    `says`. `bounds` are the tests behind it, in the same order: what a report draws curves of.
    """

    reasons: tuple[str, ...]
    says: tuple[str, ...]
    code: npt.NDArray[np.int16]
    score: npt.NDArray[np.float64]
    bounds: tuple[Bound, ...] = ()


def first_missed(count: int, bounds: Sequence[Bound]) -> Judgement:
    """The judgement of `count` documents by `bounds`, where the first bound that is missed decides."""
    import numpy as np

    code, score = np.zeros(count, dtype=np.int16), np.full(count, np.nan)
    for number, bound in enumerate(bounds, start=1):
        decided = bound.missed & (code == 0)
        code[decided] = number
        score[decided] = bound.value[decided]
    return Judgement(
        tuple(bound.reason for bound in bounds),
        tuple(bound.says for bound in bounds),
        code,
        score,
        tuple(bounds),
    )
