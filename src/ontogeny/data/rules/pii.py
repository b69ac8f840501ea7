"""Drops documents that hold personal data.

It sees the text as it is where the rule stands: behind the edit `mask-pii` there is nothing left for it to find. The
default, none at all, is ours; published corpora mask instead (FineWeb, arXiv:2406.17557).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.pii.kinds import PERSONAL, Kind, count_column
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed


class Pii(BaseModel):
    """How many of each kind a document may hold; by default none of any kind but addresses of private networks.

    With `max_found: null` nothing is dropped: what is found is counted, in the columns `pii_email`, ... of the corpus
    and in its report.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("pii",)
    bounds: ClassVar[tuple[str, ...]] = ("max_found",)

    type: Literal["pii"]
    kinds: tuple[Kind, ...] = Field(PERSONAL, min_length=1)
    """What is looked for. `card` and `iban` are numbers whose check digits are right, `secret` keys and passwords in
    known forms."""
    max_found: int | None = Field(0, ge=0)
    """Most of each kind, not of all together. None: any number."""


def judge_pii(rule: Pii, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`pii_email`, `pii_phone`, ... for the first of the rule's kinds of which there are more than `max_found`."""
    names = [count_column(kind) for kind in dict.fromkeys(rule.kinds)]
    most = rule.max_found
    bounds = [
        Bound(
            name,
            f"found, more than max_found {most:,}",
            columns[name].astype(np.float64),
            columns[name] > most,
        )
        for name in names
        if most is not None
    ]
    return first_missed(len(columns[names[0]]), bounds)
