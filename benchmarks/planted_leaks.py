"""A labelled set for decontamination: evaluation items planted into real text, and text that only looks like them.

Leaks: each as it stands; with its answer; in another form (another layout, case and punctuation); in the middle of a
long document, both as it stands and with every tenth word changed; the second half of a long one. Look-alikes: the
items of the other half of every suite, which share its templates and subjects; other questions and instructions;
passages without their questions; ordinary text.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ontogeny.data.decontaminate.items import Item, all_items, read_items
from ontogeny.data.decontaminate.planted import HALF_OF, edited, half, reformatted, shown

SUITES = (
    "icl-tasks/*.jsonl",
    "piqa/*.jsonl",
    "mmlu/test/*.csv",
    "truthfulqa/*.csv",
    "humaneval/*.jsonl.gz",
)
LIKE_QUESTIONS = ("gsm8k-train/train.jsonl", "self-instruct-seeds/user_oriented_instructions.jsonl")
WORDS_OF_PASSAGE = 300
LONG_DOCUMENT = 4000  # words around an embedded leak


@dataclass(frozen=True)
class Planted:
    """A document: what kind it is, whether it holds an item, and the item that it was made of."""

    kind: str
    leak: bool
    text: str
    item: Item | None = None


@dataclass(frozen=True)
class LeakSet:
    """Items to look for, and documents of which some hold them."""

    items: list[Item]
    documents: list[Planted]


def leak_set(data: Path, *, per_kind: int, seed: int) -> LeakSet:
    """`per_kind` documents of each kind, as far as there are so many, from the folder of shared data."""
    rng = random.Random(seed)
    sought: list[Item] = []
    others: list[Item] = []
    for file in read_items([path for suite in SUITES for path in sorted(data.glob(suite))]):
        half = len(file.items) // 2  # neighbours are often twins: halves, and not every second one
        sought += file.items[:half]
        others += file.items[half:]
    passages = [text for text in ordinary(data) if text.strip()]
    rng.shuffle(passages)
    vocabulary = sorted({word for text in passages[:500] for word in text.split()})
    documents = [*_leaks(sought, passages, vocabulary, per_kind, rng)]
    taken = {normal(item.question) for item in sought}
    others = [item for item in others if normal(item.question) not in taken]
    documents += [
        Planted("other half of the suite", False, shown(item), item)
        for item in rng.sample(others, 4 * per_kind)
    ]
    asked = [
        item
        for item in all_items(read_items([data / name for name in LIKE_QUESTIONS], {"answer": "answer"}))
        if normal(item.question) not in taken
    ]
    documents += [
        Planted("other questions", False, shown(item), item)
        for item in rng.sample(asked, min(4 * per_kind, len(asked)))
    ]
    with_passage = [item for item in sought if item.context]
    documents += [
        Planted("passage without its question", False, item.context, item)
        for item in rng.sample(with_passage, min(per_kind, len(with_passage)))
    ]
    documents += [Planted("ordinary text", False, text) for text in passages]
    rng.shuffle(documents)
    return LeakSet(sought, documents)


def _leaks(
    sought: list[Item], passages: list[str], vocabulary: list[str], count: int, rng: random.Random
) -> Iterator[Planted]:
    def some(items: list[Item]) -> list[Item]:
        return rng.sample(items, min(count, len(items)))

    for item in some(sought):
        yield Planted("as it stands", True, f"{item.context}\n{item.question}".strip(), item)
    for item in some(sought):
        yield Planted("with its answer", True, shown(item), item)
    for item in some(sought):
        yield Planted("in another form", True, reformatted(item, rng), item)
    for item in some(sought):
        yield Planted("in a long document", True, embedded(shown(item), passages, rng), item)
    for item in some(sought):
        text = embedded(edited(shown(item), vocabulary, rng), passages, rng)
        yield Planted("every tenth word changed", True, text, item)
    long = [item for item in sought if not item.context and len(item.question.split()) >= HALF_OF]
    for item in some(long):
        yield Planted("half of a long one", True, embedded(half(item), passages, rng), item)


def embedded(text: str, passages: list[str], rng: random.Random) -> str:
    """`text` in the middle of a long ordinary document."""
    words = 0
    around: list[str] = []
    while words < LONG_DOCUMENT:
        around.append(rng.choice(passages))
        words += len(around[-1].split())
    middle = rng.randrange(len(around) + 1)
    return "\n\n".join([*around[:middle], text, *around[middle:]])


def ordinary(data: Path) -> Iterator[str]:
    """Passages of books and manuals, and pages of the web as they are."""
    for name in (
        "books/books.jsonl.gz",
        "python-docs/python-docs.jsonl.gz",
        "linux-docs/linux-docs.jsonl.gz",
    ):
        with gzip.open(data / name, "rt") as rows:
            for number, row in enumerate(rows):
                words = json.loads(row)["text"].split(" ")
                step = 20 if name.startswith("books") else 4
                for start in range(0, len(words), WORDS_OF_PASSAGE * step):
                    yield " ".join(words[start : start + WORDS_OF_PASSAGE])
                if number > 1500:
                    break
    for path in sorted((data / "web-text").iterdir()):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as rows:
            for row in rows:
                page = json.loads(row)
                yield page.get("text") or page.get("raw_content") or ""


def normal(text: str) -> str:
    """Words in lower case, to tell copies of a question."""
    return " ".join(re.findall(r"\w+", text.lower()))
