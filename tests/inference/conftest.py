"""A tiny model with random weights, and a tokenizer for it."""

import pytest
import torch

from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise

TEXT = "Shuffle list x in place, and return None. Split the string s. naïve café 🙂\n" * 3


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_bpe([TEXT], vocab_size=300)


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Transformer:
    shape = ModelShape(d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=64, seq_len=48)
    built = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(built, 3)
    return built.eval()


def reference(model: Transformer, ids: list[int], first: int) -> list[float]:
    """Log-probabilities of ids[first:], one whole forward pass a token."""
    found = []
    for place in range(first, len(ids)):
        with torch.no_grad():
            found.append(float(model(torch.tensor([ids[:place]]))[0, -1].log_softmax(-1)[ids[place]]))
    return found
