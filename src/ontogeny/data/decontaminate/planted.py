"""Items as they leak, and texts that only look like them: what decontamination is measured on.

Each takes the item, and a random generator of the caller's where chance decides.
"""

from __future__ import annotations

import random
import re

from ontogeny.data.decontaminate.items import Item

EDITED = 0.1
"""Part of the words that an edited copy changes."""
HALF_OF = 60
"""Words from which on a half is long enough to be a leak of its own."""


def shown(item: Item) -> str:
    """The item as a page of exercises has it."""
    answer = item.answers[0] if item.answers else ""
    return "\n".join(part for part in (item.context, item.question, answer) if part)


def reformatted(item: Item, rng: random.Random) -> str:
    """Another layout, case and punctuation; no other words."""
    answer = item.answers[0] if item.answers else ""
    text = re.sub(r"[,;.\"'“”]", lambda mark: rng.choice(["", mark[0]]), item.question)
    text = rng.choice([str.upper, str.lower, str.title])(text)
    wrapped = re.sub(r"((?:\S+\s+){7}\S+)\s+", r"\1\n> ", text)
    return f"## Exercise 7\n\n> **{wrapped}**\n\n- (i) none of these\n- (ii) {answer}\n"


def edited(text: str, vocabulary: list[str], rng: random.Random) -> str:
    """Every tenth word, by chance, replaced, left out or followed by another one."""
    words: list[str] = []
    for word in text.split():
        if rng.random() >= EDITED:
            words.append(word)
            continue
        way = rng.randrange(3)
        words += [[rng.choice(vocabulary)], [], [word, rng.choice(vocabulary)]][way]
    return " ".join(words)


def half(item: Item) -> str:
    """The second half of a question; empty where the question has fewer than HALF_OF words."""
    words = item.question.split()
    return " ".join(words[len(words) // 2 :]) if len(words) >= HALF_OF else ""


def shuffled(text: str, rng: random.Random) -> str:
    """The same words in another order."""
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def half_replaced(text: str, vocabulary: list[str], rng: random.Random) -> str:
    """Every other word replaced: what two texts of one template and different content have in common."""
    return " ".join(rng.choice(vocabulary) if n % 2 else word for n, word in enumerate(text.split()))
