"""Claim: extraction finds the text of a page as well as trafilatura or better, and in `fast` mode many times faster.

The 181 pages and marked texts of the article extraction benchmark
(https://github.com/scrapinghub/article-extraction-benchmark), with its measure: counts of 4-word shingles in the
marked and the found text, precision and recall averaged over pages, F of the averages. Our three modes run beside
resiliparse and trafilatura as they come. Seconds are processor time in one process, the extractor loaded before; modes
that use a worker are timed in this process by the same function that the worker runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Json, write_result
from ontogeny.data.extract import fast
from ontogeny.data.extract.decode import decode_page
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fast import extract_fast
from ontogeny.data.extract.quality import extract_candidates
from ontogeny.data.extract.score import score_text

SHINGLE_WORDS = 4
WORD = re.compile(r"\w+", re.UNICODE)
Extract = Callable[[str], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with web-extraction/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    arguments = parser.parse_args()
    folder = arguments.data / "web-extraction"
    marked = json.loads((folder / "ground-truth.json").read_text())
    pages = {name: page_of(folder / "html" / f"{name}.html.gz") for name in marked}
    truth = {name: entry["articleBody"] for name, entry in marked.items()}
    megabytes = sum(len(page.encode()) for page in pages.values()) / 1e6
    runs: list[Json] = []
    figures: dict[str, Json] = {}
    for name, extract in extractors().items():
        extract(next(iter(pages.values())))
        found: dict[str, str] = {}
        seconds = []
        for _ in range(arguments.rounds):
            started = time.process_time()
            found = {page: extract(html) for page, html in pages.items()}
            seconds.append(time.process_time() - started)
        precision, recall = precision_and_recall(truth, found)
        runs.append({"extractor": name, "seconds": [*seconds]})
        figures[name] = {
            "f_score": 2 * precision * recall / (precision + recall),
            "precision": precision,
            "recall": recall,
            "seconds": min(seconds),
            "mb_per_second": megabytes / min(seconds),
        }
    settings: dict[str, Json] = {"pages": len(pages), "megabytes": megabytes, "rounds": arguments.rounds}
    write_result("extraction", settings=settings, runs=runs, figures=figures, keep=not arguments.trial)


def page_of(path: Path) -> str:
    return decode_page(gzip.decompress(path.read_bytes()))[0]


def extractors() -> dict[str, Extract]:
    """Ours by their modes, and the peers with their defaults."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    logging.disable(logging.CRITICAL)
    return {
        "ontogeny fast": lambda page: attempt(extract_fast, page),
        "ontogeny quality": lambda page: extract_candidates(page, several=False)[0][1],
        "ontogeny union": union,
        "resiliparse": lambda page: extract_plain_text(page, main_content=True),
        "trafilatura": lambda page: trafilatura.extract(page) or "",
        "trafilatura fast": lambda page: trafilatura.extract(page, fast=True) or "",
    }


def attempt(extract: Extract, page: str) -> str:
    try:
        return extract(page)
    except NotExtractedError:
        return ""


def union(page: str) -> str:
    """As `extract_page` chooses, without its worker."""
    candidates = [*extract_candidates(page, several=True), (fast.NAME, attempt(extract_fast, page))]
    return max((text for _, text in candidates), key=score_text)


def precision_and_recall(truth: dict[str, str], found: dict[str, str]) -> tuple[float, float]:
    """Both averaged over pages, as `evaluate.py` of the benchmark does."""
    precisions, recalls = [], []
    for page, text in truth.items():
        wanted, got = shingles(text), shingles(found[page])
        hits = sum((wanted & got).values())
        precisions.append(hits / got.total() if got else float(not wanted))
        recalls.append(hits / wanted.total() if wanted else 1.0)
    return sum(precisions) / len(precisions), sum(recalls) / len(recalls)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text)
    count = max(1, len(words) - SHINGLE_WORDS + 1) if words else 0
    return Counter(tuple(words[start : start + SHINGLE_WORDS]) for start in range(count))


if __name__ == "__main__":
    main()
