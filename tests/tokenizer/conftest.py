"""A small tokenizer of real English and Python, trained in the test."""

import pytest

from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe

TEXTS = [
    "def shuffle(x):\n    Shuffle list x in place, and return None.\n",
    "Split the string s using shell-like syntax. The string's parts are returned as a list.\n",
    "If the file doesn't exist, FileNotFoundError is raised; otherwise the file is opened.\n",
    "Returns 1234 bytes  from   the file… naïve café Straße, 東京, привет 🙂\n",
] * 3


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_bpe(TEXTS, vocab_size=400)
