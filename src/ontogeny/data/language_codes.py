"""The languages that lid.176 tells apart: ISO 639-1 codes where there are any, else ISO 639-3 or Wikipedia's own."""

from __future__ import annotations

from collections.abc import Iterable

_CODES = (
    "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs "
    "cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr "
    "hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc "
    "lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa "
    "pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg "
    "th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh "
)

LANGUAGES: tuple[str, ...] = tuple(_CODES.split())
"""A language's position here is its code in the column `language`; the list may grow at its end, and never moves."""


def language_names(codes: Iterable[int]) -> list[str | None]:
    """The codes that detection gives, spelled out; None for -1, where there was nothing to tell by."""
    return [LANGUAGES[code] if code >= 0 else None for code in codes]
