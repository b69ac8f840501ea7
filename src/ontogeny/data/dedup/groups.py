"""The signals that near-duplicate removal looks at, as groups like any other: computed with the rest, and stored.

What computes them is loaded where they are computed: the process that only hands out work needs their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.signals.group import Ragged, SignalGroup, Stored

if TYPE_CHECKING:
    from ontogeny.data.texts import Texts

MINHASH_VERSION = SAMPLES_VERSION = 1


def near_groups(settings: NearDedup) -> list[SignalGroup]:
    """The MinHash signatures, and, where contained documents are looked for, the sampled shingles (`samples`)."""
    groups = [_minhash_group(settings)]
    return groups if settings.containment is None else [*groups, _samples_group(settings)]


def _minhash_group(settings: NearDedup) -> SignalGroup:
    n_gram, bands, rows = settings.n_gram, settings.bands, settings.rows

    def compute(texts: Texts) -> Stored:
        from ontogeny.data.signals.minhash import minhash_of

        return {"minhash": minhash_of(texts, n_gram=n_gram, bands=bands, rows=rows)}

    return SignalGroup(f"minhash-{n_gram}-{bands}x{rows}", MINHASH_VERSION, ("minhash",), compute)


def _samples_group(settings: NearDedup) -> SignalGroup:
    def compute(texts: Texts) -> Stored:
        from ontogeny.data.dedup.containment import sample_shingles

        found = sample_shingles(texts, n_gram=settings.n_gram, sample_every=settings.sample_every)
        return {"samples": Ragged(found.values, found.offsets)}

    name = f"samples-{settings.n_gram}-{settings.sample_every}"
    return SignalGroup(name, SAMPLES_VERSION, ("samples",), compute)
