"""Pages that would take a parser more time or memory than they are worth, told before any parser sees them.

Parsers build elements one within another, and leave that to whoever walks the tree: resiliparse's extraction takes
time with the square of the depth (2,000 levels 0.1 s, 10,000 levels 2 s, 100,000 levels minutes), and attributes of one
tag are compared with each other. Counting is linear and takes a fraction of parsing.
"""

from __future__ import annotations

import re
from collections import Counter

from ontogeny.data.extract.extracted import NotExtractedError

MAX_DEPTH = 1_000
"""Deepest nesting read. Browsers flatten trees at 512 levels (Blink and WebKit, maximumHTMLParserDOMTreeDepth)."""

HARMLESS_TAGS = 5_000
"""Start tags of a page whose nesting is not looked at: even all within another cost no more than half a second."""

MAX_ATTRIBUTES = 5_000
"""Attributes of one tag; ten thousand cost a second, ten times as many a hundred times that."""

LONG_TAG = 20_000
"""Characters of a tag from which its attributes are counted; shorter ones cannot hold too many."""

TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
LONG_TAGS = re.compile(rf"<[a-zA-Z][^<>]{{{LONG_TAG},}}")
ATTRIBUTE = re.compile(r"\s[^\s=]")
# Elements without an end tag, and those whose end tag may be left out because the next of their kind closes them
# (HTML standard, sections 13.1.2 and 13.1.2.4).
NOT_NESTING = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "option",
        "optgroup",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "caption",
        "rb",
        "rt",
        "rtc",
        "rp",
    ]
)


def check_hazards(html: str) -> None:
    """Raises NotExtractedError for a page nested too deeply or with a tag of too many attributes."""
    if html.count("<") - html.count("</") > HARMLESS_TAGS:
        depth = _depth(html)
        if depth > MAX_DEPTH:
            raise NotExtractedError(
                "nested_too_deeply", f"{depth:,} elements one within another; {MAX_DEPTH:,} are read"
            )
    for tag in LONG_TAGS.finditer(html):
        attributes = len(ATTRIBUTE.findall(tag[0]))
        if attributes > MAX_ATTRIBUTES:
            raise NotExtractedError(
                "too_many_attributes", f"a tag of {attributes:,} attributes; {MAX_ATTRIBUTES:,} are read"
            )


def _depth(html: str) -> int:
    """The greatest number of elements open at once, as their tags say; an end tag of what is not open ends nothing."""
    depth = deepest = 0
    opened: Counter[str] = Counter()
    for closing, name in TAG.findall(html):
        name = name.lower()
        if name in NOT_NESTING:
            continue
        if not closing:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return deepest
