"""How much a text looks like what a page was written for, so that the best of several extractions can be kept.

    score = (characters in sentences / all characters)² × ln(1 + all characters)

A line counts as sentences when it ends as one and is longer than a menu entry. What is left over (menus, link lists,
captions, dates, buttons) is what extractors let through when they err, so its share counts against a text twice; length
counts for it slowly, so that the longer of two equally clean texts wins and a long one full of menus does not. Chosen
among four such formulas on the article extraction benchmark; `benchmarks/extraction.py` measures what it brings there.
"""

from __future__ import annotations

import math
import re

MIN_CHARS = 20
"""Shortest line that counts as a sentence: five short words, or twenty characters of a script without spaces."""

SENTENCE_END = re.compile(r"[.!?…:。！？।؟۔][\"'”’»)\]」』]*\s*$")


def score_text(text: str) -> float:
    """The score of an extracted text: 0 for nothing, about 10 for a clean article."""
    total = sentences = 0
    for line in text.splitlines():
        line = line.strip()
        total += len(line)
        if len(line) >= MIN_CHARS and SENTENCE_END.search(line):
            sentences += len(line)
    return (sentences / total) ** 2 * math.log1p(total) if total else 0.0
