"""Puts a placeholder in the place of personal data: `<EMAIL>`, `<IP>`, `<PHONE>`, `<CARD>`, `<IBAN>`, `<SECRET>`.

The same for every occurrence, so that nothing of what stood there is left, and masking twice changes nothing more.
It sees the text as edits before it left it; rules listed behind it see placeholders. That data is replaced and not the
document dropped follows FineWeb (arXiv:2406.17557: e-mail and public IP addresses); the other kinds are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.edits.edited import Edited
from ontogeny.data.pii.kinds import PERSONAL, Kind, count_column
from ontogeny.data.signals.group import Ragged
from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    import numpy.typing as npt

MATCH_COLUMNS = ("masked_kinds", "masked_starts", "masked_bytes")
"""What is kept of every match, so that what was masked can be told without keeping what stood there."""


class MaskPii(BaseModel):
    """Which kinds are masked; by default all but addresses of private networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["mask-pii"]
    kinds: tuple[Kind, ...] = Field(PERSONAL, min_length=1)
    """What is masked: each kind by its own name in capitals, `<EMAIL>` say, and `private-ip` as `<IP>`."""


def mask_pii(texts: Texts, settings: MaskPii) -> Edited:
    """The masked texts, and the columns `masked_pii_email`, ... (n,) int32, one for each of the settings' kinds.

    Beside them the ragged `MATCH_COLUMNS`, a value for each match: its kind as a position in `KINDS` (int8), where it
    began in the text before the edit and how long it was, in bytes (int32).
    """
    import numpy as np

    from ontogeny.data.pii.find import count_pii, find_pii, mask_found

    found = find_pii(texts, settings.kinds)
    counts = count_pii(found, len(texts))
    columns: dict[str, npt.NDArray[Any] | Ragged] = {
        f"masked_{count_column(kind)}": counts[count_column(kind)] for kind in dict.fromkeys(settings.kinds)
    }
    offsets = np.searchsorted(found.text, np.arange(len(texts) + 1)).astype(np.int64)
    starts = (found.start - texts.offsets[found.text]).astype(np.int32)
    of_matches: tuple[npt.NDArray[Any], ...] = (
        found.kind,
        starts,
        (found.end - found.start).astype(np.int32),
    )
    for name, values in zip(MATCH_COLUMNS, of_matches, strict=True):
        columns[name] = Ragged(values, offsets)
    return Edited(mask_found(texts, found), columns)
