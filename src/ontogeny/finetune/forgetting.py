"""What tuning costs elsewhere: bits per byte of general text before and after, document by document, and its gate.

The rise is that of the sum of bits, as a share of what the base needs. Its interval is a bootstrap over whole groups of
documents (`statistics.paired`), each with its bits before and after: how hard a document is takes no part in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Progress
from ontogeny.finetune.config_guards import Forgetting
from ontogeny.lineage.artifact import Artifact
from ontogeny.records.parts import read_parts
from ontogeny.report import numbers
from ontogeny.statistics.intervals import CONFIDENCE, Interval
from ontogeny.statistics.paired import bootstrap_ratio
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenShards
from ontogeny.train.pretrain import HELD_OUT, texts_of

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer

GATE = "forgetting"
LEAST_GROUPS = 20
"""Of a gate: over n groups a percentile bootstrap's interval is too narrow by sqrt((n - 1) / n) * z / t, 9% at 20 and
18% at 10 (Hesterberg 2015, arXiv 1411.5279)."""


@dataclass(frozen=True)
class GeneralText:
    """Held-out documents: `texts`, and for each the group that it belongs to (module, book, thread)."""

    texts: tuple[str, ...]
    groups: tuple[str, ...]

    def bits(self, model: Transformer, tokenizer: Tokenizer, progress: Progress) -> list[float]:
        """Bits that each text costs `model`."""
        from ontogeny.inference.scoring import bits_per_byte

        found = bits_per_byte(model, tokenizer, self.texts, progress=progress)
        return [document.bits for document in found.per_document]

    def per_byte(self, bits: Sequence[float]) -> float:
        """Bits a byte over all texts."""
        return math.fsum(bits) / sum(len(text.encode()) for text in self.texts)

    def rise(self, before: Sequence[float], after: Sequence[float], *, seed: int) -> Rise:
        """How much more the texts cost after tuning; `before` and `after` are bits of each."""
        each = [late - early for early, late in zip(before, after, strict=True)]
        groups = len(set(self.groups))
        return Rise(
            before=self.per_byte(before),
            after=self.per_byte(after),
            share=math.fsum(each) / math.fsum(before),
            interval=bootstrap_ratio(each, before, self.groups, seed=seed) if groups > 1 else None,
            documents=len(self.texts),
        )


@dataclass(frozen=True)
class Rise:
    """Of bits per byte from `before` to `after`, over `documents`.

    Attributes:
        share: of `before`; negative where the model became better.
        interval: the 95% bounds of `share`; None where all documents are of one group.
    """

    before: float
    after: float
    share: float
    interval: Interval | None
    documents: int

    def within(self, margin: float) -> bool:
        """Whether it is shown to be at most `margin`: the burden of proof is on the model."""
        return self.interval is not None and self.interval[1] <= margin

    @property
    def words(self) -> str:
        """What it says, for people."""
        bounds = ""
        if self.interval is not None:
            low, high = (_signed(end) for end in self.interval)
            bounds = f" ({CONFIDENCE:.0%} interval {low} to {high})"
        return (
            f"bits per byte of general text went from {self.before:.4f} to {self.after:.4f}, {_signed(self.share)}"
            f"{bounds}, on {numbers.counted(self.documents, 'held-out document')}"
        )

    def figures(self) -> dict[str, object]:
        """For the manifest."""
        return {
            "general_rise": self.share,
            "general_rise_interval": None if self.interval is None else list(self.interval),
            "general_documents": self.documents,
        }


def decide(rise: Rise, gate: Forgetting) -> tuple[bool, str]:
    """Whether the model may be promoted, and why."""
    passed = rise.within(gate.margin)
    shown = "is shown to be within" if passed else "is not shown to be within"
    return passed, f"{rise.words}; it {shown} the margin of {gate.margin:.2%}"


def check_gate(gate: Forgetting | None, general: GeneralText | None, *, where: str) -> None:
    """Refuse, before anything is computed, a gate that could not decide.

    Raises:
        DataError: says how many documents are there.
    """
    if gate is None or general is None:
        return
    found = len(set(general.groups))
    if found < LEAST_GROUPS:
        raise DataError(
            f"`forgetting` is judged on {LEAST_GROUPS} groups of held-out documents or more, and there are {found}",
            where=where,
            hint="raise `general_max_bytes`, or `held_out_fraction` in the step that curated it; or leave `forgetting` "
            "out, and the rise is only reported",
        )


def general_text(general: Artifact, *, max_bytes: int | None) -> GeneralText:
    """Held-out texts in the order they lie in, as many whole ones as `max_bytes` holds, at least one.

    Raises:
        DataError: no document is held out.
    """
    kept: list[tuple[str, str]] = []
    size = 0
    for text, group in _held_out_texts(general):
        size += len(text.encode())
        if kept and max_bytes is not None and size > max_bytes:
            break
        kept.append((text, group))
    if not kept:
        raise DataError(
            "no document is held out, so forgetting cannot be measured",
            where=general.name,
            hint="raise `held_out_fraction` in the step that curated it, or leave `general` out",
        )
    return GeneralText(tuple(text for text, _ in kept), tuple(group for _, group in kept))


def _held_out_texts(general: Artifact) -> Iterator[tuple[str, str]]:
    """Texts with their groups."""
    if general.kind == "tokens":
        shards = TokenShards.open(general.path)
        index = shards.documents
        with_text = (index["split"] == HELD_OUT) & (index["length"] > shards.ends.count)
        texts = texts_of(shards, Tokenizer.load(general.path / "tokenizer"), HELD_OUT)
        yield from zip(texts, map(str, index["group"][with_text]), strict=True)
        return
    for row in read_parts(general.path, ["split", "group", "text"]):
        if row["split"] == HELD_OUT and row["text"]:
            yield str(row["text"]), str(row["group"])


def _signed(share: float) -> str:
    return f"{100 * share:+.2f}%".replace("-", "\N{MINUS SIGN}")
