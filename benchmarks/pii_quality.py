"""Claim: personal data is found with the precision and recall below, at a speed that does not slow curation down.

Quality: the marked sentences of presidio-research (generated, no real persons), by kind; a place counts as found where
it overlaps with one of its kind. False positives on ordinary text: everything found in books, where there is none, is
wrong; in manuals, what was found is counted by kind, and samples are kept for the eye. Speed: CPU seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.corpora import read_texts
from benchmarks.measure import Json, summary, write_result
from ontogeny.data.pii.candidates import find_candidates
from ontogeny.data.pii.find import Found, find_pii, mask_found
from ontogeny.data.pii.kinds import KINDS
from ontogeny.data.texts import Texts
from ontogeny.statistics.intervals import wilson

MARKED = {
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
}
"""The data set's names for the kinds that are looked for; the others (names, addresses, dates) are not."""

ORDINARY = {
    "books": "books/*.jsonl.gz",
    "linux-docs": "linux-docs/*.jsonl.gz",
    "python-docs": "python-docs/*.jsonl.gz",
}
SAMPLES = 5

Place = tuple[int, int, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with pii/, books/, linux-docs/, python-docs/"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    options = parser.parse_args()
    marked = json.loads((options.data / "pii" / "synth_dataset_v2.json").read_text())
    figures: dict[str, Json] = {"marked sentences": len(marked), "by kind": dict(by_kind(marked))}
    runs: list[Json] = []
    for name, pattern in ORDINARY.items():
        texts = Texts.of(read_texts(options.data, pattern))
        found = find_pii(texts, KINDS)
        speeds = [speed(texts) for _ in range(options.rounds)]
        runs.append({"texts": name, "MB/s": list(speeds)})
        figures[name] = {
            "megabytes": len(texts.data) / 1e6,
            "found": dict(Counter(KINDS[kind] for kind in found.kind.tolist())),
            **per_megabyte(found, len(texts.data) / 1e6, whole_is_wrong=name == "books"),
            "samples": samples(texts, found) if name != "books" else samples(texts, found) or "none",
            **{f"MB/s a core, {step}": summary([run[step] for run in speeds]) for step in speeds[0]},
        }
    write_result(
        "pii_quality",
        settings={"rounds": options.rounds},
        runs=runs,
        figures=figures,
        keep=not options.trial,
    )


def by_kind(marked: list[dict[str, Any]]) -> dict[str, Json]:
    """Precision and recall with 95% Wilson intervals; private addresses count as addresses."""
    texts = Texts.of([each["full_text"] for each in marked])
    places = places_of(texts, find_pii(texts, KINDS))
    hits, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for each, found in zip(marked, places, strict=True):
        true = truth(each)
        for place in true:
            (hits if any(overlap(place, other) for other in found) else missed)[place[2]] += 1
        wrong.update(place[2] for place in found if not any(overlap(place, other) for other in true))
    figures: dict[str, Json] = {}
    for kind in sorted(set(MARKED.values())):
        said, there = hits[kind] + wrong[kind], hits[kind] + missed[kind]
        figures[kind] = {
            "marked": there,
            "recall": hits[kind] / there,
            "recall ci95": list(wilson(hits[kind], there)[:2]),
            "precision": hits[kind] / said,
            "precision ci95": list(wilson(hits[kind], said)[:2]),
        }
    figures["secret"] = {"marked": 0, "wrong": wrong["secret"]}
    return figures


def truth(sentence: dict[str, Any]) -> list[Place]:
    """Marked places as bytes; the data set counts characters."""
    text, out = sentence["full_text"], []
    for span in sentence["spans"]:
        if kind := MARKED.get(span["entity_type"]):
            start, end = (len(text[: span[name]].encode()) for name in ("start_position", "end_position"))
            out.append((start, end, kind))
    return out


def places_of(texts: Texts, found: Found) -> list[list[Place]]:
    places: list[list[Place]] = [[] for _ in range(len(texts))]
    rows = zip(
        found.text.tolist(), found.start.tolist(), found.end.tolist(), found.kind.tolist(), strict=True
    )
    for text, start, end, kind in rows:
        base = int(texts.offsets[text])
        places[text].append((start - base, end - base, KINDS[kind].removeprefix("private-")))
    return places


def overlap(a: Place, b: Place) -> bool:
    return a[2] == b[2] and a[0] < b[1] and b[0] < a[1]


def samples(texts: Texts, found: Found) -> dict[str, Json]:
    """A few of what was found by kind, evenly spread, e-mail addresses left out of the record."""
    whole, out = texts.data.tobytes(), {}  # type: bytes, dict[str, Json]
    for code, kind in enumerate(KINDS):
        rows = (found.kind == code).nonzero()[0].tolist()
        if rows and kind != "email":
            chosen = rows[:: max(1, len(rows) // SAMPLES)][:SAMPLES]
            out[kind] = [
                whole[found.start[row] : found.end[row]][:40].decode(errors="replace") for row in chosen
            ]
    return out


def per_megabyte(found: Found, megabytes: float, *, whole_is_wrong: bool) -> dict[str, Json]:
    """How often ordinary text is taken for personal data, by kind and in all.

    Of manuals this is an upper bound: they do hold addresses and telephone numbers.
    """
    counts = Counter(KINDS[kind] for kind in found.kind.tolist())
    name = "false positives per MB" if whole_is_wrong else "found per MB, an upper bound of false positives"
    return {name: {"all": len(found) / megabytes} | {kind: counts[kind] / megabytes for kind in KINDS}}


def speed(texts: Texts) -> dict[str, float]:
    megabytes, speeds = len(texts.data) / 1e6, {}
    started = time.process_time()
    find_candidates(texts)
    speeds["candidates"] = megabytes / (time.process_time() - started)
    started = time.process_time()
    mask_found(texts, find_pii(texts))
    speeds["found and masked"] = megabytes / (time.process_time() - started)
    return speeds


if __name__ == "__main__":
    main()
