"""What a classifier said of texts, so that each is computed once: again in the same file, or before an interruption.

The file holds a name of the classifier, and for each text its digest and probabilities, all of one length: what a kill
cut off at its end is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from ontogeny.finetune.classifier import Classifier

DIGEST_BYTES = 16
MOST_KNOWN = 1 << 17  # texts: some 30 MB, and 0.8 kB each with 77 labels

Floats = npt.NDArray[np.float64]


@dataclass
class KnownAnswers:
    """Probabilities by the digest of a text, as `classifier` gave them; `file` gets those that are new."""

    classifier: Classifier
    file: IO[bytes] | None = None
    rows: dict[bytes, Floats] = field(default_factory=dict)

    def probabilities(self, texts: Sequence[str], advance: Callable[[int], None]) -> Floats:
        """(N, K), each different text computed once; `advance` is told of texts as they are done."""
        keys = [blake3(text.encode("utf-8", "surrogatepass")).digest(DIGEST_BYTES) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.rows}
        advance(len(texts) - len(fresh))
        new: dict[bytes, Floats] = {}
        if fresh:
            computed = self.classifier.probabilities(list(fresh.values()), advance=advance)
            new = dict(zip(fresh, computed, strict=True))
            self._keep(new)
        return np.stack([new[key] if key in new else self.rows[key] for key in keys])

    def _keep(self, new: dict[bytes, Floats]) -> None:
        if len(self.rows) < MOST_KNOWN:
            self.rows |= new
        if self.file is not None:
            self.file.write(b"".join(key + row.tobytes() for key, row in new.items()))
            self.file.flush()


@contextmanager
def kept_answers(classifier: Classifier, path: Path) -> Iterator[KnownAnswers]:
    """Answers that are written to `path` while they are computed, and found there again after an interruption.

    The file goes when the context ends well. One that another classifier left is begun anew.
    """
    name = bytes.fromhex(classifier.identity)
    rows = _read(path, name, classes=len(classifier.description.labels))
    if not rows:
        path.write_bytes(name)
    with path.open("ab") as file:
        yield KnownAnswers(classifier, file, rows)
    path.unlink()


def _read(path: Path, name: bytes, *, classes: int) -> dict[bytes, Floats]:
    """What `path` holds, which is cut where its last entry is not whole."""
    if not path.is_file():
        return {}
    data = path.read_bytes()
    size = DIGEST_BYTES + 8 * classes
    if data[: len(name)] != name:
        return {}
    count = (len(data) - len(name)) // size
    with path.open("r+b") as file:
        file.truncate(len(name) + count * size)
    entries = (data[len(name) + place * size :][:size] for place in range(min(count, MOST_KNOWN)))
    return {entry[:DIGEST_BYTES]: np.frombuffer(entry, np.float64, offset=DIGEST_BYTES) for entry in entries}
