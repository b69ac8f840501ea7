"""What a run reads, where it is more than one corpus; light to import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from ontogeny.lineage.step import Ref, Settings
from ontogeny.train.config import TrainBesideSize, TrainConfig
from ontogeny.train.config_mistakes import all_of, moved
from ontogeny.train.config_optimizer import Positive

Packing = Literal["end-to-end", "best-fit"]
"""How documents are laid into rows: as the shuffle has them, or so that hardly any that fits in a row is cut."""

MAX_EPOCHS = 4.0
"""Passes over a source up to which repeated tokens are worth nearly as much as new ones (arXiv 2305.16264)."""


class MixtureSource(Settings):
    """One part of a mixture, or several: the sources of one `tokens` artifact."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    tokens: Annotated[str, Ref("tokens")] = Field(alias="from")
    """What is read."""
    weight: Positive = 1.0
    """Its share of the tokens of its phase, in relation to the other weights there."""
    until: Annotated[int, Field(ge=1)] | None = None
    """The last step of its phase, which begins where the one before ends. None: the end of training."""
    max_epochs: Positive | None = MAX_EPOCHS
    """How often a token may be read in the whole of training, at most. None: any number of times."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The part of its documents that may be read, chosen by what they say: a smaller part is within a larger one."""
    sources: dict[str, Positive] | None = Field(None, min_length=1)
    """Weights of the corpus' sources within it; those not named are not read. None: all, as they come; where another
    phase names some of them, each is a stream of its own there too, weighed by its tokens."""


def _name_or_mixture(value: object, check: ValidatorFunctionWrapHandler) -> object:
    """What a user wrote wrong in a mixture, without the remark that a mixture is no name."""
    try:
        return check(value)
    except ValidationError as error:
        raise all_of(
            error.title,
            (
                moved(each, each["loc"][1:])
                for each in error.errors()
                if (each["loc"][0] != "str") == isinstance(value, (list, tuple))
            ),
        ) from None


WhatIsRead = Annotated[
    Annotated[str, Ref("tokens")] | Annotated[tuple[MixtureSource, ...], Field(min_length=1)],
    WrapValidator(_name_or_mixture),
]
"""Tokens by their name, or the parts of a mixture."""


def check_mixture(parts: Sequence[MixtureSource], train: TrainBesideSize) -> None:
    """Refuse phases that cannot be meant. How many steps `size` will derive is not known here.

    Raises:
        ValueError: says which.
    """
    last: float = math.inf
    if isinstance(train, TrainConfig):
        if train.steps is None:
            raise ValueError("a mixture needs `train.steps`: its sources have epochs of their own")
        last = train.steps
    ends = [last if part.until is None else part.until for part in parts]
    if max(ends) > last:
        raise ValueError(f"`until` ({max(ends)}) is after the last step ({last})")
    if ends != sorted(ends):
        raise ValueError("list the parts of a mixture by phase: `until` must not fall from one to the next")
    if ends[-1] < last:
        known = f", but `train.steps` is {last}" if math.isfinite(last) else ""
        raise ValueError(f"nothing is read after step {ends[-1]}{known}: leave `until` out of the last phase")
    seen: dict[tuple[float, str], set[str | None]] = {}
    for part, end in zip(parts, ends, strict=True):
        names = seen.setdefault((end, part.tokens), set())
        for name in part.sources or [None]:
            if name in names:
                what = part.tokens if name is None else f"{name!r} of {part.tokens}"
                raise ValueError(f"{what} is twice in one phase: add the weights up")
            names.add(name)
        if None in names and len(names) > 1:
            raise ValueError(
                f"{part.tokens} is read as a whole and by source in one phase: give both of its entries `sources`"
            )
