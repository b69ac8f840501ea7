"""The teacher of a distillation: a frozen model with the student's tokens, read when it is first asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import torch

from ontogeny.core.errors import UsageError
from ontogeny.model.divergence import TeacherStates
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.batches import Batch
from ontogeny.train.objective import states_and_head


class Teacher:
    """A model that is only asked. `load` reads it; `vocab_size` is the number of rows of its tables."""

    def __init__(self, load: Callable[[], Transformer], *, vocab_size: int) -> None:
        self._load, self.vocab_size = load, vocab_size

    @cached_property
    def model(self) -> Transformer:
        """Its weights, without gradients."""
        model = self._load()
        model.requires_grad_(requires_grad=False)
        return model

    def let_go(self) -> None:
        """Free its memory until it is asked again."""
        self.__dict__.pop("model", None)

    @torch.no_grad()
    def states(self, batch: Batch) -> TeacherStates:
        """What it says where the targets of `batch` are predicted; the student's noise is not for it."""
        return TeacherStates(*states_and_head(self.model, replace(batch, noise=None)))


def check_same_tokens(student: Tokenizer, teacher: Tokenizer, *, name: str) -> None:
    """Refuse a teacher to whom token ids mean something else.

    Raises:
        UsageError: says how many tokens differ, and names one.
    """
    ours, theirs = _tokens(student), _tokens(teacher)
    differing = sorted(token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token))
    if not differing:
        return
    first = differing[0]
    raise UsageError(
        f"the teacher {name} has another tokenizer than the student: {len(differing):,} of "
        f"{len(ours.keys() | theirs.keys()):,} tokens differ, e.g. {first!r}, which is {_number(ours.get(first))} "
        f"to the student and {_number(theirs.get(first))} to the teacher",
        where="distil.teacher",
        hint="the two are compared token by token: choose a teacher with the student's own tokenizer",
    )


def _number(token_id: int | None) -> str:
    return "unknown" if token_id is None else f"number {token_id:,}"


def _tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """Tokens and their ids. How a tokenizer cuts text does not matter: the student's cuts it for both."""
    definition = json.loads(tokenizer.to_json())
    vocabulary = definition["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # of a Unigram model: pairs of token and score, in order
        vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
    return {**vocabulary, **{token["content"]: token["id"] for token in definition["added_tokens"]}}
