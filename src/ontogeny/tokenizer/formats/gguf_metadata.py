"""The tokenizer of a model folder as GGUF metadata, `tokenizer.ggml.*`: the inverse of `formats.gguf`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np

from ontogeny.core.errors import ArtifactError, ModelFormatError
from ontogeny.core.files import read_json
from ontogeny.tokenizer.codec import CONFIG_FILE, TOKENIZER_FILE, Tokenizer
from ontogeny.tokenizer.config import MESSAGE_END, token_content
from ontogeny.tokenizer.formats.gguf import (
    BYTE,
    CONTROL,
    KEY,
    NORMAL,
    SPLITTERS,
    TEMPLATE_KEY,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    splitter,
)
from ontogeny.tokenizer.post_processor import parts_of

Metadata = dict[str, Any]
BYTE_PATTERN = re.compile(r"<0x[0-9A-F]{2}>")
NEVER_MERGED = -1e6  # the score of a piece that no merge makes
DIGITS, GPT2_PATTERN = r"\p{N}", SPLITTERS["gpt-2"][0]


def tokenizer_metadata(folder: Path, vocab_size: int) -> Metadata:
    """The metadata for the tokenizer in `folder`, with a token for each of `vocab_size` embeddings.

    Raises:
        ModelFormatError: there is no tokenizer, or it is of a kind that llama.cpp does not have; says which.
    """
    tokenizer = Tokenizer.load(folder)
    where = str(folder / TOKENIZER_FILE)
    definition = json.loads(tokenizer.to_json())
    model = definition["model"]
    if model["type"] != "BPE":
        raise _fault(f"a tokenizer of type {model['type']} cannot be written as GGUF", where)
    names, kinds = _tokens(definition, vocab_size, tokenizer.idle_ids, where)
    found: Metadata = {f"{KEY}tokens": names, f"{KEY}token_type": np.array(kinds, dtype=np.int32)}
    merges = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    if model.get("byte_fallback"):
        found |= _sentencepiece(definition, names, merges)
    else:
        found |= {
            f"{KEY}model": "gpt2",
            f"{KEY}pre": splitter_name(definition, where),
            f"{KEY}merges": [" ".join(pair) for pair in merges],
        }
    found |= _ends(folder, tokenizer, definition)
    if tokenizer.chat_template is not None:
        found[TEMPLATE_KEY] = tokenizer.chat_template
    return found


def splitter_name(definition: Mapping[str, Any], where: str) -> str:
    """The name by which llama.cpp knows how a byte-level tokenizer cuts text into words.

    Raises:
        ModelFormatError: none of those that are known.
    """
    patterns = _patterns(definition.get("pre_tokenizer"))
    for name in SPLITTERS:
        if patterns == _patterns(json.loads(splitter(name).__getstate__())):
            return name
    raise _fault("GGUF has no name for how this tokenizer cuts text into words", where)


def _patterns(step: Any) -> list[str] | None:
    """The patterns of a pre-tokenizer, in order; None where it does anything that GGUF cannot name."""
    if not isinstance(step, dict):
        return None
    kind = step.get("type")
    if kind == "Sequence":
        parts = [_patterns(part) for part in step["pretokenizers"]]
        return None if None in parts else [pattern for part in parts for pattern in part or []]
    if kind == "Digits":
        return [DIGITS] if step.get("individual_digits") else None
    if kind == "ByteLevel" and not step.get("add_prefix_space"):
        return [GPT2_PATTERN] if step.get("use_regex", True) else []
    if kind == "Split" and not step.get("invert") and step.get("behavior") == "Isolated":
        return [step["pattern"].get("Regex", "")]
    return None


def _tokens(
    definition: Mapping[str, Any], vocab_size: int, idle: AbstractSet[int], where: str
) -> tuple[list[str], list[int]]:
    """Names and kinds of tokens, one for each embedding; `idle` ones that have none are left out."""
    names = [f"[PAD{number}]" for number in range(vocab_size)]
    kinds = [UNUSED] * vocab_size
    model = definition["model"]
    for token, number in model["vocab"].items():
        if number >= vocab_size and number in idle:
            continue
        _place(names, number, token, where)
        bytes_too = model.get("byte_fallback") and BYTE_PATTERN.fullmatch(token)
        kinds[number] = BYTE if bytes_too else UNKNOWN if token == model.get("unk_token") else NORMAL
    for added in definition["added_tokens"]:
        if added["id"] >= vocab_size and added["id"] in idle:
            continue
        _place(names, added["id"], added["content"], where)
        kinds[added["id"]] = CONTROL if added["special"] else USER_DEFINED
        if added["content"] == model.get("unk_token"):
            kinds[added["id"]] = UNKNOWN
    return names, kinds


def _place(names: list[str], number: int, token: str, where: str) -> None:
    if number >= len(names):
        raise _fault(f"token {number} has no embedding: the model has {len(names):,}", where)
    names[number] = token


def _sentencepiece(definition: Mapping[str, Any], names: list[str], merges: list[list[str]]) -> Metadata:
    """Scores such that the merges follow from them in their order."""
    place: dict[str, int] = {}
    for number, (left, right) in enumerate(merges):
        place.setdefault(left + right, number)
    prefix = "Prepend" in json.dumps(definition.get("normalizer"))
    return {
        f"{KEY}model": "llama",
        f"{KEY}pre": "default",
        f"{KEY}scores": np.array(
            [-float(place.get(name, -NEVER_MERGED)) for name in names], dtype=np.float32
        ),
        f"{KEY}add_space_prefix": prefix,
    }


def _ends(folder: Path, tokenizer: Tokenizer, definition: Mapping[str, Any]) -> Metadata:
    """The tokens that begin and end texts and turns, and whether they are added."""
    try:
        config = read_json(folder / CONFIG_FILE)
    except ArtifactError:
        config = {}
    end = tokenizer.special_id(token_content(config.get("eos_token")) or tokenizer.end_of_text)
    begin = token_content(config.get("bos_token"))
    parts = parts_of(definition.get("post_processor"))
    found: Metadata = {
        # Where a model has none, llama.cpp would take token 11 for it.
        f"{KEY}bos_token_id": end if begin is None else tokenizer.special_id(begin),
        f"{KEY}eos_token_id": end,
        f"{KEY}add_bos_token": tokenizer.adds_begin,
        f"{KEY}add_eos_token": len(parts) > 1 and parts[-1] == token_content(config.get("eos_token")),
    }
    padding, unknown = token_content(config.get("pad_token")), definition["model"].get("unk_token")
    for key, token in (("padding", padding), ("unknown", unknown)):
        if token is not None:
            found[f"{KEY}{key}_token_id"] = tokenizer.special_id(token)
    if MESSAGE_END in tokenizer.special_ids:
        found[f"{KEY}eot_token_id"] = tokenizer.special_ids[MESSAGE_END]
    return found


def _fault(reason: str, where: str) -> ModelFormatError:
    return ModelFormatError(reason, where=where, hint="export to huggingface instead")
