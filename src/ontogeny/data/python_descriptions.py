"""What a docstring says its function does, in one sentence: what questions are made of.

Only sentences that are prose count. Docstrings also begin with a copy of the signature, an example, a grammar rule, or
`Internal function.`; those describe nothing, and a question with such an answer would teach and measure nothing.
"""

from __future__ import annotations

import re

MIN_WORDS = 4
"""Below this there are `Internal function.`, `Override base method.` and other non-answers."""

MAX_CHARS = 200
"""Nine of ten first sentences in Python 3.11 have at most 83; those beyond this are lists without a full stop."""

# A sentence ends at a full stop before a capital, a quote or the end; `e.g. this` and `3.5` end none.
SENTENCE = re.compile(r"(.+?(?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?])(?=\s+[A-Z(`*'\"<]|\s*$)", re.DOTALL)
PROSE = re.compile(
    r"[A-Z]?[a-z]+('[a-z]+)?[,;:]? |An? |I "
)  # the first word is a word: no name, call, rule or prompt
NOT_PROSE = re.compile(r">>>|->|::=|\*\*|\.\.\.|_{2}|deprecated|\bTODO\b|:$", re.IGNORECASE)


def describe(docstring: str) -> str | None:
    """The first sentence of the first paragraph that begins with one, on one line; None where there is none."""
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        text = " ".join(paragraph.split())
        match = SENTENCE.match(text)
        sentence = match.group(1) if match else text
        if is_description(sentence):
            return sentence
    return None


def is_description(sentence: str) -> bool:
    """Whether `sentence` is prose that can stand as an answer."""
    return (
        len(sentence.split()) >= MIN_WORDS
        and len(sentence) <= MAX_CHARS
        and PROSE.match(sentence) is not None
        and NOT_PROSE.search(sentence) is None
    )


def folded(text: str) -> str:
    """`text` as two of it are compared: one line, no case, no full stop at the end."""
    return " ".join(text.split()).casefold().rstrip(".!? ")
