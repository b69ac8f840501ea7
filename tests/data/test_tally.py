"""Counts that close, classes of length, and a bounded number of samples."""

from __future__ import annotations

import pyarrow as pa

from ontogeny.data.tally import SAMPLES_PER_REASON, SAMPLES_PER_SOURCE, Tally
from ontogeny.records.accounting import RowCount


def test_pages_are_counted_by_what_took_their_text_out() -> None:
    tally = Tally()
    assert "extractors" not in tally.figures([], {})
    row = {"source": "a", "license": "MIT", "split": "train", "date": "2001", "size_bytes": 1}
    pages = [("x", 1.0), ("x", 2.0), ("y", 5.0), (None, None)]
    for some in (pages[:3], pages[3:], [("x", 0.0)]):
        rows = [{**row, "extractor": name, "extract_score": score} for name, score in some]
        schema = pa.schema(
            [*pa.Table.from_pylist([row]).schema, ("extractor", pa.string()), ("extract_score", pa.float64())]
        )
        tally.add_kept(pa.Table.from_pylist(rows, schema=schema))
    assert tally.figures([], {})["extractors"] == {
        "x": {"documents": 3, "mean_score": 1.0},
        "y": {"documents": 1, "mean_score": 5.0},
    }


def test_figures_hold_every_count() -> None:
    tally = Tally()
    row = {
        "source": "a",
        "license": "MIT",
        "split": "held_out",
        "date": "2001-02",
        "text": "x",
        "locator": "l",
    }
    tally.add_kept(pa.Table.from_pylist([{**row, "size_bytes": size} for size in (1, 2, 3, 1024)]))
    tally.add_dropped(
        pa.Table.from_pylist([{"source": "b", "reason": "empty", "detail": "nothing", "text": "x"}] * 10)
    )
    figures = tally.figures([RowCount("a")], {"a": ["jsonl"]})
    assert (tally.read, tally.kept, tally.dropped.total()) == (14, 4, 10)
    assert figures["length_classes"] == {"2": 1, "4": 2, "2048": 1}
    assert figures["licenses"] == {"MIT": 4}
    assert figures["held_out_bytes"] == tally.bytes_kept == 1030
    assert figures["sources"] == {
        "a": {"read": 4, "kept": 4, "bytes_kept": 1030, "detected": ["jsonl"], "dropped": {}},
        "b": {"read": 10, "kept": 0, "bytes_kept": 0, "detected": [], "dropped": {"empty": 10}},
    }
    assert figures["bytes_by_license"] == {"MIT": 1030}
    assert figures["years"] == {"2001": 4}
    assert figures["bytes_dropped"] == {}
    assert len(tally.kept_samples["a"]) == SAMPLES_PER_SOURCE
    assert len(tally.samples["empty"]) == SAMPLES_PER_REASON
