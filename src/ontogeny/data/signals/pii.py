"""The signal group `pii`: how much personal data of each kind a text holds (see `data/pii`)."""

from __future__ import annotations

from ontogeny.data.pii.kinds import KINDS, count_column
from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts


def compute_pii(texts: Texts) -> Columns:
    """`pii_email`, `pii_ip`, `pii_private_ip`, `pii_phone`, `pii_card`, `pii_iban`, `pii_secret`: (n,) int32 counts."""
    from ontogeny.data.pii.find import count_pii, find_pii

    return dict(count_pii(find_pii(texts, KINDS), len(texts)))


PII_SIGNALS = SignalGroup("pii", 1, tuple(count_column(kind) for kind in KINDS), compute_pii)
