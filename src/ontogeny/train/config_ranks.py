"""What may be asked of several processes; light to import."""

from __future__ import annotations

from collections.abc import Sequence

from ontogeny.core.errors import UsageError
from ontogeny.model.config import ModelConfig


def check_groups(processes: int, tensor_parallel: int) -> None:
    """Refuse processes that cannot be divided into groups.

    Raises:
        ValueError: names the fields.
    """
    if processes % tensor_parallel:
        raise ValueError(
            f"`tensor_parallel` ({tensor_parallel}) must divide `processes` ({processes}): each group of that many "
            "works on the same rows"
        )


def check_batches_of_groups(groups: int, batches: Sequence[int]) -> None:
    """Refuse groups that would have nothing to do; `batches` are the rows of a batch in each phase.

    Raises:
        ValueError: names the fields.
    """
    for number, rows in enumerate(batches, 1):
        if rows < groups:
            of_phase = f" of phase {number}" if len(batches) > 1 else ""
            raise ValueError(
                f"`batch_rows`{of_phase} ({rows}) is fewer than the {groups} processes that share a batch: raise it, "
                "or lower `processes`"
            )


def check_parts(model: ModelConfig, tensor_parallel: int) -> None:
    """Refuse a model whose layers cannot be cut into as many equal parts.

    Raises:
        UsageError: names the size.
    """
    sizes = {"n_heads": model.n_heads, "n_kv_heads": model.n_kv_heads, "d_ff": model.d_ff}
    for name, size in sizes.items():
        if size % tensor_parallel:
            raise UsageError(
                f"`tensor_parallel` ({tensor_parallel}) does not divide the model's {name} ({size})",
                where="train",
                hint="choose a number that divides n_heads, n_kv_heads and d_ff",
            )
