"""What every task of the step `finetune` does alike: a batch that fits, and what is measured before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer
    from ontogeny.tokenizer.codec import Tokenizer


def check_batch(batch_rows: int, *, examples: int) -> None:
    """Refuse a batch that would hold an example twice.

    Raises:
        UsageError: says what would fit.
    """
    if batch_rows > examples:
        raise UsageError(
            f"a batch has {batch_rows:,} rows of one example each, but there are only {examples:,} to learn from",
            where="train",
            hint=f"lower `train.batch_rows` to at most {examples:,}, or bring more examples",
        )


def general_bits(
    model: Transformer,
    tokenizer: Tokenizer,
    general: Artifact | None,
    *,
    max_bytes: int | None,
    progress: Progress,
) -> Callable[[], float | None]:
    """Measures bits per byte of text that tuning does not aim at; None where there is none."""
    from ontogeny.finetune.forgetting import general_texts
    from ontogeny.inference.scoring import bits_per_byte

    texts = general_texts(general, max_bytes=max_bytes) if general is not None else []
    return lambda: bits_per_byte(model, tokenizer, texts, progress=progress).value if texts else None


def once(path: Path, measure: Callable[[], dict[str, float | None]]) -> dict[str, float | None]:
    """What `measure` gives, kept in `path` so that a resumed step need not repeat it."""
    from ontogeny.core.files import canonical_json, read_json, write_atomic

    if not path.is_file():
        write_atomic(path, canonical_json(measure()))
    measured: dict[str, float | None] = read_json(path)
    return measured
