"""What is asked of a model, and what it answered: the words between task definitions and models.

A task becomes items, an item asks one or more requests, and each request has one response. Nothing here knows tokens:
a context is text that the model goes on with, or a conversation that its chat template writes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Role = Literal["system", "user", "assistant"]
OutputType = Literal["multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side of a conversation says."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation that waits for the assistant, whose answer begins with `opening`."""

    turns: tuple[Turn, ...]
    opening: str = ""


Context: TypeAlias = str | Chat


@dataclass(frozen=True, slots=True)
class Loglikelihood:
    """How likely is `continuation` after `context`? An empty text is the beginning of a document."""

    context: Context
    continuation: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """How likely is the whole of `text`, read from its beginning?"""

    text: str


@dataclass(frozen=True, slots=True)
class Generate:
    """What do you write after `context`? It ends before the first of `until`, or after `max_tokens` tokens.

    Temperature 0 takes the likeliest token at each place. `seed` tells repeats of one request apart. `timed`: how long
    it takes is measured, so nothing else is written meanwhile.
    """

    context: Context
    until: tuple[str, ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int = 0
    timed: bool = False


Request: TypeAlias = Loglikelihood | Rolling | Generate


@dataclass(frozen=True, slots=True)
class Scored:
    """Response to `Loglikelihood` and `Rolling`: the sum over tokens in nats, and whether each was the likeliest.

    `truncated`: the context was longer than the model's and lost its beginning.
    """

    logprob: float
    is_greedy: bool
    tokens: int
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Response to `Generate`: text without its stop text, and why it ended (`stop`, `length`).

    `seconds`, of what was not `timed`, are those after which it stood there, others being written meanwhile.
    """

    text: str
    finish_reason: str
    tokens: int = 0
    seconds: float = 0.0
    truncated: bool = False


Response: TypeAlias = Scored | Written


@dataclass(frozen=True, slots=True)
class Item:
    """One document of a task: what is asked about it, and what is right.

    `id` is the digest of the document, with a number where the data repeats it. `group` is what items that belong
    together share (a passage, an author); else the id. `document` is the row of the data, `row` its number in the
    split, from 1.

    Of the fields below those are filled that the kind of task has:
    - multiple choice: `choices`, and in `gold` the positions of the right ones. The requests are one for each choice,
      then one for each choice without a context where the task asks for `acc_mutual_info`;
    - generation: `references`, the texts that are right; the requests are repeats of one;
    - log-likelihoods: `references` has the one text that is scored.
    """

    id: str
    task: str
    group: str
    document: Mapping[str, Any]
    requests: tuple[Request, ...]
    choices: tuple[str, ...] = ()
    gold: tuple[int, ...] = ()
    references: tuple[str, ...] = ()
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model made of an item.

    `scored` are the responses to log-likelihood requests, in their order; `written` to those of generation, before
    filters; `outputs` what a filter pipeline made of the written texts: mostly one, several where all repeats count.
    """

    scored: tuple[Scored, ...] = ()
    written: tuple[Written, ...] = ()
    outputs: tuple[Any, ...] = ()
