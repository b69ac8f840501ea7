"""Our contestant in the pretraining benchmark: `train.training.train`, what the step `pretrain` calls, one step a turn.

A hook of ours ends the turn after every step and waits for the next. So what is timed is the loop that users get:
batches from the packing plan, forward, backward, clipping, optimizer, metrics and hooks. No checkpoint falls into a
turn, since the peers write none.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.peers.pretrain_job import BETAS, CLIP_NORM, LEARNING_RATE, WEIGHT_DECAY, Job, job_of_arguments
from benchmarks.peers.turns import Turns
from ontogeny.core.progress import QuietProgress
from ontogeny.core.seeds import numpy_generator
from ontogeny.model.config import ModelShape
from ontogeny.model.flops import flops_per_token
from ontogeny.model.init import initialise
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_text
from ontogeny.train.training import train

DOCUMENT_TOKENS = 500  # about the documents of an English web corpus; rows then hold several segments
EPOCH_STEPS = 64
STEPS = 100_000  # until the driver says stop
NEVER_S = 1e9


class RandomTokens:
    """One shard of uniform random tokens."""

    def __init__(self, vocab_size: int, count: int) -> None:
        self._tokens = numpy_generator(0, "tokens").integers(vocab_size, size=count).astype(np.uint16)

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[Any]:
        return self._tokens[start : start + length]


class TakeTurns:
    """A hook that ends our turn and waits for the next; the first step is the warm-up."""

    def __init__(self, turns: Turns, facts: dict[str, object]) -> None:
        self._turns = turns
        self._facts = facts

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Tell of the step, and go on when it is our turn again."""
        if result.step == 1:
            self._turns.announce(**self._facts)
        else:
            self._turns.done(loss=result.loss)
        self._turns.wait()


def main() -> None:
    job = job_of_arguments()
    turns = Turns()
    shape = ModelShape(
        d_model=job.d_model, n_layers=job.n_layers, n_heads=job.n_heads, d_ff=job.d_ff, seq_len=job.seq_len
    )
    model = Transformer(shape.resolve(job.vocab_size))
    initialise(model, seed=0)
    facts: dict[str, object] = {
        "flops_per_token": flops_per_token(model.config, job.seq_len),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {"torch": torch.__version__},
    }
    config = TrainConfig(
        steps=STEPS,
        batch_rows=job.micro_rows * job.accumulate,
        micro_batch_rows=job.micro_rows,
        optimizer=AdamWConfig(lr=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY),
        clip_grad_norm=CLIP_NORM,
        dtype="bfloat16" if job.rounded else "float32",
        checkpoint_seconds=NEVER_S,
    )
    tokens = RandomTokens(job.vocab_size, EPOCH_STEPS * job.tokens_per_step)
    batches = Batches(packing_plan(job), tokens, micro_batch_rows=job.micro_rows)
    with tempfile.TemporaryDirectory() as folder:
        train(
            model,
            batches,
            config=config,
            folder=Path(folder),
            progress=QuietProgress(),
            label="pretrain",
            hooks=[TakeTurns(turns, facts)],
        )


def packing_plan(job: Job) -> PackingPlan:
    """Rows over the documents of one epoch."""
    documents = EPOCH_STEPS * job.tokens_per_step // DOCUMENT_TOKENS
    spans = DocumentSpans(
        doc_ids=[f"{number:032x}" for number in range(documents)],
        shard=np.zeros(documents, dtype=np.int64),
        start=np.arange(documents, dtype=np.int64) * DOCUMENT_TOKENS,
        length=np.full(documents, DOCUMENT_TOKENS, dtype=np.int64),
    )
    rows = job.micro_rows * job.accumulate
    return pack_text(spans, seq_len=job.seq_len, batch_rows=rows, steps=STEPS, seed=0)


if __name__ == "__main__":
    main()
