"""How likely a model finds given text: log-probabilities of tokens, bits per byte of documents.

Natural logarithms, except for bits. Sums are in float64. Rows are padded on the right, where a causal model does not
look, so results do not depend on what else is in a batch (but for the order of float additions).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer

BATCH_TOKENS = (
    8192  # of one forward pass of `bits_per_byte`: enough to fill two cores, little enough for 4 GB
)
PADDING_ID = 0


@dataclass(frozen=True)
class DocumentBits:
    """What a document cost: bits, and its size in bytes of UTF-8."""

    bits: float
    bytes: int


@dataclass(frozen=True)
class BitsPerByte:
    """What texts cost together and one by one."""

    per_document: tuple[DocumentBits, ...]

    @property
    def bits(self) -> float:
        """Of all documents."""
        return math.fsum(document.bits for document in self.per_document)

    @property
    def bytes(self) -> int:
        """Of all documents."""
        return sum(document.bytes for document in self.per_document)

    @property
    def value(self) -> float:
        """Bits a byte; less is better."""
        return self.bits / self.bytes


def token_logprobs(model: Transformer, ids: Sequence[int]) -> list[float]:
    """Log-probability of each token after the first, given those before it (at most the model's context of them)."""
    window = model.config.seq_len
    windows = list(_windows(ids, window=window, stride=max(1, window // 2)))
    return [value for one in windows for value in _score_windows(model, [one])[0]]


def bits_per_byte(
    model: Transformer,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    window: int | None = None,
    stride: int | None = None,
    progress: Progress | None = None,
) -> BitsPerByte:
    """What each text costs, read from its beginning after the token that a document begins after.

    The model sees at most `window` tokens (its context when not given); windows move by `stride` (half of that), and
    only tokens that no earlier window scored count. The end of the document itself is not charged.
    """
    width = window or model.config.seq_len
    step = stride or max(1, width // 2)
    encoded = tokenizer.encode_batch(list(texts))
    bits = [0.0] * len(texts)
    shown = progress or QuietProgress()
    with shown.bar("measure held-out text", total=sum(map(len, encoded)), unit="tokens") as bar:
        for batch in _batches(encoded, tokenizer.start_id, window=width, stride=step):
            found = _score_windows(model, [window for _, window in batch])
            for (document, _), values in zip(batch, found, strict=True):
                bits[document] -= math.fsum(values) / math.log(2)
            bar.advance(sum(map(len, found)))
    sizes = [len(text.encode()) for text in texts]
    return BitsPerByte(tuple(DocumentBits(cost, size) for cost, size in zip(bits, sizes, strict=True)))


@dataclass(frozen=True)
class _Window:
    """Tokens of which those from position `scored` on (at least 1) are scored, given those before them."""

    ids: Sequence[int]
    scored: int


def _windows(ids: Sequence[int], *, window: int, stride: int) -> Iterator[_Window]:
    """Windows of `window` inputs (one token more, the last a target only) that together score every token once."""
    done = 1  # the first token is only context
    while done < len(ids):
        end = min(len(ids), window + 1) if done == 1 else min(len(ids), done + stride)
        start = max(0, end - window - 1)
        yield _Window(ids[start:end], done - start)
        done = end


def _batches(
    encoded: Sequence[Sequence[int]], start_id: int, *, window: int, stride: int
) -> Iterator[list[tuple[int, _Window]]]:
    """(document, window) in batches of about `BATCH_TOKENS`, windows of like length together."""
    every = [
        (number, one)
        for number, ids in enumerate(encoded)
        for one in _windows([start_id, *ids], window=window, stride=stride)
    ]
    every.sort(key=lambda pair: len(pair[1].ids))
    batch: list[tuple[int, _Window]] = []
    for pair in every:
        if batch and (len(batch) + 1) * len(pair[1].ids) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch


def _score_windows(model: Transformer, windows: Sequence[_Window]) -> list[list[float]]:
    """Log-probabilities of the scored tokens of each window."""
    with torch.inference_mode():
        hidden = model.hidden(_padded([one.ids[:-1] for one in windows], model.device))
        scored = torch.cat(
            [hidden[row, one.scored - 1 : len(one.ids) - 1] for row, one in enumerate(windows)]
        )
        targets = [token for one in windows for token in one.ids[one.scored :]]
        values = _logprobs(model, scored, targets)
    lengths = [len(one.ids) - one.scored for one in windows]
    return _parts(values, lengths)


def _parts(values: Tensor, lengths: Sequence[int]) -> list[list[float]]:
    """(N,) cut into lists of these lengths."""
    numbers, ends = values.tolist(), list(accumulate(lengths))
    return [numbers[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _logprobs(model: Transformer, hidden: Tensor, targets: Sequence[int]) -> Tensor:
    """(N,) float64 log-probabilities of `targets` (N) at states `hidden` (N, C)."""
    wanted = torch.tensor(targets, device=model.device)
    return -F.cross_entropy(model.head(hidden).float(), wanted, reduction="none").double().cpu()


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """(B, T) int64, padded on the right."""
    width = max(map(len, rows))
    return torch.tensor(
        [[*row, *[PADDING_ID] * (width - len(row))] for row in rows], dtype=torch.int64, device=device
    )
