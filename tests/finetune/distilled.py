"""A small student, a teacher of another size, and distillations of the one from the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.config_distil import OwnSamples
from ontogeny.finetune.conversations import encode_conversations
from ontogeny.finetune.distil import Distillation, Distilling
from ontogeny.finetune.distil_kept import keep_top_tokens
from ontogeny.finetune.distil_samples import OwnAnswers
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.finetune.instruct import Tuning, plan_tuning
from ontogeny.model.config import ModelShape
from ontogeny.model.divergence import Divergence
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.config import TrainConfig
from tests.random_weights import randomise

Examples = list[tuple[str, list[dict[str, str]]]]
SEQ_LEN = 100
SETTINGS = {
    "epochs": 3,
    "batch_rows": 4,
    "micro_batch_rows": 2,
    "optimizer": {"lr": 0.02},
    "schedule": {"warmup_steps": 2},
    "eval_every": 5,
    "checkpoint_seconds": 0,
}


def make_student(tokenizer: Tokenizer) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    return model


def make_teacher(tokenizer: Tokenizer, dtype: torch.dtype = torch.float32) -> Teacher:
    """One that is sure of something: its weights are large."""
    shape = ModelShape(d_model=24, n_layers=2, n_heads=2, d_ff=32, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 2, std=0.3)
    return Teacher(lambda: model.to(dtype), vocab_size=tokenizer.vocab_size)


def make_tuning(tokenizer: Tokenizer, examples: Examples, **change: Any) -> Tuning:
    answers, held_out = (
        encode_conversations(part, tokenizer, seq_len=SEQ_LEN) for part in (examples[:22], examples[22:])
    )
    packing = change.pop("packing", True)
    config = TrainConfig.model_validate({**SETTINGS, **change})
    return plan_tuning(answers, held_out, config=config, seq_len=SEQ_LEN, seed=1, packing=packing)


def make_distilling(
    student: Transformer,
    teacher: Teacher,
    tuning: Tuning,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    how: Divergence | None = None,
    labels_weight: float = 0.0,
    top_tokens: int | None = None,
    own: dict[str, Any] | None = None,
) -> Distilling:
    """A distillation as the step plans it."""
    how = how or Divergence("forward-kl")
    objective, kept, answers = Distillation(teacher, how, labels_weight), None, None
    if top_tokens is not None:
        first, second = (
            keep_top_tokens(
                teacher,
                batches,
                path=folder / f"{name}.kept",
                count=top_tokens,
                vocab_size=tokenizer.vocab_size,
                temperature=how.temperature,
                dtype=torch.float32,
                progress=QuietProgress(),
            )
            for name, batches in (
                ("train", tuning.batches(student)),
                ("held out", tuning.all_held_out("cpu")),
            )
        )
        kept = first, second
    if own is not None:
        settings = OwnSamples.model_validate(own)
        answers = OwnAnswers(settings, tuning, student, tokenizer.stop_ids, tokenizer.vocab_size)
    return Distilling(tuning, objective, kept, answers)
