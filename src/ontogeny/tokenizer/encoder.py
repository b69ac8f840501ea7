"""Many texts to tokens at once: gigatoken where it is installed and agrees with `tokenizers`, else `tokenizers`.

gigatoken (the extra `ontogeny[gigatoken]`) is some forty times faster, and younger. So it is trusted only as far as it
is checked: against hard texts before the first batch, and against a sample of every batch. Where the two differ,
`EncodersDisagreeError` tells, and the caller begins anew with `tokenizers` alone.

gigatoken remembers the words it has met. On text without end that memory would have no bound, so the encoder is made
anew every so often, and earlier where the process has grown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    from ontogeny.tokenizer.codec import Tokenizer

RENEW_TEXT_BYTES = 256 << 20
"""Text after which the encoder is made anew: that costs a tenth of a second, and a cold start on the next words."""

RENEW_GROWTH_BYTES = 512 << 20
"""Growth of the process after which it is, whatever the text: random letters cost ten bytes a byte."""

SAMPLES, SAMPLE_BYTES = 4, 2048
"""Of each batch so many texts are checked, and so much of each: a thousandth of a batch of 8 MiB."""

STATEMENT_PAGES = Path("/proc/self/statm")  # Linux; its second field is the resident size in pages of 4 KiB
PAGE_BYTES = 4096

PROBES = (
    "", " ", "\n", " \n ", "a", " a", "  a", "\ta", "a \n\n b", "\r\n\r\nx", "x  ", "\u00a0a", "\u2003\u2003b",
    "a\u0085b", "\x00\x7f\u200b\ufeff",
    "don't DON'T I'LL we'Re 'sx 'ſt ''s", "1234 5٣½Ⅷ²", "3.14e-10", "naïve Straße", "e\u0301 \u0301", "İǆﬁ",
    "東京都は日本の首都です。", "한국어 ไทย हिन्दी עברית", "🙂👩‍👩‍👧‍👦🇩🇪", "𝕏𐍈\U0010ffff\ue000\ufffd",
    "if (a && b) { c++; }  // x_1 != y->z...", "<div class='x'>\n\t</div>", "http://a.b/c?d=e&f#g",
    "=" * 70, "ab" * 500,
)  # fmt: skip
"""Texts on which encoders have been seen to differ, or that one may think of."""


class EncodersDisagreeError(Exception):
    """gigatoken and `tokenizers` gave different tokens; the message says on what."""


@dataclass(frozen=True)
class TokenBatch:
    """Tokens of n texts: those of text i are `ids[offsets[i]:offsets[i + 1]]`; ids (tokens,) uint32."""

    ids: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


class BatchEncoder:
    """Encodes batches of plain text; what looks like a special token in it stays text.

    `reason` says why `tokenizers` encodes, None where gigatoken does. Threads are used where `parallel`; the tokens are
    the same.
    """

    def __init__(self, tokenizer: Tokenizer, *, parallel: bool = False, trusted: bool = True) -> None:
        self._tokenizer = tokenizer
        self._parallel = parallel
        self._fast: _Gigatoken | None = None
        self.reason: str | None = "the two encoders differed before"
        if trusted:
            self._fast, self.reason = _gigatoken(tokenizer, parallel)

    @property
    def name(self) -> str:
        """The library that encodes, and its version."""
        from importlib.metadata import version

        library = "tokenizers" if self._fast is None else "gigatoken"
        return f"{library} {version(library)}"

    def encode(self, texts: Texts) -> TokenBatch:
        """Tokens of each text; no token is added.

        Raises:
            EncodersDisagreeError: they differ on a sample of `texts`.
        """
        if self._fast is None:
            return _slow(self._tokenizer, texts.strings())
        _check(self._fast, self._tokenizer, sample(texts))
        return self._fast.encode(texts)


def sample(texts: Texts) -> list[str]:
    """Pieces of evenly spaced texts, each from another place of its text."""
    raw, pieces = texts.data, []
    for turn, row in enumerate(np.linspace(0, len(texts) - 1, min(SAMPLES, len(texts)), dtype=np.int64)):
        begin, end = int(texts.offsets[row]), int(texts.offsets[row + 1])
        begin += max(0, end - begin - SAMPLE_BYTES) * turn // SAMPLES
        piece = raw[begin : min(end, begin + SAMPLE_BYTES)].tobytes()
        pieces.append(piece.decode(errors="ignore"))  # a character may be cut at either end
    return pieces


def _gigatoken(tokenizer: Tokenizer, parallel: bool) -> tuple[_Gigatoken | None, str | None]:
    """The fast encoder, or why there is none."""
    try:
        import gigatoken
    except ImportError:
        return None, "gigatoken is not installed (pip install 'ontogeny[gigatoken]')"
    source = _without_special_tokens(tokenizer)
    try:
        fast = _Gigatoken(lambda: gigatoken.Tokenizer.from_json(source), parallel)
        specials = list(tokenizer.special_ids)
        _check(fast, tokenizer, [*PROBES, *specials, *(f"a{token} {token}b" for token in specials)])
    except EncodersDisagreeError as error:
        return None, str(error)
    except (ValueError, TypeError, RuntimeError, KeyError, NotImplementedError) as error:
        said = str(error).strip().partition("\n")[0]  # below stands where in its source it was said
        return None, f"gigatoken cannot read this tokenizer ({said or type(error).__name__})"
    return fast, None


class _Gigatoken:
    """gigatoken on buffers, made anew before what it remembers grows too large."""

    def __init__(self, make: Callable[[], Any], parallel: bool) -> None:
        self._make, self._parallel = make, parallel
        self._renew()

    def encode(self, texts: Texts) -> TokenBatch:
        import awkward as ak  # type: ignore[import-untyped]

        if self._seen > RENEW_TEXT_BYTES or _resident_bytes() - self._resident > RENEW_GROWTH_BYTES:
            self._renew()
        self._seen += len(texts.data)
        characters = ak.contents.NumpyArray(texts.data, parameters={"__array__": "char"})
        offsets = ak.index.Index64(np.ascontiguousarray(texts.offsets))
        strings = ak.contents.ListOffsetArray(offsets, characters, parameters={"__array__": "string"})
        layout = self._encoder.encode_batch(ak.Array(strings), parallel=self._parallel).layout
        bounds = np.asarray(layout.offsets.data).astype(np.int64, copy=False)
        ids = np.asarray(layout.content.data)[bounds[0] : bounds[-1]]
        return TokenBatch(ids, bounds - bounds[0])

    def _renew(self) -> None:
        self._encoder: Any = None  # the old one goes before the new one comes
        self._encoder = self._make()
        self._seen, self._resident = 0, _resident_bytes()


def _check(fast: _Gigatoken, tokenizer: Tokenizer, texts: list[str]) -> None:
    if not texts:
        return
    ours, theirs = fast.encode(Texts.of(texts)), _slow(tokenizer, texts)
    if np.array_equal(ours.ids, theirs.ids) and np.array_equal(ours.offsets, theirs.offsets):
        return
    for row, text in enumerate(texts):
        one, other = (batch.ids[batch.offsets[row] : batch.offsets[row + 1]] for batch in (ours, theirs))
        if not np.array_equal(one, other):
            raise EncodersDisagreeError(f"gigatoken and tokenizers differ on {text[:60]!r}")
    raise EncodersDisagreeError(f"gigatoken gave {len(ours.offsets) - 1} texts for {len(texts)}")


def _slow(tokenizer: Tokenizer, texts: list[str]) -> TokenBatch:
    encoded = tokenizer.encode_batch(texts)
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(ids) for ids in encoded], out=offsets[1:])
    ids = np.concatenate([np.zeros(0, np.uint32), *(np.array(each, dtype=np.uint32) for each in encoded)])
    return TokenBatch(ids, offsets)


def _without_special_tokens(tokenizer: Tokenizer) -> str:
    """The definition of the tokenizer without the tokens that text must never give."""
    definition = json.loads(tokenizer.to_json())
    definition["added_tokens"] = [token for token in definition["added_tokens"] if not token["special"]]
    definition["post_processor"] = None
    return json.dumps(definition)


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell."""
    try:
        return int(STATEMENT_PAGES.read_text().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
