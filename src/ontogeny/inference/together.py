"""Answers to many prompts, written at once: one reading of the weights gives a token to every answer.

Writing a token costs a CPU, and a GPU with little to do, little more for a dozen answers than for one, since most of
the time goes into reading the weights. Prompts are read one by one, without what they begin with alike, and answers of
like length stand in one batch; those that have ended leave it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ontogeny.inference.engine import Answer, Chunk, Completion, Engine, completed
from ontogeny.inference.sampling import SamplingOptions, sample
from ontogeny.inference.shared_beginnings import Ids, shared_length
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.transformer import Transformer

ROWS = 32
"""Answers in a batch: seven times the tokens a second of one alone on two cores (SmolLM2-135M), six times with 16."""
CACHE_BYTES = 512 * 2**20
"""Of the keys and values of a batch; one answer is written however large its own are."""
LEAVING = 0.25
"""Share of a batch that has to have ended before its rows leave, which copies those of the others."""


@dataclass(frozen=True)
class Asked:
    """What is to be answered, and how."""

    ids: Sequence[int]
    options: SamplingOptions


@torch.inference_mode()
def generate_together(
    engine: Engine, asked: Sequence[Asked], *, advance: Callable[[int], None]
) -> list[Completion]:
    """The answer to each prompt: that of `Engine.generate` but for rounding. `advance` is told how many more are done.

    An answer's `seconds` are those since its batch was begun, which the others of the batch share.

    Raises:
        UsageError: an empty prompt, or one that leaves no room in the context.
    """
    rooms = [engine.room(prompt.ids, prompt.options) for prompt in asked]
    done: list[Completion | None] = [None] * len(asked)
    for batch in _batches(engine.model, asked, rooms):
        started = time.monotonic()
        rows = [_Row.of(number, asked[number], engine) for number in batch]
        room = max(rooms[number] for number in batch)
        for row in _written(engine.model, rows, room=room):
            seconds = time.monotonic() - started
            done[row.number] = completed(row.chunks, prompt_tokens=len(row.ids), seconds=seconds)
            advance(1)
    return [one for one in done if one is not None]


@dataclass(eq=False)
class _Row:
    """An answer in a batch."""

    number: int
    ids: Ids
    options: SamplingOptions
    generator: torch.Generator
    answer: Answer
    chunks: list[Chunk] = field(default_factory=list)

    @classmethod
    def of(cls, number: int, prompt: Asked, engine: Engine) -> _Row:
        generator = torch.Generator(engine.model.device).manual_seed(prompt.options.seed)
        room = engine.room(prompt.ids, prompt.options)
        answer = Answer(engine.tokenizer, prompt.options.stop, room=room)
        return cls(number, np.array(prompt.ids, dtype=np.int64), prompt.options, generator, answer)

    def draw(self, logits: Tensor) -> int:
        """The next token, by logits (V,)."""
        token = sample(logits, self.options, self.generator)
        self.chunks += self.answer.push(token)
        return token


def _batches(model: Transformer, asked: Sequence[Asked], rooms: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of prompts of like length, as many as may be written at once; the longest come first."""
    token_bytes, context = model.new_cache(capacity=1).nbytes, model.config.seq_len
    batch: list[int] = []
    longest = room = 0
    for number in sorted(range(len(asked)), key=lambda number: -len(asked[number].ids)):
        width = longest + max(room, rooms[number])
        full = len(batch) == ROWS or (len(batch) + 1) * width * token_bytes > CACHE_BYTES
        if batch and (full or width > context):
            yield batch
            batch, room = [], 0
        if not batch:
            longest = len(asked[number].ids)
        batch.append(number)
        room = max(room, rooms[number])
    if batch:
        yield batch


def _written(model: Transformer, rows: list[_Row], *, room: int) -> Iterator[_Row]:
    """Write at most `room` tokens to each answer; gives every row as its answer ends."""
    cache, states = _read(model, rows, room=room)
    last = [0] * len(rows)
    while True:
        for place, (row, logits) in enumerate(zip(rows, model.head(states), strict=True)):
            if not row.answer.ended:
                last[place] = row.draw(logits)
                if row.answer.ended:
                    yield row
        left = [place for place, row in enumerate(rows) if not row.answer.ended]
        if not left:
            return
        if len(rows) - len(left) >= LEAVING * len(rows):
            cache.keep(left)
            rows, last = [rows[place] for place in left], [last[place] for place in left]
        idx = torch.tensor(last, device=model.device).unsqueeze(1)
        states = model.hidden(idx, cache=cache)[:, -1]


def _read(model: Transformer, rows: Sequence[_Row], *, room: int) -> tuple[KVCache, Tensor]:
    """Read the prompts, each by itself and after what it shares with the one before; the states (B, C) of their ends.

    Rows of the cache end together, and have room for `room` tokens.
    """
    longest = max(len(row.ids) for row in rows)
    cache = model.new_cache(batch=len(rows), capacity=longest + room)
    cache.begin(longest)
    alone = model.new_cache(capacity=longest)
    states = torch.empty(len(rows), model.config.d_model, dtype=model.dtype, device=model.device)
    before = np.zeros(0, dtype=np.int64)
    for place in sorted(range(len(rows)), key=lambda place: rows[place].ids.tolist()):
        ids = rows[place].ids
        alone.rewind(min(shared_length(before, ids), len(ids) - 1))
        idx = torch.from_numpy(ids[alone.length :]).unsqueeze(0).to(model.device)
        last = torch.tensor([idx.shape[1] - 1], device=model.device) if idx.shape[1] > 1 else None
        states[place] = model.hidden(idx, cache=alone, at=last)[0, -1]
        cache.fill(place, alone)
        before = ids
    return cache, states
