"""`.tiktoken` files: a line an entry, its bytes in base64 and its rank, which is both its id and its turn to be merged.

The file has neither the pattern that cuts text into words nor special tokens; those of the encodings that OpenAI
publishes stand in openai/tiktoken, tiktoken_ext/openai_public.py, and are known here by the file's name.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors

from ontogeny.core.errors import ModelFormatError
from ontogeny.tokenizer.byte_level import spelled
from ontogeny.tokenizer.config import END_OF_TEXT, QWEN2_PATTERN, SPECIAL_TOKENS, TiktokenPattern

_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SHORT}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS: dict[TiktokenPattern, str] = {
    "gpt2": _GPT2,
    "cl100k": _CL100K,
    "o200k": _O200K,
    "qwen2": QWEN2_PATTERN,
}


@dataclass(frozen=True)
class Encoding:
    """What a file does not say."""

    pattern: TiktokenPattern
    special_tokens: dict[str, int]


_MIDDLE = {"<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}
KNOWN = {
    "gpt2": Encoding("gpt2", {END_OF_TEXT: 50256}),
    "r50k_base": Encoding("gpt2", {END_OF_TEXT: 50256}),
    "cl100k_base": Encoding("cl100k", {END_OF_TEXT: 100257, **_MIDDLE, "<|endofprompt|>": 100276}),
    "o200k_base": Encoding("o200k", {END_OF_TEXT: 199999, "<|endofprompt|>": 200018}),
    "qwen": Encoding("qwen2", {}),
}


def read_tiktoken(path: Path, pattern: TiktokenPattern | None = None) -> tokenizers.Tokenizer:
    """The tokenizer of a rank file. Without known special tokens it gets ours, after the ranks, as Qwen's has them.

    Raises:
        ModelFormatError: not such a file, or `pattern` is not given and the file's name is none of KNOWN.
    """
    known = KNOWN.get(path.stem)
    if pattern is None and known is None:
        raise ModelFormatError(
            f"a .tiktoken file does not say how text is cut into words, and {path.stem!r} is no known name",
            where=str(path),
            hint=f"give `pattern`, one of {', '.join(PATTERNS)}, or name the file {', '.join(KNOWN)}",
        )
    if known is None or (pattern is not None and pattern != known.pattern):
        known = Encoding(pattern or "gpt2", {})
    ranks = read_ranks(path)
    specials = known.special_tokens or {
        token: len(ranks) + number for number, token in enumerate(SPECIAL_TOKENS)
    }
    if min(specials.values()) < len(ranks):
        raise ModelFormatError(
            f"it has {len(ranks):,} entries, more than {path.stem} has",
            where=str(path),
            hint="give `pattern` and rename the file",
        )
    return _assemble(ranks, specials, PATTERNS[known.pattern])


def read_ranks(path: Path) -> list[bytes]:
    """The entries of a rank file, in the order of their ranks.

    Raises:
        ModelFormatError: a line that is none, ranks that are not 0, 1, 2 and on, or a byte that has no entry.
    """
    found: dict[int, bytes] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                word, rank = line.split()
                entry = base64.b64decode(word, validate=True)
                place = int(rank)
            except (ValueError, binascii.Error) as error:
                raise ModelFormatError(
                    "not a line of base64 and rank", where=f"{path}, line {number}"
                ) from error
            if not entry or place in found:
                raise ModelFormatError(
                    f"rank {place} twice" if entry else "an empty entry", where=f"{path}, line {number}"
                )
            found[place] = entry
    entries = [found[rank] for rank in sorted(found)]
    if sorted(found) != list(range(len(found))) or len(set(entries)) != len(entries):
        raise ModelFormatError(
            "ranks have gaps, or an entry stands twice", where=str(path), hint="fetch the file again"
        )
    if not {bytes([byte]) for byte in range(256)} <= set(entries):
        raise ModelFormatError(
            "not every byte has an entry, so some texts could not be encoded", where=str(path)
        )
    return entries


def _assemble(ranks: list[bytes], specials: dict[str, int], pattern: str) -> tokenizers.Tokenizer:
    names = [spelled(entry) for entry in ranks]
    vocab = {name: rank for rank, name in enumerate(names)}
    merges = [pair for name in names if len(name) > 1 for pair in _ways(name, vocab)]
    # Ids without a token would make the vocabulary look smaller than its highest id.
    taken = {number: token for token, number in specials.items()}
    for number in range(len(ranks), max(taken) + 1):
        vocab[taken.get(number, f"<|unused_{number}|>")] = number
    bpe = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    bpe.add_special_tokens([AddedToken(taken[number], normalized=False) for number in sorted(taken)])
    return bpe


def _ways(name: str, vocab: dict[str, int]) -> list[tuple[str, str]]:
    """All pairs of entries that make `name`: tiktoken merges any neighbours that form an entry, lowest rank first."""
    cuts = ((name[:at], name[at:]) for at in range(1, len(name)))
    ways = [(left, right) for left, right in cuts if left in vocab and right in vocab]
    return sorted(ways, key=lambda way: (vocab[way[0]], vocab[way[1]]))
