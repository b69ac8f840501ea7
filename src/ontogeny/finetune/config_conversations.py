"""What a user may choose about conversations: how they are written, cut and computed; light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from ontogeny.core.errors import nearest
from ontogeny.lineage.step import Ref, Settings
from ontogeny.tokenizer.config import TEMPLATE_SUFFIX, TEMPLATES

TooLong: TypeAlias = Literal["cut", "drop", "last-turns"]
"""What becomes of a conversation that is longer than a row: its end is cut off, or it is left out whole, or its first
turns are, as many as must be."""


class ConversationSettings(Settings):
    """Settings of `task: instruct` beside those of every fine-tuning."""

    template: str | None = None
    """How a conversation is written: the name of a chat template, or a file of one. None: the model's own."""
    too_long: TooLong = "cut"
    """What becomes of a conversation of more than `train.seq_len` tokens."""
    packing: bool = True
    """Whether the conversations of a micro-batch are laid end to end, each seeing itself alone, instead of padded to
    the longest of them. Changes nothing but rounding."""
    neftune_alpha: Annotated[float, Field(gt=0)] | None = None
    """Size of the noise on the inputs' vectors while training (NEFTune; its authors try 5, 10 and 15). None: none."""
    replay: Annotated[str, Ref("examples", "corpus")] | None = None
    """General conversations or text to learn from as well, against forgetting."""
    self_replay: bool = False
    """Whether the model, as it is before it is tuned, makes up conversations to learn from as well: questions after its
    template's beginning, and its answers to them (arXiv 2403.01244, 2406.08464)."""
    replay_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the training rows that are replayed. None: 0.05 where something is."""

    @model_validator(mode="after")
    def _check_conversations(self) -> Self:
        if self.template is not None and not (
            self.template in TEMPLATES or self.template.endswith(TEMPLATE_SUFFIX)
        ):
            raise ValueError(
                f"`template: {self.template}` is neither one of {', '.join(TEMPLATES)} nor a file that ends with "
                f"{TEMPLATE_SUFFIX}.{nearest(self.template, TEMPLATES)}"
            )
        if self.replay is not None and self.self_replay:
            raise ValueError("`replay` and `self_replay` both say what is replayed: leave one of them out")
        if self.replay_share is not None and self.replay is None and not self.self_replay:
            raise ValueError(
                "`replay_share` has no effect without `replay`: name examples or a corpus there, or set `self_replay`"
            )
        return self

    def changed(self) -> list[str]:
        """The settings here that are not as they are by default: they have no effect on other tasks."""
        fields = ConversationSettings.model_fields
        return [name for name, info in fields.items() if getattr(self, name) != info.default]

    def template_files(self) -> list[Path]:
        """The files outside the workspace that are read for a template."""
        named = self.template is None or self.template in TEMPLATES
        return [] if named else [Path(str(self.template))]
