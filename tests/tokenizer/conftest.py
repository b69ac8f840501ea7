"""A small tokenizer of real English and Python, trained in the test."""

import json
from pathlib import Path

import pytest
import tokenizers

from ontogeny.tokenizer.codec import CONFIG_FILE, TOKENIZER_FILE, Tokenizer
from ontogeny.tokenizer.config import MESSAGE_START
from ontogeny.tokenizer.post_processor import begun_with
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


def with_begin(tokenizer: Tokenizer, folder: Path, token: str = MESSAGE_START) -> Tokenizer:
    """`tokenizer`, written to `folder`, with a template that puts `token` before a text, as Gemma's has one."""
    folder.mkdir(parents=True)
    tokenizer.save(folder)
    bpe = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    bpe.post_processor = begun_with(token, tokenizer.special_id(token))
    bpe.save(str(folder / TOKENIZER_FILE))
    config = json.loads((folder / CONFIG_FILE).read_text()) | {"bos_token": token}
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    return Tokenizer.load(folder)
