"""Templates of MediaWiki that stand for words, and how their text is made. All others are boxes, notes and notices.

The names are those of the English Wikipedia, many of which other wikis share. A template is named with what it is
called by, in lower case; what of it is text, the documentation of each template says.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST = frozenset({
    "nowrap", "nobr", "nobreak", "small", "smaller", "big", "bigger", "larger", "resize", "em",
    "strong", "smallcaps", "sc", "underline", "mvar", "math", "bigmath", "sup", "sub", "visible-anchor",
    "vanchor", "abbr", "tooltip", "ill", "interlanguage-link", "not-a-typo", "as-written", "nihongo",
    "nihongo2", "quote", "blockquote", "bquote", "cquote", "quotation", "poemquote", "coptic", "hebrew",
    "greek", "unicode", "polytonic", "rtl-lang", "keypress", "key", "kbd", "samp", "tt", "mono", "code",
    "flag", "flagcountry", "flagu", "music", "url", "noitalic", "italic", "bold", "bolditalic",
    "plainlink",
})  # fmt: skip
"""Their first parameter is the text (or `text=`, `quote=`)."""

LAST = frozenset({
    "w", "wikt", "lang", "langx", "transl", "transliteration", "script/hebrew", "script/arabic",
    "script/greek", "font", "color", "fontcolor", "colored-text", "colour", "wikt-lang",
})  # fmt: skip
"""Their last parameter is the text, after language codes, targets or colours."""

SPOKEN = {
    "ndash": "–", "en-dash": "–", "endash": "–", "–": "–", "spnd": " – ", "snd": " – ", "spaced-ndash": " – ",
    "spaced-en-dash": " – ", "mdash": "—", "em-dash": "—", "emdash": "—", "—": "—", "spaced-mdash": " — ",
    "nbsp": " ", "space": " ", "thinsp": " ", "hairsp": " ", "zwsp": "", "shy": "", "wbr": "", "!": "|", "=": "=",
    "'": "'", "-'": "'", "'s": "'s", "\"": "\"", "·": " · ", "dot": " · ", "middot": " · ", "•": " • ", "bull": " • ",
    "bullet": " • ", "times": "×", "pi": "π", "clear": "\n", "break": "\n",
    "crlf": "\n", "degree": "°", "deg": "°", "minus": "−", "sharp": "♯", "flat": "♭", "natural": "♮", "dagger": "†",
    "ddagger": "‡", "pound": "£", "euro": "€", "yen": "¥", "bc": " BC", "ad": " AD", "okina": "ʻ", "hamza": "ʾ",
    "ayin": "ʿ", "prime": "′", "gbp": "£", "tick": "✓", "yes": "Yes", "no": "No", "n/a": "n/a", "[": "[", "]": "]",
}  # fmt: skip
"""They stand for a character."""

SHIPS = frozenset({
    "uss", "hms", "ss", "rms", "mv", "ms", "hmas", "hmcs", "hmnzs", "ins", "usns", "uscgc", "sms",
    "ussr", "hmt", "hmhs", "nms",
})  # fmt: skip


def template_text(content: str, restore: Callable[[str], str]) -> str:
    """The text that stands for a template with this `content` (between its braces), often none.

    Args:
        restore: gives text back the characters that were set aside in it.
    """
    name, *parameters = content.split("|")
    name = _key(restore(name))
    if not parameters:
        return SPOKEN.get(name, "")
    positional, named = _parameters(parameters)
    if name in FIRST:
        return positional[0] if positional else named.get("text", named.get("quote", ""))
    if name in LAST or name.startswith("lang-"):
        return named.get("text", positional[-1] if positional else "")
    special = SPECIAL.get(name)
    if special is not None:
        return special(positional)
    if name in SHIPS and positional:
        return f"{name.upper()} {positional[0]}"
    return SPOKEN.get(name, "")


def _key(name: str) -> str:
    return "-".join(name.strip().lower().replace("_", " ").split())


def _parameters(parameters: list[str]) -> tuple[list[str], dict[str, str]]:
    positional: dict[int, str] = {}
    named: dict[str, str] = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if equals and key.strip().isdigit() and len(key) < 4:
            positional[int(key)] = value.strip()
        elif equals:
            named[key.strip().lower()] = value.strip()
        else:
            positional[len(positional) + 1] = parameter.strip()
    return [positional[key] for key in sorted(positional)], named


def _convert(parts: list[str]) -> str:
    """`{{convert|5|km|mi}}`, `{{convert|5|to|6|km}}`: the quantity as given, its unit, no conversion."""
    if len(parts) >= 4 and parts[1].lower() in ("to", "and", "or", "-", "–", "by", "x", "×", "to(-)", "+"):
        joint = parts[1] if parts[1].isalpha() else f"{parts[1]}"
        return f"{parts[0]} {joint} {parts[2]} {parts[3]}".replace(" - ", "–").replace(" – ", "–")
    return " ".join(parts[:2])


def _fraction(parts: list[str]) -> str:
    if len(parts) >= 3:
        return f"{parts[0]} {parts[1]}/{parts[2]}"
    return "/".join(parts) if len(parts) == 2 else f"1/{parts[0]}" if parts else ""


def _date(parts: list[str]) -> str:
    """Year, month, day, as far as given."""
    numbers = [part for part in parts[:3] if part.isdigit()]
    return "-".join(number.zfill(2) for number in numbers)


def _as_of(parts: list[str]) -> str:
    return f"As of {_date(parts)}" if parts else ""


SPECIAL: dict[str, Callable[[list[str]], str]] = {
    "convert": _convert,
    "cvt": _convert,
    "frac": _fraction,
    "sfrac": _fraction,
    "fraction": _fraction,
    "val": lambda parts: parts[0] if parts else "",
    "num": lambda parts: parts[0] if parts else "",
    "formatnum": lambda parts: parts[0] if parts else "",
    "circa": lambda parts: " ".join(["c.", *parts[:1]]),
    "c.": lambda parts: " ".join(["c.", *parts[:1]]),
    "chem": "".join,
    "linktext": " ".join,
    "angbr": lambda parts: f"⟨{parts[0]}⟩" if parts else "",
    "angle-bracket": lambda parts: f"⟨{parts[0]}⟩" if parts else "",
    "as-of": _as_of,
    "asof": _as_of,
    "start-date": _date,
    "end-date": _date,
    "birth-date": _date,
    "death-date": _date,
    "dts": _date,
    "ship": lambda parts: " ".join(part for part in parts[:2] if part),
    "sclass": lambda parts: f"{parts[0]}-class {parts[1]}" if len(parts) > 1 else "".join(parts),
    "unbulleted-list": "\n".join,
    "ubl": "\n".join,
    "plainlist": "\n".join,
    "hlist": ", ".join,
    "flatlist": "\n".join,
    "sic": lambda parts: "".join(parts[:2]),
    "isbn": lambda parts: f"ISBN {parts[0]}" if parts else "",
    "us$": lambda parts: f"US${parts[0]}" if parts else "US$",
    "a$": lambda parts: f"A${parts[0]}" if parts else "A$",
    "gbp": lambda parts: f"£{parts[0]}" if parts else "£",
    "£": lambda parts: f"£{parts[0]}" if parts else "£",
    "€": lambda parts: f"€{parts[0]}" if parts else "€",
    "inr": lambda parts: f"₹{parts[0]}" if parts else "₹",
}
"""Made of several parameters."""
