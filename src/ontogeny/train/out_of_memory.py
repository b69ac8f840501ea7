"""Memory that runs out in training: a matter of settings, which a user can change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ontogeny.core.errors import UsageError
from ontogeny.train.config import TrainConfig

ON_A_CPU = "DefaultCPUAllocator"  # what torch names in a RuntimeError that has no class of its own
ON_A_GPU = "OutOfMemoryError"  # the class of torch, which need not be loaded for looking


@contextmanager
def memory_is_a_setting(config: TrainConfig) -> Iterator[None]:
    """Within the context, an allocation that fails is told with the settings of `config` that it depends on.

    Raises:
        UsageError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _ran_out(error):
            raise
        first_line = (str(error).strip() or "none could be had").splitlines()[0]
        raise UsageError(
            f"training does not fit into memory, with {config.rows_at_once:,} rows computed at once ({first_line})",
            where="train",
            hint=what_to_lower(config),
        ) from error


def _ran_out(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == ON_A_GPU or ON_A_CPU in str(error)


def what_to_lower(config: TrainConfig) -> str:
    """The settings that would make training fit, of those that still can."""
    said = [] if config.rows_at_once == 1 else ["lower `train.micro_batch_rows`"]
    if not config.recompute:
        said.append("set `train.recompute: true`")
    return ", ".join([*said, "or take a smaller model"]) if said else "take a smaller model"
