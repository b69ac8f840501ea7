"""The report of a `tokens` artifact: text in a token, use of the vocabulary, lengths of documents, rows they fit in.

figures.json      everything, for machines: the artifact's own figures, and what reading its tokens adds
report.html       the page, drawn from the figures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.files import canonical_json, write_atomic
from ontogeny.lineage.step import UNKNOWN
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.fertility import fertility
from ontogeny.tokenizer.report_page import write_page
from ontogeny.tokenizer.shards import TokenShards, read_index
from ontogeny.tokenizer.vocabulary import Entries, Usage, usage, vocabulary_figures

FIGURES_FILE, PAGE_FILE = "figures.json", "report.html"
TRAIN, HELD_OUT = "train", "held_out"
QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99}

Packing = Callable[[npt.NDArray[np.int64]], list[dict[str, Any]]]
"""From lengths of documents (n,) to what packing would do, by length of a row."""


def report_tokens(payload: Path, folder: Path, *, title: str, packing: Packing) -> dict[str, Any]:
    """Write page and figures of the tokens in `payload` into `folder`; gives the figures.

    Raises:
        ArtifactError: the index or a shard is missing or cannot be read.
    """
    figures = token_figures(payload, packing=packing)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / FIGURES_FILE, canonical_json(figures) + b"\n")
    write_page(folder / PAGE_FILE, figures, title=title)
    return figures


def token_figures(payload: Path, *, packing: Packing) -> dict[str, Any]:
    """Everything the page shows."""
    shards = TokenShards.open(payload)
    entries = Entries.of(Tokenizer.load(payload / "tokenizer"))
    used = usage(shards, entries)
    documents = shards.documents
    length = documents["length"].astype(np.int64)
    figures: dict[str, Any] = fertility(
        read_index(payload, ["length", "source", "language", "bytes"]), ends=shards.ends.count
    )
    _add_scraps(figures, documents, used)
    held_out = documents["split"] == HELD_OUT
    return figures | {
        "held_out": {"documents": int(held_out.sum()), "tokens": int(length[held_out].sum())},
        "vocabulary": vocabulary_figures(used.counts, entries),
        "lengths": _lengths(length, documents["source"]),
        "packing": packing(length[documents["split"] == TRAIN]),
    }


def _add_scraps(figures: dict[str, Any], documents: Mapping[str, npt.NDArray[Any]], used: Usage) -> None:
    """To each group its tokens that are unknown or hold a part of a character."""
    for label in ("source", "language"):
        names = np.array([UNKNOWN if name is None else str(name) for name in documents[label]], dtype=str)
        for name, each in figures[label].items():
            each["partial"] = int(used.partial[names == name].sum())
            each["unknown"] = int(used.unknown[names == name].sum())


def _lengths(length: npt.NDArray[np.int64], source: npt.NDArray[Any]) -> dict[str, Any]:
    """Tokens of documents, those about the text included: quantiles by source, and documents by power of two."""
    names, group = np.unique(source.astype(str), return_inverse=True)
    by_source = {str(name): _quantiles(length[group == number]) for number, name in enumerate(names)}
    upper, count = np.unique(
        2 ** np.ceil(np.log2(np.maximum(length, 1))).astype(np.int64), return_counts=True
    )
    classes = {str(key): int(each) for key, each in zip(upper, count, strict=True)}
    return {"all": _quantiles(length), "source": by_source, "classes": classes}


def _quantiles(length: npt.NDArray[np.int64]) -> dict[str, int]:
    if not len(length):
        return {}
    found = {
        name: int(np.quantile(length, share, method="inverted_cdf")) for name, share in QUANTILES.items()
    }
    return found | {"longest": int(length.max())}
