"""What a head may tell apart; light to import. See `model.heads`."""

from __future__ import annotations

from typing import Literal, TypeAlias

HeadKind: TypeAlias = Literal["single", "multi-label", "ordinal"]
