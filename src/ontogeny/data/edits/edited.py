"""The outcome of an edit."""

from __future__ import annotations

from dataclasses import dataclass

from ontogeny.data.signals.group import Columns
from ontogeny.data.texts import Texts


@dataclass(frozen=True, eq=False)
class Edited:
    """n texts after an edit, and (n,) columns that say what it did to each."""

    texts: Texts
    columns: Columns
