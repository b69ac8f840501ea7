"""What every task of the step `finetune` does alike: a batch that fits, and what is measured before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact

if TYPE_CHECKING:
    from ontogeny.finetune.config_guards import GuardSettings
    from ontogeny.finetune.forgetting import GeneralText


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


def general_text_of(config: GuardSettings, inputs: Mapping[str, Artifact]) -> GeneralText | None:
    """The text that tuning does not aim at; None where there is none.

    Raises:
        DataError: no document is held out, or too few for the gate.
    """
    from ontogeny.finetune.forgetting import check_gate, general_text

    general = inputs.get("general")
    if general is None:
        return None
    text = general_text(general, max_bytes=config.general_max_bytes)
    check_gate(config.forgetting, text, where=general.name)
    return text


def once(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` gives, kept in `path` so that a resumed step need not repeat it."""
    from ontogeny.core.files import canonical_json, read_json, write_atomic

    if not path.is_file():
        write_atomic(path, canonical_json(measure()))
    measured: dict[str, Any] = read_json(path)
    return measured
