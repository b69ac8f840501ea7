"""Precision and recall of near-duplicate removal on real text with planted copies and look-alikes.

Among the look-alikes are texts in one wording that differ in their numbers only.

Precision: of the documents removed, the share that a pair of copies justifies and whose other document stays. Recall:
of the pairs of copies, the share of which a document that may go was removed. datasketch and rensa run at the usual
threshold of 0.8, on the same texts in the same order.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import Contestant, peer_python
from benchmarks.measure import Json, write_result
from benchmarks.our_dedup import removed_by_us
from benchmarks.planted_copies import Labelled, labelled_set
from ontogeny.data.dedup.near import NearDedup

PEERS = ("datasketch", "rensa")
THRESHOLD = 0.8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with books, web-text and linux-docs"
    )
    parser.add_argument("--passages", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    wanted = parser.parse_args()
    labelled = labelled_set(wanted.data, passages=wanted.passages, seed=wanted.seed)
    found = {"ontogeny": removed_by_us(labelled.texts, NearDedup(on_alarm="report"))}
    for peer in PEERS:
        found[peer] = removed_by(peer, labelled.texts)
    figures: dict[str, Json] = {name: dict(judged(labelled, removed)) for name, removed in found.items()}
    figures["documents"] = len(labelled.texts)
    figures["pairs"] = dict(Counter(pair.kind for pair in labelled.pairs))
    write_result(
        "dedup_quality",
        settings={"passages": wanted.passages, "seed": wanted.seed, "ours": NearDedup().model_dump()},
        runs=[],
        figures=figures,
        keep=not wanted.trial,
    )


def judged(labelled: Labelled, removed: npt.NDArray[np.bool_]) -> dict[str, Json]:
    """Precision and recall, recall by kind, and what was removed wrongly by kind."""
    justified = np.zeros(len(removed), dtype=np.bool_)
    caught: Counter[str] = Counter()
    for pair in labelled.pairs:
        gone = [row for row in pair.documents if removed[row]]
        caught[pair.kind] += any(row in pair.may_go for row in gone)
        if len(gone) == 1 and gone[0] in pair.may_go:
            justified[gone[0]] = True
    kinds = Counter(pair.kind for pair in labelled.pairs)
    wrong = Counter(labelled.kinds[row] for row in np.flatnonzero(removed & ~justified))
    return {
        "removed": int(removed.sum()),
        "precision": float(justified.sum() / max(removed.sum(), 1)),
        "recall": sum(caught.values()) / max(len(labelled.pairs), 1),
        "recall by kind": {kind: caught[kind] / count for kind, count in sorted(kinds.items())},
        "removed wrongly": dict(sorted(wrong.items())),
    }


def removed_by(peer: str, texts: list[str]) -> npt.NDArray[np.bool_]:
    """Which of `texts` a peer takes for copies."""
    with tempfile.TemporaryDirectory() as folder:
        lines, answer = Path(folder) / "texts.jsonl", Path(folder) / "removed.json"
        lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        worker = Contestant(
            peer,
            python=peer_python(peer),
            module=f"benchmarks.peers.{peer}.worker",
            arguments=[str(lines), str(answer), "--threshold", str(THRESHOLD)],
        )
        worker.turn()
        worker.stop()
        removed = np.zeros(len(texts), dtype=np.bool_)
        removed[json.loads(answer.read_text())] = True
    return removed


if __name__ == "__main__":
    main()
