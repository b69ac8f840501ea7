"""A small tokenizer and small conversations, made here."""

from __future__ import annotations

import pytest

from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    words = "what does the function return when it is called with a list of names and one number"
    return train_bpe([words] * 20, vocab_size=320)


def question(number: int) -> list[dict[str, str]]:
    """A conversation of two turns; longer for larger numbers."""
    return [
        {"role": "user", "content": f"what does function {number} return"},
        {"role": "assistant", "content": "a list of names" + " and one number" * (number % 4)},
    ]


@pytest.fixture(scope="session")
def examples() -> list[tuple[str, list[dict[str, str]]]]:
    return [(f"{number:032x}", question(number)) for number in range(30)]
