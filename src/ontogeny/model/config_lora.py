"""What a user may choose about adapters: low-rank changes of a frozen model's matrices; light to import."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from ontogeny.lineage.step import Settings

ALL_LINEAR: Final = "all-linear"
BaseForm = Literal["float32", "int8", "nf4"]


class Lora(Settings):
    """LoRA (arXiv 2106.09685): the model is frozen, and a matrix W (out, in) of `targets` becomes W + scale · B A."""

    type: Literal["lora"] = "lora"
    rank: Annotated[int, Field(ge=1)] = 8
    """Rows of A and columns of B."""
    alpha: Annotated[float, Field(gt=0)] = 16.0
    """The change is scaled with alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the numbers entering A that are set to zero in training."""
    targets: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = ALL_LINEAR
    """Which matrices: all of the layers, or those whose names end in one of these patterns, such as `q_proj`, `mlp.*`
    or `layers.2?.self_attn.*`."""
    rank_stabilised: bool = False
    """Whether the scale is alpha / sqrt(rank) (rsLoRA, arXiv 2312.03732): larger ranks then learn as fast."""
    dora: bool = False
    """Whether the length of every row is learnt apart from its direction (DoRA, arXiv 2402.09353). Takes longer."""
    b_rate: Annotated[float, Field(gt=0)] = 1.0
    """How many times the learning rate B moves with (LoRA+, arXiv 2402.12354, which finds about 16 good)."""
    base: BaseForm = "float32"
    """In what form the frozen matrices of the layers are kept while adapters are trained on them (QLoRA, arXiv
    2305.14314): float32, int8 (a quarter of the memory) or nf4 (an eighth). Merging is into the base as it was."""

    @property
    def scale(self) -> float:
        """What B A is multiplied with."""
        return self.alpha / (self.rank**0.5 if self.rank_stabilised else self.rank)

    @model_validator(mode="after")
    def _check(self) -> Lora:
        if self.dropout and self.dora:
            raise ValueError("`dropout` and `dora` do not go together here: leave one out")
        return self


def is_meant(pattern: str, name: str) -> bool:
    """Whether `name`, such as `layers.0.mlp.up_proj`, is `pattern` or ends in it, in whole parts."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")
