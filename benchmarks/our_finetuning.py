"""Our contestant in the fine-tuning benchmark: `finetune.instruct.tune` or `finetune.classify.train_classifier`, which
the step `finetune` calls, a turn of steps at a time.

A hook of ours ends the turn and waits for the next. So what is timed is the loop that users get: batches from the
packing plan, forward, backward, clipping, optimizer, metrics and hooks. No checkpoint and no measuring of held-out
examples falls into a turn, since the peers do neither.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers.finetune_job import (
    ALPHA,
    BETAS,
    CLIP_NORM,
    EPS,
    LEARNING_RATE,
    RANK,
    STEPS,
    FinetuneJob,
    job_of_arguments,
    messages,
)
from benchmarks.peers.turns import Turns
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.classify import plan_classifying, train_classifier
from ontogeny.finetune.conversations import Conversations, encode_conversations
from ontogeny.finetune.instruct import plan_tuning, tune
from ontogeny.finetune.labelled import TextReader
from ontogeny.finetune.methods import choose_trained
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import huggingface
from ontogeny.model.heads import add_head
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.chat import Messages
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import StepResult, TrainState

HELD_OUT = 2  # examples, which are measured once, at an end that never comes
NEVER = 1_000_000_000


class TakeTurns:
    """A hook that ends our turn after so many steps and waits for the next; the first step is the warm-up."""

    def __init__(self, turns: Turns, job: FinetuneJob, facts: dict[str, object]) -> None:
        self._turns, self._job, self._facts = turns, job, facts
        self._begin()

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Tell of the turn when its last step is done, and go on when it is our turn again."""
        if result.step == 1:
            self._turns.announce(**self._facts)
        else:
            self._steps += 1
            self._tokens += result.tokens
            self._supervised += result.supervised
            if self._steps < self._job.steps_a_turn:
                return
            self._turns.done(
                tokens=self._tokens,
                examples=self._steps * self._job.rows,
                supervised=self._supervised,
                loss=result.loss,
            )
        self._turns.wait()
        self._begin()

    def _begin(self) -> None:
        self._steps = self._tokens = self._supervised = 0


def main() -> None:
    job = job_of_arguments()
    turns = Turns()
    torch.set_num_threads(job.threads)
    model = huggingface.load(Path(job.model))
    tokenizer = Tokenizer.load(Path(job.model))
    choose_trained(model, Lora(rank=RANK, alpha=ALPHA), seed=0)
    config = TrainConfig(
        steps=STEPS,
        batch_rows=job.rows,
        seq_len=job.seq_len,
        optimizer=AdamWConfig(lr=LEARNING_RATE, betas=BETAS, eps=EPS, weight_decay=0.0),
        clip_grad_norm=CLIP_NORM,
        eval_every=NEVER,
        checkpoint_seconds=NEVER,
    )
    with tempfile.TemporaryDirectory() as folder:
        work = classify if job.variant == "classify" else instruct
        work(job, model, tokenizer, config, turns, Path(folder))


def instruct(
    job: FinetuneJob,
    model: Transformer,
    tokenizer: Tokenizer,
    config: TrainConfig,
    turns: Turns,
    folder: Path,
) -> None:
    def encoded(examples: list[dict[str, str]]) -> Conversations:
        turned: list[Messages] = [[*asked, *answered] for asked, answered in map(messages, examples)]
        return encode_conversations(
            ((f"{number:032x}", each) for number, each in enumerate(turned)), tokenizer, seq_len=job.seq_len
        )

    examples = job.read()
    tuning = plan_tuning(
        encoded(examples[HELD_OUT:]), encoded(examples[:HELD_OUT]), config=config, seq_len=job.seq_len, seed=0
    )
    hooks = [TakeTurns(turns, job, facts(model))]
    tune(model, tuning, folder=folder, progress=QuietProgress(), hooks=hooks)


def classify(
    job: FinetuneJob,
    model: Transformer,
    tokenizer: Tokenizer,
    config: TrainConfig,
    turns: Turns,
    folder: Path,
) -> None:
    examples = job.read()
    labels = sorted({example["label"] for example in examples})
    gold = np.array([labels.index(example["label"]) for example in examples])
    rows, _ = TextReader(tokenizer, job.seq_len).read([example["text"] for example in examples])
    doc_ids = [f"{number:032x}" for number in range(len(rows))]
    add_head(model, classes=len(labels), kind="single")
    classifying = plan_classifying(
        (doc_ids, rows, gold),
        (doc_ids[:HELD_OUT], rows[:HELD_OUT], gold[:HELD_OUT]),
        kind="single",
        config=config,
        seq_len=job.seq_len,
        seed=0,
    )
    hooks = [TakeTurns(turns, job, facts(model))]
    train_classifier(model, classifying, folder=folder, progress=QuietProgress(), hooks=hooks)


def facts(model: Transformer) -> dict[str, object]:
    weights = list(model.parameters())
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "trainable_parameters": sum(weight.numel() for weight in weights if weight.requires_grad),
        "versions": {"torch": torch.__version__},
    }


if __name__ == "__main__":
    main()
