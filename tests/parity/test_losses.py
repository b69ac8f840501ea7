"""What tuning minimises, against transformers on the same tokens: answers of conversations, and labels of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from ontogeny.finetune.classify import plan_classifying
from ontogeny.finetune.conversations import encode_conversations
from ontogeny.finetune.instruct import plan_tuning
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.heads import add_head
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.templates import with_template
from ontogeny.tokenizer.train import train_bpe
from ontogeny.train.config import TrainConfig
from tests.random_weights import randomise

MAX_DIFFERENCE = 1e-5
VOCAB_SIZE, SEQ_LEN = 320, 64
UNLEARNT = -100  # the label that transformers' losses pass over
WORDS = "what does the function return when it is called with a list of names and one number"
CONFIG = TrainConfig(steps=100, batch_rows=4, seq_len=SEQ_LEN)


@pytest.fixture(params={"qwen3": True, "llama": False}.items(), ids=lambda family: family[0])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Transformer:
    """A model of either family, which `tmp_path` has in transformers' form."""
    shape = ModelShape(d_model=64, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=128, seq_len=SEQ_LEN)
    config = shape.resolve(VOCAB_SIZE).model_copy(update={"qk_norm": request.param[1]})
    model = Transformer(config)
    randomise(model, 1)
    huggingface.save(model, tmp_path)
    return model


@pytest.mark.parametrize("packing", [True, False])
def test_on_answers(model: Transformer, tmp_path: Path, packing: bool) -> None:
    tokenizer = with_template(train_bpe([WORDS] * 20, vocab_size=VOCAB_SIZE - 10), "chatml")
    examples = [
        (
            f"{number:032x}",
            [
                {"role": "user", "content": WORDS[: 5 + 7 * number]},
                {"role": "assistant", "content": WORDS[number:]},
            ],
        )
        for number in range(6)
    ]
    rows = encode_conversations(examples, tokenizer, seq_len=SEQ_LEN)
    ours = plan_tuning(rows, rows, config=CONFIG, seq_len=SEQ_LEN, seed=0, packing=packing)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    total, count = 0.0, 0
    for start, length in zip(rows.spans.start, rows.spans.length, strict=True):
        idx = torch.from_numpy(rows.tokens[start : start + length].astype(np.int64))[None]
        learnt = torch.from_numpy(rows.learnt[start : start + length])[None]
        with torch.no_grad():
            loss = theirs(idx, labels=torch.where(learnt, idx, UNLEARNT)).loss
        answered = int(learnt[:, 1:].sum())
        total, count = total + float(loss) * answered, count + answered
    assert ours.held_out_loss(model) == pytest.approx(total / count, abs=MAX_DIFFERENCE)


def test_on_labels(model: Transformer, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    texts = [
        torch.randint(1, VOCAB_SIZE, (length,), generator=generator).tolist() for length in (3, 17, 9, 40, 1)
    ]
    gold = np.array([0, 2, 1, 2, 0])
    head = add_head(model, classes=3, kind="single")
    torch.nn.init.normal_(head.weight, generator=generator)
    part = ([f"{number:032x}" for number in range(len(texts))], texts, gold)
    ours = plan_classifying(part, part, kind="single", config=CONFIG, seq_len=SEQ_LEN, seed=0)
    theirs = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, num_labels=3, dtype=torch.float32, pad_token_id=0
    ).eval()
    with torch.no_grad():
        theirs.score.weight.copy_(head.weight)
        losses = [
            float(theirs(torch.tensor([text]), labels=torch.tensor([label])).loss)
            for text, label in zip(texts, gold.tolist(), strict=True)
        ]
    assert ours.held_out_loss(model) == pytest.approx(np.mean(losses), abs=MAX_DIFFERENCE)
