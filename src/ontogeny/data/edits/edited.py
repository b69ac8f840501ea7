"""The outcome of an edit."""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.data.signals.group import Stored
from ontogeny.data.texts import Texts


@dataclass(frozen=True, eq=False)
class Edited:
    """n texts after an edit, and columns that say what it did to each: (n,), or ragged with a value a line or match."""

    texts: Texts
    columns: Stored
