"""The texts of the tokenizer benchmarks: manuals of Python and Linux in pieces of about 500 bytes, as JSON lines."""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

SOURCES = ("python-docs/python-docs.jsonl.gz", "linux-docs/linux-docs.jsonl.gz")
PIECE_BYTES = 500
BLANK_LINE = re.compile(r"\n\s*\n")


def arguments(about: str | None, *, rounds: int) -> argparse.Namespace:
    """What a benchmark over these texts is told: where they are, how many megabytes, how many rounds."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with python-docs and linux-docs")
    parser.add_argument("--megabytes", type=float, default=32)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    return parser.parse_args()


def write_texts(data: Path, path: Path, megabytes: float) -> dict[str, int]:
    """Write pieces of the manuals under `data` to `path`; how many, and their bytes."""
    count = size = 0
    with path.open("w", encoding="utf-8") as out:
        for piece in _pieces(data):
            if size >= megabytes * 1e6:
                break
            out.write(json.dumps(piece, ensure_ascii=False) + "\n")
            count, size = count + 1, size + len(piece.encode())
    if size < megabytes * 1e6:
        raise SystemExit(f"{data} has {size / 1e6:.0f} MB of the manuals; give a lower --megabytes")
    return {"texts": count, "bytes": size}


def _pieces(data: Path):  # type: ignore[no-untyped-def]
    for source in SOURCES:
        with gzip.open(data / source, "rt", encoding="utf-8") as lines:
            for line in lines:
                piece = ""
                for paragraph in BLANK_LINE.split(json.loads(line)["text"]):
                    piece += f"\n\n{paragraph}" if piece else paragraph
                    if len(piece) >= PIECE_BYTES:
                        yield piece
                        piece = ""
                if piece:
                    yield piece
