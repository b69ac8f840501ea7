"""Our four rule sets over documents in memory, in this process, as the recipe's step computes them."""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.turns import Turns
from ontogeny.core.hardware import package_versions
from ontogeny.data.edits.c4_lines import C4Lines, edit_c4_lines
from ontogeny.data.rules.c4 import C4, judge_c4
from ontogeny.data.rules.fineweb import FineWeb, judge_fineweb
from ontogeny.data.rules.gopher_quality import GopherQuality, judge_gopher_quality
from ontogeny.data.rules.gopher_repetition import GopherRepetition, judge_gopher_repetition
from ontogeny.data.signals.lines import LINES
from ontogeny.data.signals.words import REPETITION, WORDS, compute_together
from ontogeny.data.texts import Texts

BATCH = 1000  # documents
REPETITION_RULE, QUALITY_RULE = (
    GopherRepetition(type="gopher-repetition"),
    GopherQuality(type="gopher-quality"),
)
LINES_EDIT = C4Lines(type="c4-lines", terminal_punctuation=False)
C4_RULE, FINEWEB_RULE = C4(type="c4"), FineWeb(type="fineweb")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("slice_texts", type=Path)
    parser.add_argument("verdicts", type=Path)
    job = parser.parse_args()
    texts = read(job.texts)
    turns = Turns()
    job.verdicts.write_text(json.dumps(verdicts(read(job.slice_texts))))
    turns.announce(versions={name: package_versions().get(name) for name in ("numba", "numpy")})
    while True:
        turns.wait()
        started = cpu_seconds()
        kept = sum(chain(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH))
        turns.done(cpu_seconds=cpu_seconds() - started, kept=float(kept))


def read(path: Path) -> list[str]:
    with path.open() as lines:
        return [json.loads(line)["text"] for line in lines]


def judge(strings: list[str]) -> dict[str, Any]:
    """The code of each rule for each document, of FineWeb before and after C4's edit too, and the edited texts."""
    texts = Texts.of(strings)
    columns = compute_together((WORDS, REPETITION, LINES), texts)
    edited = edit_c4_lines(texts, LINES_EDIT)
    after = compute_together((WORDS, LINES), edited.texts)
    return {
        "gopher_repetition": judge_gopher_repetition(REPETITION_RULE, columns).code,
        "gopher_quality": judge_gopher_quality(QUALITY_RULE, columns).code,
        "c4": judge_c4(C4_RULE, edited.columns).code,
        "fineweb": judge_fineweb(FINEWEB_RULE, columns).code,
        "fineweb_after_c4": judge_fineweb(FINEWEB_RULE, after).code,
        "edited": edited.texts,
    }


def chain(strings: list[str]) -> int:
    """How many documents pass all rules; every signal of every document is computed, and the edited texts are made."""
    codes = judge(strings)
    names = ("gopher_repetition", "gopher_quality", "c4", "fineweb_after_c4")
    return int(np.sum(np.all([codes[name] == 0 for name in names], axis=0)))


def verdicts(strings: list[str]) -> list[dict[str, Any]]:
    codes = judge(strings)
    edited = codes.pop("edited").strings()
    return [
        {"edited": text} | {name: bool(code[row] == 0) for name, code in codes.items()}
        for row, text in enumerate(edited)
    ]


def cpu_seconds() -> float:
    """User and system time of this process and its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
