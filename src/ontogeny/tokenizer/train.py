"""Training byte-level BPE (arXiv 1508.07909) with the pre-tokenizer of Qwen2 and no normaliser.

The merges are learnt by the `tokenizers` library; every byte is in the first alphabet, so any text can be encoded and
comes back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers

from ontogeny.core.errors import DataError
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import CHAT_TEMPLATE, LEAST_VOCAB_SIZE, QWEN2_PATTERN, SPECIAL_TOKENS

LEAST_FREQUENCY = 2  # a pair seen once is no pattern


def train_bpe(texts: Iterable[str], *, vocab_size: int) -> Tokenizer:
    """A tokenizer of at most `vocab_size` entries, special tokens included; fewer where the text has too few pairs.

    Raises:
        DataError: there is no text.
    """
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=LEAST_FREQUENCY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(_not_empty(texts), trainer)
    assert bpe.get_vocab_size() >= LEAST_VOCAB_SIZE
    return Tokenizer(bpe, CHAT_TEMPLATE)


def _not_empty(texts: Iterable[str]) -> Iterable[str]:
    empty = True
    for text in texts:
        empty = False
        yield text
    if empty:
        raise DataError(
            "there is no text to train a tokenizer on",
            hint="the corpus needs documents in its training split; lower held_out_fraction or add sources",
        )
