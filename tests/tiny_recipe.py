"""A recipe of steps up to tokens, over sixty sentences, for tests that train something tiny behind them."""

from __future__ import annotations

import json
from pathlib import Path

TOKENS = """
recipe: tiny
seed: 5
steps:
  corpus:    {step: curate, sources: [{type: jsonl, path: ./texts.jsonl}]}
  tokenizer: {step: train-tokenizer, corpus: corpus, vocab_size: 300}
  tokens:    {step: tokenize, corpus: corpus, tokenizer: tokenizer}
"""


def write_recipe(folder: Path, base: str) -> None:
    """`recipe.yaml`, whose step `base` has the lines of `base`, and its texts."""
    texts = [f"the function {number} gives back a list of names and one number" for number in range(60)]
    rows = "".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))
    (folder / "texts.jsonl").write_text(rows)
    (folder / "recipe.yaml").write_text(TOKENS + base)
