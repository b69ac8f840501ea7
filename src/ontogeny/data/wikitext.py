"""MediaWiki markup as plain text: what a reader of the article would read, without tables, notes and boxes.

One pass over the markup with a stack of what is open, so time grows with the length and nothing can hang it. Links and
the few templates that stand for words keep their text (`templates`); other templates, tables, references, files,
categories and links to other languages go. Markup that is never closed stays as its text. Nothing is expanded: that
would need every template of the wiki.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from ontogeny.data.wikitext_templates import template_text

MAX_OPEN = 100
"""Constructs open at once; deeper ones stay as text. MediaWiki expands to a depth of 100 ($wgMaxPPExpandDepth)."""

DROPPED = "ref|references|gallery|timeline|imagemap|score|templatedata|mapframe|maplink|graph|hiero|inputbox|section"
VERBATIM = "nowiki|pre|syntaxhighlight|source|math|chem"
"""Elements whose content is not markup."""
VERBATIM_TAGS = frozenset(VERBATIM.split("|"))

TOKEN = re.compile(
    r"<!--|\{\{|\}\}|^[ :*#]*\{\||\|\}(?!\})|\[\[|\]\]|"
    rf"<(?P<close>/?)(?P<tag>{DROPPED}|{VERBATIM})\b[^<>]*?(?P<empty>/?)>",
    re.MULTILINE | re.IGNORECASE,
)
PIPE, EQUALS = "\x01", "\x02"
"""Stand for `|` and `=` in text that was rendered already, so that no template around it divides there."""

HIDDEN = {ord(character): f"&#{ord(character)};" for character in "[]{}|='<>*#:;_~-!\n"}
NAMESPACES = frozenset({"file", "image", "media", "category"})
INTERLANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]+)*$|simple$")

EXTERNAL_LINK = re.compile(
    r"\[(?:(?:https?|ftp|mailto|irc|news):|//)[^\s\[\]]*[ \t]*([^\[\]\n]*)\]", re.IGNORECASE
)
BREAK = re.compile(r"<(?:br|/p|/div|/li|/tr|hr)\b[^<>]*>", re.IGNORECASE)
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
QUOTES = re.compile(r"'{2,}")
SWITCH = re.compile(r"__[A-Z]{3,}__")
HEADING = re.compile(r"^(={1,6})[ \t]*(.*?)[ \t]*\1[ \t]*$")
BULLET = re.compile(r"^([*#:;]+)[ \t]*")
EMPTY_BRACKETS = re.compile(r"[ \t]?\([\s,;:–/]*\)")
BRACKET_START = re.compile(r"\([ \t]*(?:[,;:][ \t]*)+")
SPACES = re.compile(r"[ \t]{2,}")
BLANK_LINES = re.compile(r"\n{3,}")
SPACE_BEFORE = re.compile(r"[ \t]+([,.;)])")


class _Open:
    """A construct that was opened: `kind` is `{{`, `[[`, `{|`, the name of a tag, or nothing for the page itself."""

    __slots__ = ("kind", "opening", "parts")

    def __init__(self, kind: str, opening: str = "") -> None:
        self.kind, self.opening, self.parts = kind, opening, list[str]()


def plain_text(markup: str, *, dropped_namespaces: Iterable[str] = ()) -> str:
    """The text of an article in `markup`.

    Args:
        dropped_namespaces: the wiki's own names for files and categories, whose links go; the English ones always do.
    """
    dropped = NAMESPACES | {name.lower() for name in dropped_namespaces}
    return _lines(_inline(_nested(markup.replace(PIPE, "").replace(EQUALS, ""), dropped)))


def _nested(markup: str, dropped: frozenset[str]) -> str:
    """`markup` without what nests: templates, links, tables, references."""
    stack = [_Open("")]
    counts: dict[str, int] = {}
    unclosed: set[str] = set()  # looked for to the end once, and not again
    position = 0
    while (token := TOKEN.search(markup, position)) is not None:
        stack[-1].parts.append(markup[position : token.start()])
        position = token.end()
        mark, tag = token[0].lstrip(" :*#"), (token["tag"] or "").lower()
        if mark == "<!--":
            end = markup.find("-->", position)
            position = len(markup) if end < 0 else end + 3
        elif tag in VERBATIM_TAGS and token["close"]:
            continue
        elif tag in VERBATIM_TAGS:
            end = -1 if token["empty"] or tag in unclosed else markup.find(f"</{tag}", position)
            if end >= 0:
                stack[-1].parts.append(markup[position:end].translate(HIDDEN))
                position = end
            elif not token["empty"]:
                unclosed.add(tag)
        elif tag:
            if token["close"]:
                _close(tag, stack, counts, dropped)
            elif not token["empty"]:
                _open(tag, "", stack, counts)
        elif mark in ("{{", "[[", "{|"):
            _open(mark, token[0], stack, counts)
        else:
            _close({"}}": "{{", "]]": "[[", "|}": "{|"}[mark], stack, counts, dropped)
    stack[-1].parts.append(markup[position:])
    while len(stack) > 1:
        _abandon(stack, counts)
    return "".join(stack[0].parts)


def _open(kind: str, opening: str, stack: list[_Open], counts: dict[str, int]) -> None:
    if len(stack) > MAX_OPEN:
        stack[-1].parts.append(opening)
        return
    stack.append(_Open(kind, opening))
    counts[kind] = counts.get(kind, 0) + 1


def _close(kind: str, stack: list[_Open], counts: dict[str, int], dropped: frozenset[str]) -> None:
    if not counts.get(kind):
        return
    while stack[-1].kind != kind:
        _abandon(stack, counts)
    closed = stack.pop()
    counts[kind] -= 1
    content = "".join(closed.parts)
    if kind == "{{":
        text = template_text(content, restore)
    elif kind == "[[":
        text = _link_text(content, dropped)
    else:
        text = ""  # a table or a dropped element
    stack[-1].parts.append(text.replace("|", PIPE).replace("=", EQUALS))


def _abandon(stack: list[_Open], counts: dict[str, int]) -> None:
    """Give what the innermost open construct holds to the one around it: it was never closed."""
    left = stack.pop()
    counts[left.kind] -= 1
    stack[-1].parts.extend(left.parts)


def _link_text(content: str, dropped: frozenset[str]) -> str:
    target, _, label = content.partition("|")
    target = target.strip()
    if target.startswith(":"):
        return label or target[1:]
    prefix, colon, rest = target.partition(":")
    if colon and (prefix.strip().lower() in dropped or (not label and INTERLANGUAGE.match(prefix))):
        return ""
    return label or (rest if colon and prefix.islower() else target.removeprefix("#"))


def restore(text: str) -> str:
    """`text` with the characters that were set aside while templates were read."""
    return text.replace(PIPE, "|").replace(EQUALS, "=")


def _inline(text: str) -> str:
    """`text` without the markup that does not nest."""
    text = restore(text)
    text = EXTERNAL_LINK.sub(r"\1", text)
    text = TAG.sub("", BREAK.sub("\n", text))
    return SWITCH.sub("", QUOTES.sub("", text))


def _lines(text: str) -> str:
    """Headings and list items as plain lines."""
    lines: list[tuple[int, str]] = []  # the level of a heading or 0, and what it says
    for line in text.split("\n"):
        heading = HEADING.match(line.strip())
        if heading:
            lines += [(0, ""), (len(heading[1]), _tidy(heading[2])), (0, "")]
            continue
        bullet = BULLET.match(line)
        shown = _tidy(line[bullet.end() :] if bullet else line)
        if bullet and bullet[1][-1] in "*#":
            shown = f"- {shown}" if shown else ""
        if shown or not bullet:
            lines.append((0, shown))
    return BLANK_LINES.sub("\n\n", "\n".join(_with_content(lines))).strip("\n")


def _with_content(lines: list[tuple[int, str]]) -> list[str]:
    """The lines but for headings with nothing below them."""
    kept: list[str] = []
    below = 0  # what is kept next below: 7 for text, the level of a heading, 0 for nothing
    for level, shown in reversed(lines):
        if level == 0:
            below = 7 if shown else below
        elif below > level and shown:
            below = level
        else:
            continue
        kept.append(shown)
    return kept[::-1]


def _tidy(line: str) -> str:
    line = html.unescape(line).replace("\xa0", " ")
    line = BRACKET_START.sub("(", EMPTY_BRACKETS.sub("", line))
    return SPACE_BEFORE.sub(r"\1", SPACES.sub(" ", line)).strip(" \t")
