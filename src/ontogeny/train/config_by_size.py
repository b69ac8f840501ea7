"""`train` beside `size`: what may stand there, and what is said of the rest, which `size` derives; light to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ValidationError, ValidationInfo

from ontogeny.train.config import TrainBesideSize, TrainConfig
from ontogeny.train.config_mistakes import all_of, mistake, moved

INSTEAD = {
    "steps": "give `size.tokens`",
    "epochs": "give `size.tokens`",
    "batch_rows": "give `size.batch_tokens`",
    "seq_len": "give `size.seq_len`",
    "phases": "give `model` and the whole of `train` instead of `size`, which has one phase",
    "optimizer": "give `size.lr`, `size.adam_lr`, `size.embedding_lr`, `size.beta2` or `size.weight_decay`",
}
"""What `size` derives of `train`, and what a user writes to have it otherwise."""

OVERRIDES = (
    "what `size` derives can be given: rows of a batch by `size.batch_tokens`, tokens of a row by `size.seq_len`, "
    "steps by `size.tokens`"
)


def _whole_or_beside_size(value: object, info: ValidationInfo) -> object:
    """`train` as the settings that belong to it: fewer of them where `size` derives the rest.

    A mistake is placed within the one of the two that it was made in, so that its keys are those to choose from.
    """
    if isinstance(value, TrainBesideSize):
        return value
    beside = info.data.get("size", value) is not None  # absent where it is wrong itself
    meant = TrainBesideSize if beside else TrainConfig
    derived = [name for name in INSTEAD if name in value] if beside and isinstance(value, dict) else []
    found = [
        mistake(
            f"`size` derives `train.{name}`: leave it out, or {INSTEAD[name]}",
            (meant.__name__, name),
            given=value,
        )
        for name in derived
    ]
    try:
        settings = meant.model_validate(value)
    except ValidationError as error:
        found += [
            moved(each, (meant.__name__, *each["loc"]))
            for each in error.errors()
            if not (each["loc"] and each["loc"][0] in derived)
        ]
    if found:
        raise all_of(meant.__name__, found)
    return settings


WholeOrBesideSize = Annotated[TrainConfig | TrainBesideSize, BeforeValidator(_whole_or_beside_size)]
"""All settings of training, or those that `size` does not derive."""
