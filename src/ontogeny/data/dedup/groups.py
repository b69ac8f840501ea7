"""The signals that near-duplicate removal looks at, as groups like any other: computed with the rest, and stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ontogeny.data.dedup.near import NearDedup

if TYPE_CHECKING:
    from ontogeny.data.signals.group import SignalGroup, Stored
    from ontogeny.data.texts import Texts

SAMPLES_VERSION = 1


def near_groups(settings: NearDedup) -> list[SignalGroup]:
    """The MinHash signatures, and, where contained documents are looked for, the sampled shingles (`samples`)."""
    from ontogeny.data.signals.minhash import minhash_group

    groups = [minhash_group(n_gram=settings.n_gram, bands=settings.bands, rows=settings.rows)]
    return groups if settings.containment is None else [*groups, _samples_group(settings)]


def _samples_group(settings: NearDedup) -> SignalGroup:
    from ontogeny.data.dedup.containment import sample_shingles
    from ontogeny.data.signals.group import Ragged, SignalGroup

    def compute(texts: Texts) -> Stored:
        found = sample_shingles(texts, n_gram=settings.n_gram, sample_every=settings.sample_every)
        return {"samples": Ragged(found.values, found.offsets)}

    name = f"samples-{settings.n_gram}-{settings.sample_every}"
    return SignalGroup(name, SAMPLES_VERSION, ("samples",), compute)
