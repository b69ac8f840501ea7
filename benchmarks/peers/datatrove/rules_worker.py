"""datatrove's four rule sets over documents in memory, in this process: in a chain, as in its FineWeb example.

Once, without a clock, every rule judges every document by itself and the verdicts are written for comparison.
"""

from __future__ import annotations

import argparse
import json
import resource
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from benchmarks.peers.turns import Turns

WARM = 20  # documents: loads spaCy and fills its caches


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("verdicts", type=Path)
    job = parser.parse_args()
    with job.texts.open() as lines:
        texts = [json.loads(line)["text"] for line in lines]
    turns = Turns()
    filters = {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "c4": C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb": FineWebQualityFilter(),
    }
    chain(texts[:WARM], filters)
    turns.announce(versions={name: version(name) for name in ("datatrove", "spacy", "numpy")})
    judged = False
    while True:
        turns.wait()
        started = cpu_seconds()
        kept = chain(texts, filters)
        spent = cpu_seconds() - started
        if not judged:
            job.verdicts.write_text(json.dumps([verdicts(text, filters) for text in texts]))
            judged = True
        turns.done(cpu_seconds=spent, kept=float(kept))


def chain(texts: list[str], filters: dict[str, Any]) -> int:
    """How many documents pass all filters, one after the other."""
    kept = 0
    for text in texts:
        document = Document(text=text, id="")
        kept += all(passes(each, document) for each in filters.values())
    return kept


def passes(each: Any, document: Document) -> bool:
    return each.filter(document) is True


def verdicts(text: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Whether each rule keeps the text; what C4 makes of it; and whether FineWeb keeps that."""
    answers: dict[str, Any] = {}
    for name, each in filters.items():
        document = Document(text=text, id="")
        answers[name] = passes(each, document)
        if name == "c4" and answers[name]:
            answers["edited"] = document.text
            answers["fineweb_after_c4"] = passes(filters["fineweb"], document)
    return answers


def cpu_seconds() -> float:
    """User and system time of this process and its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
