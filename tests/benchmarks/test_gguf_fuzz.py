from __future__ import annotations

from pathlib import Path

from benchmarks.gguf_fuzz import header_size, make_originals, mutated, run


def test_mutated_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    """400 files here; `python -m benchmarks.gguf_fuzz` tries 100,000."""
    originals = [path.read_bytes() for path in make_originals(tmp_path)]
    outcome = run(originals, 400, tmp_path / "mutated.gguf")
    assert outcome["crashes"] == 0
    assert outcome["refused"] and outcome["read"]
    header = header_size(originals[0], tmp_path / "mutated.gguf")
    assert mutated(originals[0], header, 5) == mutated(originals[0], header, 5) != originals[0]
