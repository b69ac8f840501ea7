"""What a user may choose about a classifier; light to import."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from ontogeny.lineage.step import Settings
from ontogeny.model.head_kinds import HeadKind
from ontogeny.train.config import TrainConfig

PLACE = "{text}"
LongTexts: TypeAlias = Literal["head", "tail", "head-tail"]


def _with_place(template: str) -> str:
    if template.count(PLACE) != 1:
        raise ValueError(f"the template must say once where the text stands: {PLACE}")
    return template


class ClassifySettings(Settings):
    """What is told apart, and how a text is read. The defaults suit labels of which each text has one."""

    kind: HeadKind = "single"
    """single: one label a text. multi-label: any number, each on its own. ordinal: one, of labels that the examples
    list from the lowest to the highest."""
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    """What a text counts by its label. balanced: rare labels as much as frequent ones. None: every text the same."""
    template: Annotated[str, AfterValidator(_with_place)] = PLACE
    """What the model reads, with the text at `{text}`."""
    long_texts: LongTexts = "head-tail"
    """What is kept of a text that does not fit: its beginning, its end, or a quarter from the one and the rest from the
    other (arXiv 1905.05583, section 5.3.1, found both ends best)."""
    ask_base: Annotated[int, Field(ge=0)] = 200
    """How many texts of the test part the model is asked about in words before it is tuned, without and with examples
    in the prompt: what tuning is worth. 0: none."""


def check_training(train: TrainConfig) -> None:
    """Refuse what a classifier cannot be trained with.

    Raises:
        ValueError: names the setting.
    """
    if train.processes > 1:
        raise ValueError("`task: classify` trains in one process: leave `train.processes` out")
    if train.z_loss:
        raise ValueError("`train.z_loss` is about a vocabulary, and labels have none: leave it out")
