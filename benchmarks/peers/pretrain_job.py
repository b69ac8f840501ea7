"""The one pretraining job that all contestants run: shape, batch, optimizer, data. In the peers'
environments: torch only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

import torch

LEARNING_RATE = 1e-4  # not tuned: random tokens, only the speed counts
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0


@dataclass(frozen=True)
class Job:
    """Sizes of the model, and of a step: `micro_rows` rows of `seq_len` tokens, `accumulate` times; whether a peer's
    model goes through torch.compile, and whether products are in bfloat16 (0 or 1).
    """

    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    vocab_size: int
    seq_len: int
    micro_rows: int
    accumulate: int
    threads: int
    compiled: int = 0
    rounded: int = 0

    @property
    def tokens_per_step(self) -> int:
        return self.micro_rows * self.seq_len * self.accumulate

    def batches(self, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Inputs and targets (B, T), int64, of the micro-batches of every step: uniform random tokens."""
        generator = torch.Generator().manual_seed(seed)
        rows = [
            torch.randint(self.vocab_size, (self.micro_rows, self.seq_len + 1), generator=generator)
            for _ in range(self.accumulate)
        ]
        return [(row[:, :-1].contiguous(), row[:, 1:].contiguous()) for row in rows]


def job_of_arguments() -> Job:
    """The job on the command line: `--d-model 384 ...`, every field required that has no default."""
    parser = argparse.ArgumentParser()
    for field in fields(Job):
        needed = field.default is MISSING
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, required=needed, default=0)
    job = Job(**vars(parser.parse_args()))
    torch.set_num_threads(job.threads)
    torch.manual_seed(0)
    return job


def matmul_parameters(model: torch.nn.Module, job: Job) -> int:
    """Parameters in a matrix product per token: every matrix but the lookup tables, and the head once."""
    head = job.vocab_size * job.d_model
    lookups_and_head = ("wte", "wpe", "embed", "head")
    matrices = (
        parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and not any(part in name for part in lookups_and_head)
    )
    return sum(matrices) + head


def flops_per_token(model: torch.nn.Module, job: Job) -> int:
    """6 N + 12 L d T: forward and backward, attention in full (PaLM, arXiv:2204.02311, appendix B)."""
    return 6 * matmul_parameters(model, job) + 12 * job.n_layers * job.d_model * job.seq_len


def plain_step(
    model: torch.nn.Module,
    job: Job,
    loss_of: Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], torch.Tensor],
) -> Callable[[], float]:
    """One optimizer step as a careful person writes it by hand: accumulate, clip, fused AdamW.

    `loss_of` calls the model that it is given on inputs and targets.
    """
    model.train()
    called = torch.compile(model, dynamic=False) if job.compiled else model
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
    )
    batches = job.batches()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for inputs, targets in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=bool(job.rounded)):
                loss = loss_of(called, inputs, targets) / job.accumulate
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        return total

    return step
