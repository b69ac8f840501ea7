"""Answers that a student writes itself while it learns: the contexts in which it will stand when nobody helps it.

Of a conversation it reads everything up to the last answer and writes that one anew; what it learns from, and in which
steps, follows from the seed and the step, and what it writes from these and its weights. So a run that is resumed reads
the same. A step's answers are written together, whatever `micro_batch_rows` is, and are learnt from in micro-batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ontogeny.core.seeds import derive_seed, numpy_generator
from ontogeny.finetune.config_distil import OwnSamples
from ontogeny.finetune.conversations import Account, Conversations
from ontogeny.finetune.instruct import Tuning
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import PADDING_ID, Batch
from ontogeny.train.packing import pack_whole


@dataclass(frozen=True)
class OwnAnswers:
    """The steps of `tuning` that learn from what `model`, as it is then, writes.

    Attributes:
        settings: how often, and how they are written.
        model: the student; the same weights that are trained.
        stop_ids: tokens that end an answer.
        vocab_size: tokens that it may write: the first of its table.
    """

    settings: OwnSamples
    tuning: Tuning
    model: Transformer
    stop_ids: frozenset[int]
    vocab_size: int

    def is_own(self, step: int) -> bool:
        """Whether a step (from 0) learns from them."""
        drawn = numpy_generator(self.tuning.seed, "own samples", step).random()
        return bool(drawn < self.settings.share)

    def micro_batches(self, step: int) -> list[Batch]:
        """The rows of a step, their last answers written by the student."""
        plan = self.tuning.plan
        rows = plan.order.rows_for_step(step)
        prompts = [self._prompt(int(plan.start[row]), int(plan.length[row])) for row in rows]
        answers = write_answers(
            self.model,
            prompts,
            max_tokens=min(self.settings.max_tokens, plan.seq_len + 1 - max(map(len, prompts))),
            temperature=self.settings.temperature,
            stop_ids=self.stop_ids,
            vocab_size=self.vocab_size,
            seed=derive_seed(self.tuning.seed, "own answers", step),
        )
        written = Conversations.of(
            (
                (plan.doc_ids[row], ([*prompt, *answer], [0] * len(prompt) + [1] * len(answer)))
                for row, prompt, answer in zip(rows, prompts, answers, strict=True)
            ),
            Account(),
        )
        own = pack_whole(written.spans, seq_len=plan.seq_len, batch_rows=len(rows), seed=self.tuning.seed)
        of_step = replace(self.tuning, conversations=written, plan=own, neftune_alpha=None)
        return list(of_step.batches(self.model).every_row())

    def _prompt(self, start: int, length: int) -> list[int]:
        """A row up to where its last answer begins: never nothing, since nothing can be written after that."""
        learnt = self.tuning.conversations.read_mask(0, start, length)
        begins = np.flatnonzero(learnt & ~np.concatenate([[False], learnt[:-1]]))
        tokens: list[int] = self.tuning.conversations.read(0, start, max(1, int(begins[-1]))).tolist()
        return tokens


@torch.no_grad()
def write_answers(
    model: Transformer,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    temperature: float,
    stop_ids: frozenset[int],
    vocab_size: int,
    seed: int,
) -> list[list[int]]:
    """What `model` writes after each prompt, drawn at `temperature`, to a token of `stop_ids`, which is the last one.

    Args:
        prompts: at least one token each; the longest and `max_tokens` - 1 more fit into the context.
        max_tokens: at least 1.
        vocab_size: tokens that may be written; rows of the table beyond are padding.
    """
    device, longest = model.device, max(map(len, prompts))
    idx = torch.full((len(prompts), longest), PADDING_ID)
    for row, prompt in enumerate(prompts):
        idx[row, longest - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts]).unsqueeze(1)
    mask: torch.Tensor | None = (torch.arange(longest) >= longest - lengths).to(device)
    idx = idx.to(device)
    generator = torch.Generator(device).manual_seed(seed)
    cache = model.new_cache(batch=len(prompts), capacity=longest + max_tokens)
    answers: list[list[int]] = [[] for _ in prompts]
    for _ in range(max_tokens):
        logits = model.head(model.hidden(idx, cache=cache, mask=mask)[:, -1])[:, :vocab_size]
        idx, mask = torch.multinomial((logits.float() / temperature).softmax(1), 1, generator=generator), None
        for answer, token in zip(answers, idx[:, 0].tolist(), strict=True):
            if not (answer and answer[-1] in stop_ids):
                answer.append(token)
        if all(answer[-1] in stop_ids for answer in answers):
            break
    return answers
