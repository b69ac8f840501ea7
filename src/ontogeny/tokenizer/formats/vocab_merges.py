"""GPT-2's two files, a vocabulary (JSON) and its merges: `encoder.json` with `vocab.bpe`, as OpenAI published them
(openai/gpt-2, src/encoder.py), or `vocab.json` with `merges.txt`, as `transformers` names them.

The files do not say how text is cut into words; GPT-2's way is assumed unless `tokenizer_config.json` names a class
that does it otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.files import read_json
from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS
from ontogeny.tokenizer.config import END_OF_TEXT, TiktokenPattern, token_content
from ontogeny.tokenizer.formats.tiktoken import PATTERNS

PAIRS = {"encoder.json": "vocab.bpe", "vocab.json": "merges.txt"}
"""Names of a vocabulary, and of the merges that belong to it."""

CONFIG_FILE, SPECIALS_FILE = "tokenizer_config.json", "special_tokens_map.json"
CLASSES: dict[str, TiktokenPattern] = {
    "GPT2Tokenizer": "gpt2",
    "RobertaTokenizer": "gpt2",
    "BartTokenizer": "gpt2",
    "Qwen2Tokenizer": "qwen2",
}
"""Classes of `transformers` that read such files, and how they cut text into words."""


def read_vocab_merges(path: Path, pattern: TiktokenPattern | None = None) -> tokenizers.Tokenizer:
    """The tokenizer of the vocabulary at `path` and the merges beside it.

    Raises:
        ModelFormatError: the merges are missing, the files do not fit each other or are no byte-level BPE, or
            `pattern` is not given and `tokenizer_config.json` names a class that is not known.
    """
    merges_path = path.parent / PAIRS[path.name]
    if not merges_path.is_file():
        raise ModelFormatError(
            f"{path.name} is half of a tokenizer, and its merges are missing",
            where=str(merges_path),
            hint=f"put {merges_path.name} beside {path.name}",
        )
    config = read_json(path.parent / CONFIG_FILE) if (path.parent / CONFIG_FILE).is_file() else {}
    pattern = pattern or _pattern_of(config, path)
    vocab = _vocab(path)
    try:
        bpe = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=_merges(merges_path)))
    except Exception as error:  # the library raises plain Exception
        raise ModelFormatError(
            f"{merges_path.name} does not fit {path.name}: {error}",
            where=str(merges_path),
            hint="fetch both files of one model again",
        ) from error
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS[pattern]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    _add_specials(bpe, config, path)
    return bpe


def _pattern_of(config: dict[str, Any], path: Path) -> TiktokenPattern:
    name = str(config.get("tokenizer_class", "GPT2Tokenizer")).removesuffix("Fast")
    if name not in CLASSES:
        raise ModelFormatError(
            f"{path.name} does not say how text is cut into words, and the class {name} is not known",
            where=str(path.parent / CONFIG_FILE),
            hint=f"give `pattern`, one of {', '.join(PATTERNS)}, or use the model's tokenizer.json",
        )
    return CLASSES[name]


def _vocab(path: Path) -> dict[str, int]:
    try:
        vocab = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFormatError(
            f"not a vocabulary: {error}", where=str(path), hint="fetch the file again"
        ) from error
    if not isinstance(vocab, dict) or not all(
        type(number) is int and number >= 0 for number in vocab.values()
    ):
        raise ModelFormatError("not a vocabulary: expected tokens with their ids", where=str(path))
    if missing := sum(character not in vocab for character in BYTE_CHARACTERS):
        raise ModelFormatError(
            f"no byte-level BPE: {missing} of 256 bytes have no entry, so some texts could not be encoded",
            where=str(path),
            hint="use a model with a tokenizer.json",
        )
    if any(f"{character}</w>" in vocab for character in BYTE_CHARACTERS):
        raise ModelFormatError(
            "not supported: its words end with </w>", where=str(path), hint="use the model's tokenizer.json"
        )
    return vocab


def _merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        parts = line.split()
        if len(parts) != 2:
            raise ModelFormatError("not a merge of two tokens", where=f"{path}, line {number}")
        merges.append((parts[0], parts[1]))
    return merges


def _add_specials(bpe: tokenizers.Tokenizer, config: dict[str, Any], path: Path) -> None:
    """Mark what the files beside name as special, and GPT-2's end of text; new tokens follow the vocabulary."""
    named = dict(config)
    if (path.parent / SPECIALS_FILE).is_file():
        named |= read_json(path.parent / SPECIALS_FILE)
    there = [END_OF_TEXT, *(token_content(value) for name, value in named.items() if name.endswith("_token"))]
    numbers = ((token, bpe.token_to_id(token)) for token in there if token)
    specials = {token: number for token, number in numbers if number is not None}
    added = config.get("added_tokens_decoder", {})
    specials |= {str(token_content(token)): int(number) for number, token in added.items()}
    for token, number in sorted(specials.items(), key=lambda item: item[1]):
        bpe.add_special_tokens([AddedToken(token, normalized=False)])
        if bpe.token_to_id(token) != number:
            raise ModelFormatError(
                f"the special token {token!r} has number {number:,} there, which leaves a gap",
                where=str(path.parent / CONFIG_FILE),
                hint="use the model's tokenizer.json",
            )
