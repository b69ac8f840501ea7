"""What a user may choose about the guards of a tuning: what it may cost elsewhere, and what is asked of it beside its
loss; light to import.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ontogeny.lineage.step import Ref, Settings

Share = Annotated[float, Field(ge=0, le=1)]


class Forgetting(Settings):
    """A gate: how much worse the tuned model may be at general text."""

    margin: Annotated[float, Field(ge=0)]
    """The largest rise of bits per byte on `general`, as a share of those of the base; 0.02: two in a hundred. Refused
    unless the upper end of the rise's 95% interval is within it."""
    blocks: tuple[str, ...] = ()
    """Steps that are held back while the gate refuses."""


class Interpolation(Settings):
    """Weights on the line from the base to the tuned model, each measured on both (WiSE-FT, arXiv 2109.01903)."""

    alphas: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.2, 0.4, 0.6, 0.8)
    """Shares of the way; the base (0) and the tuned model (1) are always measured."""
    take: Share | Literal["suggested"] = 1.0
    """The share whose weights are published. suggested: the one that the measurements speak for."""

    @property
    def measured(self) -> tuple[float, ...]:
        """All shares that are measured, in order."""
        taken = () if self.take == "suggested" else (self.take,)
        return tuple(sorted({0.0, *self.alphas, *taken, 1.0}))


def _from_flag(value: Any) -> Any:
    """`true` stands for the defaults, `false` for none."""
    return ({} if value else None) if isinstance(value, bool) else value


class GuardSettings(Settings):
    """Settings of every fine-tuning about what it makes the model forget, and what more data would give."""

    general: Annotated[str, Ref("tokens", "corpus")] | None = None
    """Held-out text on which forgetting is measured, before and after."""
    general_max_bytes: Annotated[int, Field(ge=1)] | None = None
    """Bytes of it, up to whole documents. None: all."""
    forgetting: Forgetting | None = None
    """How much worse the model may become at `general` before promotion is refused. None: it is only reported."""
    interpolation: Annotated[Interpolation | None, BeforeValidator(_from_flag)] = None
    """Whether weights between the base and the tuned model are measured, and which are published. `true`: the
    defaults."""
    learning_curve: bool = False
    """Whether a quarter and a half of the examples are learnt from as well, to tell what more of them would give: three
    quarters of the training's work on top of it."""

    @model_validator(mode="after")
    def _check_guards(self) -> Self:
        for name in ("general_max_bytes", "forgetting", "interpolation"):
            if self.general is None and getattr(self, name) is not None:
                raise ValueError(
                    f"`{name}` has no effect without `general`: name a corpus there, or leave both out"
                )
        return self
