"""Decontamination on planted leaks and look-alikes: precision, recall by kind, and speed over ordinary text.

A document counts as found when the rule would drop it. GPT-3's way (any shared 13-gram in at most ten documents; Brown
et al. 2020, appendix C) and half of an item's 13-grams are shown beside ours, on the same documents.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import Json, Neighbours, summary, write_result
from benchmarks.planted_leaks import LeakSet, leak_set
from ontogeny.data.decide import decide
from ontogeny.data.decontaminate.corpus import Contamination, drop_contaminated
from ontogeny.data.decontaminate.index import QUESTION, count_hits, n_grams, words_of
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.decontaminate.match import matches_in
from ontogeny.data.document import Document, Text, make_doc_id, to_row
from ontogeny.data.portions import stored_schema, write_portion
from ontogeny.data.rules import Need
from ontogeny.data.rules.decontaminate import Decontaminate
from ontogeny.data.signals.overlap import group_of, index_of
from ontogeny.data.texts import Texts

RUNS = 5
SPEED_BYTES = 40_000_000
GPT3_N_GRAM, GPT3_DOCUMENTS = 13, 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of shared data")
    parser.add_argument("--per-kind", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    parser.add_argument("--show", type=int, default=0, help="print so many wrong decisions of each kind")
    wanted = parser.parse_args()
    labelled = leak_set(wanted.data, per_kind=wanted.per_kind, seed=wanted.seed)
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        rule = Decontaminate(type="decontaminate", against=(str(_written(labelled.items, Path(folder))),))
        dropped, found = decided(labelled, rule, Path(folder))
        speed = megabytes_a_second(wanted.data, rule)
    gpt3, share = by_n_grams(labelled)
    figures: dict[str, Json] = {
        "ontogeny": judged(labelled, dropped),
        "any shared 13-gram (GPT-3)": judged(labelled, gpt3),
        "half of an item's 13-grams": judged(labelled, share),
        "MB/s a core": summary(speed["runs"]),
        "microseconds a document": speed["microseconds"],
        "items": len(labelled.items),
        "items too short to tell": found.index.unmatched,
        "candidates looked at": found.candidates,
        "documents": len(labelled.documents),
    }
    if wanted.show:
        show(labelled, dropped, found, wanted.show)
    settings: dict[str, Json] = {"per_kind": wanted.per_kind, "seed": wanted.seed}
    settings["rule"] = rule.model_dump(mode="json", exclude={"against"})
    write_result(
        "decontamination",
        settings=settings,
        runs=speed["runs"],
        figures=figures,
        keep=not wanted.trial,
        disturbed=neighbours.disturbed,
    )


def _written(items: list[Item], folder: Path) -> Path:
    path = folder / "items.jsonl"
    rows = [
        {"id": f"{item.suite}/{item.id}", "question": item.question, "passage": item.context,
         "completion": list(item.answers)}
        for item in items
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def decided(
    labelled: LeakSet, rule: Decontaminate, folder: Path
) -> tuple[np.ndarray[Any, Any], Contamination]:
    """Which documents the rule drops, through portions and decisions as a curation does it."""
    ids = [make_doc_id("planted", str(number)) for number in range(len(labelled.documents))]
    rows = [
        to_row(Document(doc_id=each, group=each, source="planted", locator="", content=Text(planted.text)))
        for each, planted in zip(ids, labelled.documents, strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=stored_schema("text"))
    counts = {"records": len(rows), "documents": len(rows), "position": 0}
    portion = write_portion(folder / "portion-00000", "text", table, [], counts)
    group = group_of(rule)
    portion.add_signals(group, group.compute(portion.texts()))
    found = decide([portion], (), [Need(group, 0)])
    contamination = drop_contaminated(found, rule)
    names = portion.documents(["doc_id"]).column("doc_id").to_pylist()
    gone = {names[row] for row in found.row[~found.kept]}
    return np.array([each in gone for each in ids]), contamination


def by_n_grams(labelled: LeakSet) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What two plain rules drop: any uncommon shared 13-gram; half of an item's 13-grams (the whole, if shorter)."""
    owners: dict[int, set[int]] = {}
    sizes: list[int] = []
    for number, item in enumerate(labelled.items):
        words = words_of(f"{item.context} {item.question}")
        grams = set(n_grams(words, min(GPT3_N_GRAM, max(len(words), 1))).tolist())
        sizes.append(len(grams))
        for gram in grams:
            owners.setdefault(gram, set()).add(number)
    lengths = sorted(
        {min(GPT3_N_GRAM, len(words_of(f"{i.context} {i.question}"))) for i in labelled.items} - {0}
    )
    shared: list[set[int]] = []
    for planted in labelled.documents:
        words = words_of(planted.text)
        shared.append({g for length in lengths for g in n_grams(words, length).tolist() if g in owners})
    spread = Counter(gram for grams in shared for gram in grams)
    any_gram = [any(spread[gram] <= GPT3_DOCUMENTS for gram in grams) for grams in shared]
    half = []
    for grams in shared:
        count = Counter(owner for gram in grams for owner in owners[gram])
        half.append(any(2 * number >= sizes[owner] for owner, number in count.items()))
    return np.array(any_gram), np.array(half)


def judged(labelled: LeakSet, dropped: np.ndarray[Any, Any]) -> dict[str, Json]:
    """Precision, recall, recall by kind of leak, and the share of each kind of look-alike dropped wrongly."""
    leak = np.array([planted.leak for planted in labelled.documents])
    kinds = Counter((planted.kind, planted.leak) for planted in labelled.documents)
    hit = Counter(planted.kind for planted, gone in zip(labelled.documents, dropped, strict=True) if gone)
    return {
        "precision": float((dropped & leak).sum() / max(dropped.sum(), 1)),
        "recall": float((dropped & leak).sum() / leak.sum()),
        "recall by kind": {k: hit[k] / n for (k, is_leak), n in sorted(kinds.items()) if is_leak},
        "dropped wrongly": {k: [hit[k], n] for (k, is_leak), n in sorted(kinds.items()) if not is_leak},
    }


def megabytes_a_second(data: Path, rule: Decontaminate) -> dict[str, Any]:
    """The pass over ordinary text, in one thread."""
    with gzip.open(data / "books/books.jsonl.gz", "rt") as rows:
        words = [json.loads(row)["text"] for row in rows]
    chunks = [text[start : start + 6000] for text in words for start in range(0, len(text), 6000)]
    texts = Texts.of(chunks[: SPEED_BYTES // 6000])
    index = index_of(rule)
    count_hits(texts, index)
    runs = []
    for _ in range(RUNS):
        started = time.process_time()
        count_hits(texts, index)
        runs.append(time.process_time() - started)
    rates = [len(texts.data) / 1e6 / each for each in runs]
    return {"runs": rates, "microseconds": 1e6 * min(runs) / len(texts)}


def show(labelled: LeakSet, dropped: np.ndarray[Any, Any], found: Contamination, count: int) -> None:
    """Wrong decisions, for a person to judge."""
    shown: Counter[str] = Counter()
    for planted, gone in zip(labelled.documents, dropped, strict=True):
        if gone == planted.leak or shown[planted.kind] >= count:
            continue
        shown[planted.kind] += 1
        print(f"--- {planted.kind}: {'dropped' if gone else 'missed'}: {planted.text[:300]!r}")
        if gone:
            print(f"    {_nearest_item(planted.text, found)}")
        elif planted.item is not None:
            print(f"    {planted.item.suite}: {planted.item.question[:200]!r} {planted.item.answers}")


def _nearest_item(text: str, found: Contamination) -> str:
    """The item of which most stands in `text`."""
    texts, index = Texts.of([text]), found.index
    matches = matches_in(texts.data, 0, len(texts.data), index)
    match = max(matches, key=lambda each: (index.entries[each.entry].role == QUESTION, each.share))
    item = index.items[index.entries[match.entry].item]
    return f"{match.share:.2f} of {item.id} ({len(match.grams)} hits): {item.question[:300]!r} {item.answers}"


if __name__ == "__main__":
    main()
