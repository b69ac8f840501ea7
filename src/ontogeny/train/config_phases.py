"""One run in phases: what changes from which step on; light to import.

Three things that are often runs of their own are phases here: a batch that grows while the loss falls (arXiv
2505.23971), longer rows with another RoPE towards the end (arXiv 2309.16039, section 2.1; 2309.00071), and, with the
`until` of a mixture, other data while the rate decays (arXiv 2404.06395, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from ontogeny.lineage.step import Settings
from ontogeny.model.config import RopeScaling
from ontogeny.train.config_optimizer import Positive

KEPT = ("batch_rows", "seq_len", "rope_base", "rope_scaling")
"""Fields of a phase that hold until another phase changes them."""


class Phase(Settings):
    """What a phase changes; what it leaves out stays as it was in the phase before, or as `train` has it."""

    until: Annotated[int, Field(ge=1)] | None = None
    """Its last step. None: the end of training, for the last phase alone."""
    batch_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows for one update."""
    seq_len: Annotated[int, Field(ge=2)] | None = None
    """Tokens of a row. More than the model's context makes that longer."""
    rope_base: Annotated[float, Field(gt=1)] | None = None
    """Base of RoPE, in layers that see everything."""
    rope_scaling: RopeScaling | None = None
    """How the frequencies of RoPE are changed for a longer context."""
    lr_factor: Positive | None = None
    """What the rates of the optimizer are multiplied with. None: the square root of how many times as many tokens a
    batch has here as by the settings of `train` itself, the rule for Adam (arXiv 2205.10287; so used in 2505.23971)."""


def check_phases(phases: Sequence[Phase], *, steps: int | None, batch_rows: int, seq_len: int | None) -> None:
    """Refuse phases that cannot be meant in a run of `steps` (None: of epochs) that is otherwise as given.

    Raises:
        ValueError: says which.
    """
    if not phases:
        return
    if steps is None:
        raise ValueError("`phases` need `steps` instead of `epochs`: they end after steps")
    if len(phases) == 1:
        raise ValueError(
            "one phase is the whole run: give what it sets to `train` itself, or say what comes after"
        )
    _check_changes(phases, batch_rows=batch_rows, seq_len=seq_len)
    _check_ends(phases, steps)


def _check_changes(phases: Sequence[Phase], *, batch_rows: int, seq_len: int | None) -> None:
    """Refuse a phase that leaves everything as it was in the one before."""
    now: dict[str, object] = {"batch_rows": batch_rows, "seq_len": seq_len}
    for number, phase in enumerate(phases, 1):
        given = {name: value for name in KEPT if (value := getattr(phase, name)) is not None}
        rate = {"lr_factor": phase.lr_factor}  # which does not stay
        before, now = now, now | given | rate
        if number > 1 and (now == before or not phase.model_fields_set - {"until"}):
            raise ValueError(f"phase {number} changes nothing: leave it out")


def _check_ends(phases: Sequence[Phase], steps: int) -> None:
    *ends, last = [phase.until for phase in phases]
    if last is not None:
        raise ValueError(f"leave `until` ({last}) out of the last phase: it goes on to the end of training")
    before = 0
    for number, end in enumerate(ends, 1):
        if end is None:
            raise ValueError(
                f"phase {number} needs `until`, its last step: only the last one goes on to the end"
            )
        if end <= before:
            raise ValueError(f"phase {number} ends with step {end}, and the one before it with {before}")
        before = end
    if before >= steps:
        raise ValueError(f"nothing is left for the last phase after step {before}: `steps` is {steps}")


def check_averaged_phases(phases: Sequence[Phase], *, first_step: int) -> None:
    """Refuse a mean over weights of which some were learnt with another RoPE; it begins with `first_step`.

    Raises:
        ValueError: says where RoPE changes.
    """
    for number, (before, phase) in enumerate(pairwise(phases), 2):
        turns_otherwise = phase.rope_base is not None or phase.rope_scaling is not None
        if turns_otherwise and before.until is not None and first_step <= before.until:
            raise ValueError(
                f"`average` begins with step {first_step}, and phase {number} changes RoPE after step {before.until}: "
                "lower `average.fraction`, so that weights of one RoPE are averaged"
            )
