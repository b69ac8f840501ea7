"""A tokenizer in use: text to token ids and back.

`encode` takes text as text: what looks like a special token in it stays plain characters, so that no document and no
message can end a turn or a document. Special tokens come from chat templates (`tokenizer.chat`) and shard writing only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.core.files import canonical_json, write_atomic
from ontogeny.core.given_json import FETCH_AGAIN, read_given_object
from ontogeny.tokenizer.config import END_OF_TEXT, MESSAGE_END, TiktokenPattern, token_content
from ontogeny.tokenizer.post_processor import begun_with, template_parts

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
SENTENCEPIECE, TIKTOKEN = ".model", ".tiktoken"
VOCABULARIES = ("encoder.json", "vocab.json")  # each with its merges beside it
GENERATION_FILE = "generation_config.json"  # where a model says which tokens end its answers
TEMPLATE_FILE = "chat_template.jinja"  # where newer versions of transformers keep the template
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER_BYTES = 4  # of UTF-8
MAX_ID = (1 << 32) - 1  # of the library


class Tokenizer:
    """Byte-level BPE with its special tokens and its chat template (Jinja; None where it has none)."""

    def __init__(
        self,
        bpe: tokenizers.Tokenizer,
        chat_template: str | None,
        *,
        end_of_text: str = END_OF_TEXT,
        stop_tokens: Sequence[str] = (END_OF_TEXT, MESSAGE_END),
        begin_of_text: str = "",
    ) -> None:
        self._bpe = bpe
        self._bpe.encode_special_tokens = True  # special tokens in a text are text
        self._bpe.no_padding()
        self._bpe.no_truncation()
        self.chat_template = chat_template
        self.end_of_text = end_of_text
        self.begin_of_text = (
            begin_of_text  # what chat templates begin with; empty where there is no such token
        )
        # As transformers has it: what tokenizer.json says holds, whatever `add_bos_token` beside it.
        self.adds_begin = bool(begin_of_text) and template_parts(bpe.post_processor)[:1] == [begin_of_text]
        self._stop_tokens = [token for token in stop_tokens if bpe.token_to_id(token) is not None]

    @classmethod
    def load(cls, place: Path, *, pattern: TiktokenPattern | None = None) -> Tokenizer:
        """Read a tokenizer: a folder that holds one, or the file itself.

        The file is `tokenizer.json`, a SentencePiece `.model`, a `.tiktoken` rank file or GPT-2's pair of files, looked
        for in this order; `pattern` says how the text of the last two is cut into words.
        `tokenizer_config.json` and the chat template are read where they lie in the folder.

        Raises:
            ModelFormatError: no tokenizer there, or one that cannot be read; names the file.
        """
        path = _tokenizer_file(place)
        bpe, end = _read(path, pattern)
        folder = path.parent
        config = _given(folder / CONFIG_FILE)
        template = _template_beside(folder) or config.get("chat_template")
        end = token_content(config.get("eos_token")) or end
        named = [bpe.id_to_token(number) for number in _answer_ends(folder)]
        stops = [token for token in (end, END_OF_TEXT, MESSAGE_END, *named) if token is not None]
        known = bpe.token_to_id(END_OF_TEXT) is not None
        begin = token_content(config.get("bos_token")) or ""
        begin_id = bpe.token_to_id(begin)
        without_template = path.suffix in (SENTENCEPIECE, TIKTOKEN) or path.name in VOCABULARIES
        if without_template and config.get("add_bos_token") is True and begin_id is not None:
            bpe.post_processor = begun_with(begin, begin_id)
        return cls(
            bpe,
            template if isinstance(template, str) else None,
            end_of_text=END_OF_TEXT if known or end is None else end,
            stop_tokens=list(dict.fromkeys(stops)),
            begin_of_text=begin,
        )

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, as `transformers` reads them."""
        write_atomic(folder / TOKENIZER_FILE, self._bpe.to_str(pretty=True))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.begin_of_text or None,
            "eos_token": self.end_of_text,
            "pad_token": self.end_of_text,
            "unk_token": None,
            "clean_up_tokenization_spaces": False,
            "chat_template": self.chat_template,
        }
        write_atomic(folder / CONFIG_FILE, canonical_json(config))

    def with_chat_template(self, source: str | None, *, stop: str | None = None) -> Tokenizer:
        """The same tokenizer with another chat template, the token `stop` being one more that ends answers."""
        stops = [*self._stop_tokens, *([] if stop is None else [stop])]
        return Tokenizer(
            self._bpe,
            source,
            end_of_text=self.end_of_text,
            stop_tokens=list(dict.fromkeys(stops)),
            begin_of_text=self.begin_of_text,
        )

    def to_json(self) -> str:
        """The definition, as it stands in `tokenizer.json`."""
        return str(self._bpe.to_str())

    @property
    def vocab_size(self) -> int:
        """Entries, special tokens included."""
        return self._bpe.get_vocab_size()

    @property
    def ids(self) -> set[int]:
        """Every id there is; there may be gaps between them."""
        return set(self._bpe.get_vocab().values())

    @property
    def idle_ids(self) -> set[int]:
        """Special tokens that nothing brings up: not the chat template, not an end, not the tokenizer itself.

        Nor does a text: what looks like a special token in it is encoded as the characters it is written with.
        """
        template = self.chat_template or ""
        own = {self.begin_of_text, getattr(self._bpe.model, "unk_token", None)}
        named = {name for name in self.special_ids if name in own or name in template}
        return set(self.special_ids.values()) - {self.special_ids[name] for name in named} - self.stop_ids

    @property
    def end_of_text_id(self) -> int:
        """The token after each document."""
        return self.special_id(self.end_of_text)

    @property
    def start_id(self) -> int:
        """The token that a document begins after: begin-of-text where texts get one, else the end of the one before."""
        return self.special_id(self.begin_of_text) if self.adds_begin else self.end_of_text_id

    @cached_property
    def special_ids(self) -> dict[str, int]:
        """Special tokens and their ids."""
        added = self._bpe.get_added_tokens_decoder()
        return {token.content: number for number, token in added.items() if token.special}

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        return frozenset(self.special_id(token) for token in self._stop_tokens)

    @cached_property
    def special_pattern(self) -> re.Pattern[str]:
        """Matches any special token."""
        longest_first = sorted(self.special_ids, key=len, reverse=True)
        return re.compile("|".join(re.escape(token) for token in longest_first) or r"(?!)")

    def special_id(self, token: str) -> int:
        """The id of a special token.

        Raises:
            ModelFormatError: the tokenizer has no such token.
        """
        number = self._bpe.token_to_id(token)
        if number is None:
            raise ModelFormatError(
                f"the tokenizer has no token {token!r}", hint="use a tokenizer with that token"
            )
        return int(number)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, all of it taken as plain text; no token is added.

        Raises:
            UsageError: the text is not valid Unicode (lone surrogates); from the other ways to encode too.
        """
        _check_unicode(text)
        return list(self._bpe.encode(text, add_special_tokens=False).ids)

    def encode_default(self, text: str) -> list[int]:
        """The default encoding, that of prompts and scores: after begin-of-text where the tokenizer adds it.

        Chat templates write that token themselves; their conversations are encoded by `tokenizer.chat`.
        """
        ids = self.encode(text)
        return [self.start_id, *ids] if self.adds_begin else ids

    def encode_plain_prompt(self, text: str) -> list[int]:
        """The default encoding of what a model goes on with; an empty text is the start of a new document."""
        return self.encode_default(text) or [self.start_id]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, computed by all processors."""
        for text in texts:
            _check_unicode(text)
        return [
            encoding.ids for encoding in self._bpe.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of `text`, and the characters [start, end) that each came from."""
        _check_unicode(text)
        encoding = self._bpe.encode(text, add_special_tokens=False)
        return list(encoding.ids), list(encoding.offsets)

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return str(self._bpe.decode(list(ids), skip_special_tokens=skip_special))

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for tokens that come one by one."""
        return StreamDecoder(self)


class StreamDecoder:
    """Text of tokens as they come; a character is given out once all its bytes are there.

    What a token adds is told from the text of the tokens before it, with it and without: some tokenizers (not ours)
    write a token's leading space only where something stands before it.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._given: list[int] = []  # the tokens of the last text given out
        self._pending: list[int] = []

    def push(self, token_id: int) -> str:
        """The characters that `token_id` completes."""
        self._pending.append(token_id)
        text = self._added()
        if text.endswith(REPLACEMENT) and len(self._pending) < LONGEST_CHARACTER_BYTES:
            return ""
        if text:  # a token without text of its own says nothing of what follows it
            self._given, self._pending = self._pending, []
        return text

    def flush(self) -> str:
        """What is left: bytes that never became a character, as U+FFFD."""
        text = self._added() if self._pending else ""
        self._given, self._pending = [], []
        return text

    def _added(self) -> str:
        """What the pending tokens add to the text given out."""
        before = self._tokenizer.decode(self._given, skip_special=True)
        return self._tokenizer.decode(self._given + self._pending, skip_special=True)[len(before) :]


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            "the text is not valid Unicode",
            where=f"character {error.start + 1}",
            hint="write it in UTF-8: a lone surrogate comes from a terminal or a file with another encoding",
        ) from error


def _answer_ends(folder: Path) -> list[int]:
    """The tokens that end an answer, as the model in `folder` says; none where it does not."""
    ends = _given(folder / GENERATION_FILE).get("eos_token_id")
    return [
        end for end in (ends if isinstance(ends, list) else [ends]) if type(end) is int and 0 <= end <= MAX_ID
    ]


def _given(path: Path) -> dict[str, Any]:
    """The object in a file that need not be there."""
    return read_given_object(path) if path.is_file() else {}


def _template_beside(folder: Path) -> str | None:
    """The chat template that has a file of its own, if there is one."""
    path = folder / TEMPLATE_FILE
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except UnicodeDecodeError as error:
        raise ModelFormatError(f"not a text in UTF-8 ({error})", where=str(path), hint=FETCH_AGAIN) from error


def _tokenizer_file(place: Path) -> Path:
    """The file that holds the tokenizer of `place`, which is that file or a folder with one."""
    if place.is_file():
        return place
    pairs = [place / name for name in VOCABULARIES if (place / name).is_file()]
    others = [*place.glob(f"*{SENTENCEPIECE}"), *place.glob(f"*{TIKTOKEN}"), *pairs]
    if (place / TOKENIZER_FILE).is_file() or not others:
        others = [place / TOKENIZER_FILE]
    if len(others) > 1:
        names = ", ".join(sorted(path.name for path in others))
        raise ModelFormatError(
            f"it holds several tokenizers: {names}", where=str(place), hint="name the file instead"
        )
    if not others[0].is_file():
        raise ModelFormatError(
            "the tokenizer is missing", where=str(others[0]), hint="copy tokenizer.json beside the weights"
        )
    return others[0]


def _read(path: Path, pattern: TiktokenPattern | None) -> tuple[tokenizers.Tokenizer, str | None]:
    """The tokenizer in a file, and its end-of-text token where the format names one."""
    if path.suffix == SENTENCEPIECE:
        from ontogeny.tokenizer.formats.sentencepiece import read_sentencepiece

        return read_sentencepiece(path)
    if path.suffix == TIKTOKEN:
        from ontogeny.tokenizer.formats.tiktoken import read_tiktoken

        return read_tiktoken(path, pattern), None
    if path.name in VOCABULARIES:
        from ontogeny.tokenizer.formats.vocab_merges import read_vocab_merges

        return read_vocab_merges(path, pattern), None
    try:
        return tokenizers.Tokenizer.from_file(str(path)), None
    except Exception as error:  # the library raises plain Exception, whatever is wrong
        raise ModelFormatError(f"not a tokenizer: {error}", where=str(path), hint=FETCH_AGAIN) from error
