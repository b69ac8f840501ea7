"""The one fine-tuning job that all contestants run: a Hugging Face folder, examples, adapters, batch. Free of packages.

A file of examples has one JSON object a line: `prompt` and `answer` of a conversation, or `text` and `label`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RANK, ALPHA = 8, 16
LEARNING_RATE = 1e-4  # not tuned: only the speed counts
BETAS, EPS = (0.9, 0.999), 1e-8
CLIP_NORM = 1.0
STEPS = 100_000  # until the driver says stop


@dataclass(frozen=True)
class FinetuneJob:
    """What is tuned, on what, and how much of it in one optimizer step.

    `rows` are the conversations or the texts of a step; for a contestant that packs conversations into rows of
    `seq_len`, `packed_rows` of those hold about as many tokens. `variant` is a peer's own.
    """

    model: str
    examples: str
    seq_len: int
    rows: int
    packed_rows: int
    steps_a_turn: int
    threads: int
    variant: str = ""

    def read(self) -> list[dict[str, str]]:
        """The examples in their order."""
        return [json.loads(line) for line in Path(self.examples).read_text().splitlines()]

    def arguments(self) -> list[str]:
        """What `job_of_arguments` reads."""
        return [text for name, value in vars(self).items() for text in (f"--{name}", str(value))]


def job_of_arguments(arguments: Sequence[str] | None = None) -> FinetuneJob:
    """The job on the command line, every field by its name."""
    parser = argparse.ArgumentParser()
    for name in FinetuneJob.__dataclass_fields__:
        kind = str if name in ("model", "examples", "variant") else int
        parser.add_argument(f"--{name}", type=kind, required=True)
    return FinetuneJob(**vars(parser.parse_args(arguments)))


def messages(example: dict[str, str]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Turns of the user, and those that are learnt."""
    return (
        [{"role": "user", "content": example["prompt"]}],
        [{"role": "assistant", "content": example["answer"]}],
    )
