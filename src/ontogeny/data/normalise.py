"""One spelling for one text: Unicode form, line ends, control characters.

Documents that differ only in these are the same document to a reader, and must be to dedup and to the digest. Nothing
that a reader would see is removed. Applying it twice changes nothing more.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict

BYTE_ORDER_MARK = "\ufeff"
LINE_ENDS = re.compile(r"\r\n?|[\f\v]")
# C0 without tab and line feed, DEL, C1: no text has a use for them, and NUL ends strings in half of all tools.
CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


OTHER_LINE_ENDS = ("\r", "\f", "\v")
CONTROL_BYTES = bytes([*range(9), *range(0x0E, 0x20), 0x7F])
C1_LEAD = b"\xc2"  # what C1 begins with in UTF-8, and accents and signs up to U+00BF too


class Normalise(BaseModel):
    """How text is normalised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unicode: Literal["NFC", "NFKC"] | None = "NFC"
    """Canonical composition by default; NFKC also folds ligatures and widths, and so changes what is seen."""


def normalise(text: str, config: Normalise) -> str:
    """`text` with line feeds for all line ends, without control characters, in the wanted Unicode form."""
    if any(end in text for end in OTHER_LINE_ENDS):
        text = LINE_ENDS.sub("\n", text)
    if _has_controls(text):
        text = CONTROLS.sub("", text)
    text = text.lstrip(BYTE_ORDER_MARK)
    return unicodedata.normalize(config.unicode, text) if config.unicode else text


def _has_controls(text: str) -> bool:
    """Whether `text` may hold a character of CONTROLS: nearly none does, and bytes tell ten times faster."""
    encoded = text.encode()
    return len(encoded.translate(None, CONTROL_BYTES)) < len(encoded) or C1_LEAD in encoded
