"""A labelled set for duplicate removal: real text with copies planted in it, and look-alikes that must stay.

Passages of books, chapters in a row, and pages of the web and of manuals. Passages that are near each other by nature
are found by counting shared 5-grams of every pair, and left out, so that the labels are true. Each planted document has
one original; a pair says which of the two may go.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

N_GRAM = 5
MOST_SHARED = 0.1  # of the 5-grams of a passage, with any other passage: more, and it is left out
TEMPLATES = 20
SHARE_PLANTED = 0.5  # of the passages that get a copy or a look-alike

KINDS = {
    "exact": 0.15,
    "edited 2-10%": 0.35,
    "excerpt of a longer text": 0.15,
    "whole inside a longer text": 0.15,
    "rewritten 40%": 0.1,
    "same template": 0.05,
    "mostly template": 0.05,
}
"""What is planted, and its share. The last three are look-alikes; `numbered_texts` adds those of other numbers."""

NUMBERED = 100
"""Texts of each wording that differ in their numbers only, to a thousand passages."""

OWN_WORDS = (60, 120)  # what a page that is mostly template says itself


@dataclass(frozen=True)
class Pair:
    """Two documents of which one is a copy; those in `may_go` can be removed where the other stays."""

    kind: str
    documents: tuple[int, int]
    may_go: frozenset[int]


@dataclass
class Labelled:
    """Texts in a random order, with every pair of copies among them and the kind of each document."""

    texts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)


def labelled_set(data: Path, *, passages: int, seed: int = 0) -> Labelled:
    """The labelled set made of `passages` passages of the text in `data`."""
    generator = random.Random(seed)
    pool = list(_distinct(_passages(data, generator, passages)))
    chosen = set(generator.sample(range(len(pool)), int(SHARE_PLANTED * len(pool))))
    vocabulary = [word for words in pool for word in words]
    templates = [pool.pop() for _ in range(TEMPLATES)]
    found = Labelled()
    for number, words in enumerate(pool):
        if number not in chosen:
            _add(found, words, "alone")
            continue
        kind = generator.choices(list(KINDS), weights=list(KINDS.values()))[0]
        _plant(found, kind, words, generator, vocabulary, templates, pool)
    for kind, text in numbered_texts(max(1, passages * NUMBERED // 1000), generator):
        _add(found, text.split(), kind)
    return _shuffled(found, generator)


def numbered_texts(count: int, generator: random.Random) -> Iterator[tuple[str, str]]:
    """So many of each kind, all different: statistics, sums and lines of a log in one wording, with their kind."""

    def below(limit: int) -> int:
        return generator.randrange(limit)

    for number in range(count):
        yield (
            "other numbers: statistics",
            " ".join(
                f"In {1900 + below(120)} the district of the county counted {below(10**5)} inhabitants in "
                f"{below(10**4)} households, of whom {below(100)} percent lived from farming, and the average "
                f"income of a household was {below(10**5)} crowns a year."
                for _ in range(6)
            ),
        )
        one, two, three = number + 2, 2 + below(97), 2 + below(97)
        product = f"First multiply {two} by {three}, which is {two * three}, then add {one}"
        asked = f"Question: what is {one} plus {two} times {three}?"
        yield "other numbers: arithmetic", f"{asked} {product}, so that the answer is {one + two * three}."
        yield (
            "other numbers: log lines",
            " ".join(
                f"2024-03-{1 + below(28):02} {below(24):02}:{below(60):02}:{below(60):02} worker {below(99)} finished "
                f"request {below(10**6)} in {below(900)} ms with status 200"
                for _ in range(12)
            ),
        )


def _plant(
    found: Labelled,
    kind: str,
    words: list[str],
    generator: random.Random,
    vocabulary: list[str],
    templates: list[list[str]],
    pool: list[list[str]],
) -> None:
    if kind in {
        "same template",
        "mostly template",
    }:  # a page of its own, in a head and a foot that others have too
        template = generator.choice(templates)
        if kind == "mostly template":
            words = words[: generator.randint(*OWN_WORDS)]
        half = len(template) // 2 if kind == "mostly template" else min(len(template) // 2, len(words))
        _add(found, template[:half] + words + template[half : 2 * half], kind)
        return
    original = _add(found, words, kind)
    if kind == "rewritten 40%":
        _add(found, edited(words, 0.4, generator, vocabulary), kind)
        return
    if kind == "exact":
        copy = _add(found, [word.upper() if generator.random() < 0.1 else word for word in words], kind)
        may_go = {original, copy}
    elif kind == "edited 2-10%":
        copy = _add(found, edited(words, generator.uniform(0.02, 0.1), generator, vocabulary), kind)
        may_go = {original, copy}
    elif kind == "excerpt of a longer text":
        length = max(120, int(len(words) * generator.uniform(0.2, 0.6)))
        start = generator.randrange(max(1, len(words) - length))
        copy = _add(found, words[start : start + length], kind)
        may_go = {copy}
    else:
        around = generator.choices(vocabulary, k=2 * len(words))  # in no order: nobody's copy
        place = generator.randrange(len(around))
        copy = _add(found, around[:place] + words + around[place:], kind)
        may_go = {original}
    found.pairs.append(Pair(kind, (original, copy), frozenset(may_go)))


def edited(words: list[str], share: float, generator: random.Random, vocabulary: list[str]) -> list[str]:
    """`words` with a share of them replaced, left out, or followed by another, a third of the edits each."""
    places = set(generator.sample(range(len(words)), round(share * len(words))))
    result = []
    for place, word in enumerate(words):
        if place not in places:
            result.append(word)
            continue
        what = generator.randrange(3)
        result += [[generator.choice(vocabulary)], [], [word, generator.choice(vocabulary)]][what]
    return result


def _add(found: Labelled, words: list[str], kind: str) -> int:
    found.texts.append(" ".join(words))
    found.kinds.append(kind)
    return len(found.texts) - 1


def _shuffled(found: Labelled, generator: random.Random) -> Labelled:
    order = generator.sample(range(len(found.texts)), len(found.texts))
    place = {row: number for number, row in enumerate(order)}
    pairs = [
        Pair(
            pair.kind,
            (place[pair.documents[0]], place[pair.documents[1]]),
            frozenset(place[row] for row in pair.may_go),
        )
        for pair in found.pairs
    ]
    return Labelled([found.texts[row] for row in order], [found.kinds[row] for row in order], pairs)


def _passages(data: Path, generator: random.Random, count: int) -> Iterator[list[str]]:
    """Passages of 120 to 1,500 words: of books one after the other, of other sources one a document."""
    pages = []
    for name in (
        "web-text/c4-300.jsonl",
        "web-text/commoncrawl-2019-07.jsonl.gz",
        "linux-docs/linux-docs.jsonl.gz",
    ):
        pages += [text.split() for text in _texts(data / name)]
    generator.shuffle(pages)
    wanted = [words[:1500] for words in pages if len(words) >= 120][: count // 3]
    yield from wanted
    missing = count - len(wanted)
    for text in _texts(data / "books/books.jsonl.gz"):
        words, start = text.split()[:60_000], 0
        while missing and len(words) - start >= 1500:
            length = generator.randint(120, 1500)
            yield words[start : start + length]
            start, missing = start + length, missing - 1


def _texts(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield json.loads(line)["text"]


def _distinct(passages: Iterator[list[str]]) -> Iterator[list[str]]:
    """Those of `passages` that share little with any other, by counting."""
    every = list(passages)
    holders: dict[int, list[int]] = defaultdict(list)
    shingles = []
    for number, words in enumerate(every):
        plain = ["".join(filter(str.isalnum, word.lower())) for word in words]
        shingles.append({hash(tuple(plain[at : at + N_GRAM])) for at in range(len(plain) - N_GRAM + 1)})
        for each in shingles[-1]:
            holders[each].append(number)
    for number, words in enumerate(every):
        shared = Counter(other for each in shingles[number] for other in holders[each] if other != number)
        if not shared or max(shared.values()) <= MOST_SHARED * len(shingles[number]):
            yield words
