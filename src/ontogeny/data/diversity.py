"""How many different things a corpus says: shares and their entropy, distinct n-grams, what compression finds.

Texts are looked at in a sample of bounded size. A corpus lies in the order of its digests, so its beginning is a sample
by chance; of long documents only the beginning counts, so that no single one speaks for all.

Compression ratio and distinct n-grams are the two measures that Shaib et al. (arXiv:2403.00553, section 4) recommend
together: cheap, and between them telling. Both depend on how much text is looked at, so sources are compared on samples
of one size.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_BYTES = 8 << 20
"""Text of the whole sample."""
SOURCE_BYTES = 1 << 20
"""Text of the corpus, and of each source, that is counted and compressed: a fifth of a second of work. At eight times
as much the ratios of compression are within 5% of it."""
DOCUMENT_CHARS = 1 << 15
MAX_READ_BYTES = 64 << 20
"""Text that is read to find documents of rare sources, before they are given up."""
ORDERS = (1, 2, 3, 4)
ZSTD_LEVEL = 9
ZLIB_LEVEL = 6


@dataclass(eq=False)
class TextSample:
    """Beginnings of documents, in the order of the corpus, and of which source, id and place each is."""

    texts: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    doc_ids: list[str] = field(default_factory=list)

    def of(self, source: str, limit_bytes: int | None = None) -> list[str]:
        """The texts of one source, up to `limit_bytes`."""
        chosen = [text for text, name in zip(self.texts, self.sources, strict=True) if name == source]
        return chosen if limit_bytes is None else up_to(chosen, limit_bytes)


def sample_texts(payload: Path, sources: Iterable[str]) -> TextSample:
    """About `SAMPLE_BYTES` of a corpus, and more of `sources` that are rare in it."""
    from ontogeny.data.report.scan import row_groups
    from ontogeny.records.parts import part_paths

    found, size, read = TextSample(), 0, 0
    of_source = dict.fromkeys(sources, 0)
    for path in part_paths(payload):
        for table in row_groups(path, ["text", "source", "doc_id"]):
            if "text" not in table.column_names:
                return found
            for row in table.to_pylist():
                text = row["text"][:DOCUMENT_CHARS]
                read += len(row["text"])
                if size >= SAMPLE_BYTES and of_source.get(row["source"], 0) >= SOURCE_BYTES:
                    continue
                found.texts.append(text)
                found.sources.append(row["source"])
                found.doc_ids.append(row["doc_id"])
                size += len(text)
                of_source[row["source"]] = of_source.get(row["source"], 0) + len(text)
            complete = size >= SAMPLE_BYTES and min(of_source.values(), default=0) >= SOURCE_BYTES
            if complete or read >= MAX_READ_BYTES:
                return found
    return found


def entropy_bits(counts: Iterable[float]) -> float:
    """Shannon entropy of shares that are proportional to `counts`, in bits; 0 for none."""
    positive = [count for count in counts if count > 0]
    total = sum(positive)
    return max(0.0, -sum(count / total * math.log2(count / total) for count in positive)) if total else 0.0


def spread(counts: Mapping[Any, float]) -> dict[str, float]:
    """Entropy of `counts`, and how many equal shares would have the same: 2 to the entropy (Hill 1973, order 1)."""
    bits = entropy_bits(counts.values())
    return {
        "entropy_bits": round(bits, 4),
        "effective": round(2**bits, 3) if counts else 0.0,
        "distinct": len(counts),
    }


def up_to(texts: Sequence[str], limit_bytes: int) -> list[str]:
    """`texts` from the first on, cut where they reach about `limit_bytes`."""
    chosen: list[str] = []
    for text in texts:
        if limit_bytes <= 0:
            break
        chosen.append(text[:limit_bytes])
        limit_bytes -= len(chosen[-1].encode())
    return chosen


def distinct_n_grams(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """For n of 1 to 4: how many word n-grams there are, and how many different ones. Words are those of shingles."""
    from ontogeny.data.signals.word_runs import word_runs

    runs = word_runs(texts)
    figures = {}
    for order in ORDERS:
        every: npt.NDArray[np.uint64] = np.concatenate(
            [np.zeros(0, dtype=np.uint64), *(run.shingles(order)[0] for run in runs)]
        )
        every.sort()  # several times faster than numpy's `unique`
        different = int((every[1:] != every[:-1]).sum()) + bool(len(every))
        figures[str(order)] = {
            "total": len(every),
            "distinct": different,
            "share": round(different / len(every), 5) if len(every) else 0.0,
        }
    return figures


def compression(texts: Sequence[str]) -> dict[str, float]:
    """Bytes of `texts`, and how many times smaller zstd and zlib make them."""
    import pyarrow as pa

    data = "\n".join(texts).encode()
    if not data:
        return {"bytes": 0, "zstd": 0.0, "zlib": 0.0}
    packed = pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data, asbytes=True)
    return {
        "bytes": len(data),
        "zstd": round(len(data) / len(packed), 3),
        "zlib": round(len(data) / len(zlib.compress(data, ZLIB_LEVEL)), 3),
    }


def diversity_figures(sample: TextSample, figures: Mapping[str, Any]) -> dict[str, Any]:
    """For `figures.json`: spread of sources, licences and languages by `figures`, and what `sample` shows."""
    sources = figures["sources"]
    kept = {name: each["bytes_kept"] for name, each in sources.items() if each["bytes_kept"]}
    least = min((sum(map(len, sample.of(name))) for name in kept), default=0)
    shared_bytes = min(SOURCE_BYTES, max(least, SOURCE_BYTES // 16))
    of_all = up_to(sample.texts, SOURCE_BYTES)
    looked_at = {"compression": compression(of_all), "n_grams": distinct_n_grams(of_all)}
    by_source = {}
    for name in kept:
        texts = up_to(sample.of(name), shared_bytes)
        if texts == of_all:
            by_source[name] = looked_at
        elif texts:
            by_source[name] = {"compression": compression(texts), "n_grams": distinct_n_grams(texts)}
    return {
        "spread": {
            "sources": spread(kept),
            "licenses": spread(figures.get("bytes_by_license", {})),
            "languages": spread(figures.get("languages", {})),
        },
        "sample": {"documents": len(of_all), **looked_at},
        "by_source": by_source,
        "by_source_bytes": shared_bytes,
    }
