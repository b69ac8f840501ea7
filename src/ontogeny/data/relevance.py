"""How near a corpus is to what it should be good for: a reference text, or the items of an evaluation task.

Both sides become shares of hashed word n-grams (n of 1 and 2). Three numbers compare them:

    overlap     sum of sqrt(p * q): 1 for equal shares, 0 for nothing in common (Bhattacharyya 1943)
    log ratio   how many bits likelier the n-grams of a source are in the reference than in the corpus as a whole, in
                the mean: the importance weight of DSIR (Xie et al. 2023, arXiv:2302.03169, section 3), per n-gram
    coverage    part of the reference's pairs of words that the sample of the corpus has, too

It compares words, not meaning: a paraphrase counts as something else, and boilerplate in both counts as alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError, UsageError
from ontogeny.data.diversity import TextSample

BUCKET_BITS = 16
CORPUS_SHARE = 0.1
"""Of the corpus mixed into the reference (Jelinek and Mercer 1980), so that what it never says weighs log2(0.1) bits
and no more, and rare words no less."""
ORDERS = (1, 2)
REFERENCE_BYTES = 4 << 20
"""Text of a reference that is looked at, from its beginning."""
NEAREST = 3
LEAST_GRAMS = 40
"""Documents of fewer n-grams have no steady ratio and are not shown as the nearest."""
SHOWN_CHARS = 400


@dataclass(frozen=True, eq=False)
class Profile:
    """How often each bucket occurs, (2^16,); the `buckets` of each document; and the different `pairs` of words."""

    counts: npt.NDArray[np.float64]
    buckets: list[npt.NDArray[np.uint16]]
    pairs: npt.NDArray[np.uint64]

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """(2^16,), 1 in all, or 0 where there is no word."""
        total: float = max(self.counts.sum(), 1.0)
        return self.counts / total


def profile(texts: Sequence[str]) -> Profile:
    """The profile of `texts`."""
    from ontogeny.data.signals.word_runs import word_runs

    shift = np.uint64(64 - BUCKET_BITS)
    buckets: list[npt.NDArray[np.uint16]] = []
    grams = [np.zeros(0, dtype=np.uint64)]
    for run in word_runs(texts):
        by_order = [_by_text(*run.shingles(order)) for order in ORDERS]
        buckets += [
            (np.concatenate(of_text) >> shift).astype(np.uint16) for of_text in zip(*by_order, strict=True)
        ]
        grams += by_order[-1]
    pairs = np.sort(np.concatenate(grams))
    return Profile(_counted(buckets), buckets, pairs[np.diff(pairs, prepend=~pairs[:1]) != 0])


def _by_text(shingles: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]) -> list[npt.NDArray[np.uint64]]:
    return np.split(shingles, np.cumsum(counts[:-1]))


def _counted(buckets: Sequence[npt.NDArray[np.uint16]]) -> npt.NDArray[np.float64]:
    every = np.concatenate([np.zeros(0, dtype=np.uint16), *buckets])
    return np.bincount(every, minlength=1 << BUCKET_BITS).astype(np.float64)


def read_reference(path: Path) -> list[str]:
    """The texts of a file in any format that sources know: all strings of a row, joined.

    Raises:
        UsageError: there is no such file.
        DataError: nothing in it can be read as text.
    """
    from ontogeny.records.reading import read_rows
    from ontogeny.records.row import Row

    if not path.is_file():
        raise UsageError(
            f"there is no file {path}", hint="give --reference a text, JSON lines, CSV or Parquet file"
        )
    texts, size = [], 0
    for row in read_rows(path):
        if isinstance(row, Row):
            text = "\n".join(_strings(row.values))
            texts.append(text)
            size += len(text)
            if size >= REFERENCE_BYTES:
                break
    if not any(text.strip() for text in texts):
        raise DataError(
            "no row of the reference holds text", where=str(path), hint="look at its format and columns"
        )
    return texts


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def relevance_figures(sample: TextSample, references: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """For `figures.json`: by reference, then over the corpus, by source, and the nearest documents."""
    if not sample.texts or not references:
        return {}
    corpus = profile(sample.texts)
    return {name: _compared(sample, corpus, profile(texts), len(texts)) for name, texts in references.items()}


def _compared(sample: TextSample, corpus: Profile, wanted: Profile, count: int) -> dict[str, Any]:
    present = corpus.shares > 0  # nothing else is looked up
    likelier = np.divide(wanted.shares, corpus.shares, out=np.zeros_like(corpus.counts), where=present)
    log_ratio = np.log2((1 - CORPUS_SHARE) * likelier + CORPUS_SHARE)
    names = np.array(sample.sources)
    scores = np.array([log_ratio[each].mean() if len(each) else np.nan for each in corpus.buckets])
    by_source = {}
    for name in sorted(set(sample.sources)):
        chosen = [corpus.buckets[row] for row in np.flatnonzero(names == name)]
        counts = _counted(chosen)
        by_source[name] = {
            "documents": len(chosen),
            "overlap": _overlap(counts, wanted.counts),
            "log_ratio_bits": round(float((counts * log_ratio).sum() / max(counts.sum(), 1)), 4),
        }
    shared = np.intersect1d(wanted.pairs, corpus.pairs, assume_unique=True)
    long_enough = np.array([len(each) >= LEAST_GRAMS for each in corpus.buckets])
    order = np.argsort(-np.where(long_enough & ~np.isnan(scores), scores, -np.inf), kind="stable")[:NEAREST]
    return {
        "documents": count,
        "overlap": _overlap(corpus.counts, wanted.counts),
        "coverage": round(len(shared) / max(len(wanted.pairs), 1), 4),
        "by_source": by_source,
        "nearest": [
            {
                "doc_id": sample.doc_ids[row],
                "source": sample.sources[row],
                "log_ratio_bits": round(float(scores[row]), 4),
                "text": sample.texts[row][:SHOWN_CHARS],
            }
            for row in order.tolist()
            if long_enough[row]
        ],
    }


def _overlap(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    total = left.sum() * right.sum()
    return round(float(np.sqrt(left * right).sum() / np.sqrt(total)), 4) if total else 0.0
