"""Puts a placeholder in the place of personal data: `<EMAIL>`, `<IP>`, `<PHONE>`, `<CARD>`, `<IBAN>`, `<SECRET>`.

The same for every occurrence, so that nothing of what stood there is left, and masking twice changes nothing more.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.edits.edited import Edited
from ontogeny.data.pii.kinds import PERSONAL, Kind, count_column
from ontogeny.data.texts import Texts


class MaskPii(BaseModel):
    """Which kinds are masked; by default all but addresses of private networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["mask-pii"]
    kinds: tuple[Kind, ...] = Field(PERSONAL, min_length=1)


def mask_pii(texts: Texts, settings: MaskPii) -> Edited:
    """The masked texts, and the columns `masked_pii_email`, ... (n,) int32, one for each of the settings' kinds."""
    from ontogeny.data.pii.find import count_pii, find_pii, mask_found

    found = find_pii(texts, settings.kinds)
    counts = count_pii(found, len(texts))
    columns = {
        f"masked_{count_column(kind)}": counts[count_column(kind)] for kind in dict.fromkeys(settings.kinds)
    }
    return Edited(mask_found(texts, found), dict(columns))
