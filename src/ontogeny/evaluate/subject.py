"""A model as the suites see it: bits of texts, log-probabilities of continuations, and what it writes.

This is the one place that knows tokens: how a prompt is put in front of a continuation, and what happens to prompts
that are longer than the model's context (they lose their beginning, and that is counted).

Requests of tasks (`logprobs`, `generate`) are encoded as lm-evaluation-harness encodes them, so that numbers are the
same: context and continuation as one text, cut after the context's tokens; white space at the seam belongs to the
continuation. Prompts of the other suites (`choice_logprobs`, `write`) begin a document, choices are encoded apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_json, read_json
from ontogeny.evaluate.tuned import is_untuned
from ontogeny.tasks.multiple_choice import Form, Prompt
from ontogeny.tasks.requests import Chat, Context, Generate, Loglikelihood, Rolling, Scored, Written
from ontogeny.train.snapshot_folders import snapshots_in

if TYPE_CHECKING:
    from ontogeny.inference.loading import LoadedModel
    from ontogeny.inference.together import Asked
    from ontogeny.lineage.artifact import Artifact
    from ontogeny.tokenizer.codec import Tokenizer


Advance: TypeAlias = Callable[[float], None]


def nothing(done: float) -> None:
    """Nobody wants to know."""


class Reader(Protocol):
    """What the suites ask of a model."""

    def bits(self, texts: Sequence[str], *, window: int | None, stride: int | None) -> list[float]:
        """Bits that each text costs, read from its beginning."""

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        """How likely each continuation is; None where it is longer than the context all by itself.

        `advance` is told how many more are done.
        """

    def alone(self, requests: Sequence[Loglikelihood]) -> list[Scored | None]:
        """As `logprobs`, each computed by itself: the same but for rounding."""

    def generate(self, requests: Sequence[Generate], *, advance: Advance = nothing) -> list[Written]:
        """What the model writes for each."""

    def choice_logprobs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        """Natural-log probability of each continuation after its prompt."""

    def is_truncated(self, prompt: Prompt, continuation: str) -> bool:
        """Whether the prompt loses its beginning before this continuation."""

    def fits(self, continuation: str) -> bool:
        """Whether the continuation itself fits into the context."""

    def write(
        self, prompt: Prompt, *, max_new_tokens: int, temperature: float, top_p: float, seed: int
    ) -> Written:
        """A continuation of the prompt."""


@dataclass(frozen=True)
class Subject:
    """A model under evaluation. `chats`: it has a chat template; `conversational`: it was tuned to use it, as far as is
    known; `untuned`: it is known never to have been.
    """

    name: str
    folder: Path
    digest: str
    chats: bool
    conversational: bool
    untuned: bool = False

    @classmethod
    def of(cls, artifact: Artifact) -> Subject:
        """The subject that a model artifact is; one that can chat and was not only pretrained is taken to converse."""
        chats, untuned = _has_chat_template(artifact.path), is_untuned(artifact)
        conversational = chats and not untuned and artifact.manifest.step_type != "pretrain"
        return cls(artifact.name, artifact.path, artifact.digest, chats, conversational, untuned)

    def forms(self, wanted: Literal["auto", "chat", "plain"]) -> tuple[Form, ...]:
        """The forms to ask in: the one wanted; by itself chat for a model that converses, else all it can.

        Raises:
            DataError: chat is wanted of a model without a template for it.
        """
        if wanted == "chat" and not self.chats:
            raise DataError(
                "the model has no chat template, so it cannot be asked in chat",
                where=self.name, hint="set form: plain, or leave it out",
            )  # fmt: skip
        if wanted != "auto":
            return (wanted,)
        if self.conversational:
            return ("chat",)
        return ("plain", "chat") if self.chats else ("plain",)

    def written_out(self, context: Context) -> str:
        """A context as the model reads it: a conversation as its chat template writes it.

        Raises:
            ModelFormatError, DataError: the template fails, or refuses the conversation.
        """
        if not isinstance(context, Chat):
            return context
        from ontogeny.tokenizer.chat import render

        return render(self._tokenizer, _messages(context), add_generation_prompt=True) + context.opening

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from ontogeny.tokenizer.codec import Tokenizer

        return Tokenizer.load(self.folder)

    def load(self, device: str) -> Reader:
        """Read the weights."""
        from ontogeny.inference.loading import load_model

        return ModelReader(load_model(self.folder, device), name=self.name)


def snapshots_of(artifact: Artifact) -> dict[int, Subject]:
    """The model after each step at which its training kept it, by step; the last is the model itself.

    Raises:
        DataError: its training kept none.
    """
    model = Subject.of(artifact)
    folders = snapshots_in(artifact.path)
    if not folders:
        raise DataError(
            "its training kept no snapshots, so there is no curve to measure",
            where=model.name,
            hint="train it with `train.keep: {every: STEPS}`, or leave `checkpoints` out",
        )
    subjects = {
        step: replace(
            model,
            name=f"{model.name}:{step}",
            folder=folder,
            digest=digest_json([model.digest, step]),
        )
        for step, folder in folders.items()
    }
    subjects[artifact.manifest.metrics["steps"]] = model
    return dict(sorted(subjects.items()))


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():  # where newer versions of transformers keep it
        return True
    config = folder / "tokenizer_config.json"
    return config.is_file() and bool(read_json(config).get("chat_template"))


class ModelReader:
    """A `Reader` over a loaded model."""

    def __init__(self, loaded: LoadedModel, *, name: str) -> None:
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._name = name
        self._context = loaded.model.config.seq_len

    def bits(self, texts: Sequence[str], *, window: int | None, stride: int | None) -> list[float]:
        """Bits of each text; the window is the model's context unless it is smaller.

        Raises:
            DataError: a window that is longer than the model's context, or a stride longer than the window.
        """
        from ontogeny.inference.scoring import bits_per_byte

        width = window or self._context
        if width > self._context:
            raise DataError(
                f"a window of {width} tokens is longer than the model's context of {self._context}",
                where=self._name, hint=f"set window: {self._context} or less, or leave it out",
            )  # fmt: skip
        step = stride or max(1, width // 2)
        if step > width:
            raise DataError(
                f"a stride of {step} tokens would skip tokens between windows of {width}",
                where=self._name, hint=f"set stride: {width} or less, or leave it out",
            )  # fmt: skip
        measured = bits_per_byte(self._model, self._tokenizer, list(texts), window=width, stride=step)
        return [document.bits for document in measured.per_document]

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        """Sums in nats. Contexts that do not fit lose their beginning; longer texts go in windows."""
        from ontogeny.inference.continuations import score_continuations

        pieces = [self._pieces(request) for request in requests]
        pairs = [pair for one in pieces for pair in one.pairs if one.fits]
        share = len(requests) / max(1, len(pairs))  # texts that take several windows are several pairs
        found = iter(score_continuations(self._model, pairs, advance=lambda done: advance(done * share)))
        scored: list[Scored | None] = []
        for one in pieces:
            parts = [next(found) for _ in one.pairs] if one.fits else []
            logprob = math.fsum(part.logprob for part in parts)
            greedy = all(part.is_greedy for part in parts)
            tokens = sum(part.tokens for part in parts)
            scored.append(Scored(logprob, greedy, tokens, one.truncated) if one.fits else None)
        return scored

    def alone(self, requests: Sequence[Loglikelihood]) -> list[Scored | None]:
        """A pass for each, without company that could move the last digits."""
        return [scored for request in requests for scored in self.logprobs([request])]

    def generate(self, requests: Sequence[Generate], *, advance: Advance = nothing) -> list[Written]:
        """Together, but for those that are timed; a context loses its beginning where it leaves no room for
        `max_tokens`."""
        from ontogeny.inference.engine import Engine
        from ontogeny.inference.together import generate_together

        engine = Engine(self._model, self._tokenizer)
        asked = [self._asked(request) for request in requests]
        together = [one for one, request in zip(asked, requests, strict=True) if not request.timed]
        found = iter(generate_together(engine, together, advance=advance))
        written = []
        for one, request in zip(asked, requests, strict=True):
            if request.timed:
                done = engine.generate(one.ids, one.options)
                advance(1)
            else:
                done = next(found)
            truncated = len(one.ids) < len(self._context_ids(request.context))
            written.append(
                Written(done.text, done.finish_reason, done.completion_tokens, done.seconds, truncated)
            )
        return written

    def choice_logprobs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        """Log-probabilities in nats; prompts that do not fit lose their beginning."""
        from ontogeny.inference.continuations import score_continuations

        return [score.logprob for score in score_continuations(self._model, list(self._encoded(pairs)))]

    def is_truncated(self, prompt: Prompt, continuation: str) -> bool:
        """Whether prompt and continuation together are longer than the context."""
        lead, tail = _joint(prompt, continuation)
        return len(self._prompt_ids(lead)) + len(self._tokenizer.encode(tail)) > self._context

    def fits(self, continuation: str) -> bool:
        """Whether the continuation leaves room for a token to start from."""
        short = len(continuation.encode()) < self._context  # a token is at least a byte
        return short or len(self._tokenizer.encode(continuation)) < self._context

    def write(
        self, prompt: Prompt, *, max_new_tokens: int, temperature: float, top_p: float, seed: int
    ) -> Written:
        """A continuation of at most `max_new_tokens`, fewer where the context ends."""
        from ontogeny.inference.engine import Engine
        from ontogeny.inference.sampling import SamplingOptions

        new_tokens = min(max_new_tokens, self._context - 1)
        options = SamplingOptions(max_new_tokens=new_tokens, temperature=temperature, top_p=top_p, seed=seed)
        ids = self._prompt_ids(prompt)[-(self._context - new_tokens) :]
        done = Engine(self._model, self._tokenizer).generate(ids, options)
        return Written(done.text, done.finish_reason)

    def _asked(self, request: Generate) -> Asked:
        """The end of the context that leaves room for the answer."""
        from ontogeny.inference.sampling import SamplingOptions
        from ontogeny.inference.together import Asked

        room = min(request.max_tokens, self._context - 1)
        options = SamplingOptions(
            max_new_tokens=room, temperature=request.temperature, top_p=request.top_p, top_k=request.top_k,
            seed=request.seed, stop=request.until,
        )  # fmt: skip
        return Asked(self._context_ids(request.context)[-(self._context - room) :], options)

    def _pieces(self, request: Loglikelihood | Rolling) -> _Pieces:
        if isinstance(request, Rolling):
            ids = self._tokenizer.encode(request.text)
            return _Pieces(list(rolling_windows(ids, start_id=self._start_id, window=self._context)))
        context, continuation = self._pair(request.context, request.continuation)
        kept = context[-max(1, self._context + 1 - len(continuation)) :]  # the last token is only a target
        return _Pieces(
            [(kept, continuation)],
            fits=len(continuation) <= self._context,
            truncated=len(kept) < len(context),
        )

    def _pair(self, context: Context, continuation: str) -> tuple[list[int], list[int]]:
        """Ids of both, neither empty."""
        if isinstance(context, Chat):
            head = self._turn_ids(context)
            if not context.opening:
                blank = self._white_tokens(head)
                seam = self._tokenizer.decode(head[len(head) - blank :])
                return head[: len(head) - blank], self._tokenizer.encode(seam + continuation)
            lead, ids = self._pair(context.opening, continuation)
            return head + lead, ids
        text = context.rstrip()
        if not text:
            return [self._start_id], self._tokenizer.encode(context + continuation)
        whole, lead = (
            self._tokenizer.encode_default(context + continuation),
            self._tokenizer.encode_default(text),
        )
        ids = whole[len(lead) :]
        return lead, ids or self._tokenizer.encode(context[len(text) :] + continuation)

    def _white_tokens(self, ids: Sequence[int]) -> int:
        """How many of the last tokens are white space."""
        count = 0
        while count < len(ids) - 1 and self._tokenizer.decode([ids[-1 - count]]).isspace():
            count += 1
        return count

    def _context_ids(self, context: Context) -> list[int]:
        if not isinstance(context, Chat):
            return self._tokenizer.encode_default(context) or [self._start_id]
        return self._turn_ids(context) + self._tokenizer.encode(context.opening)

    def _turn_ids(self, context: Chat) -> list[int]:
        from ontogeny.tokenizer.chat import encode_prompt

        return encode_prompt(self._tokenizer, _messages(context))

    @property
    def _start_id(self) -> int:
        """What an empty context becomes, by harness's rule: begin-of-text where the tokenizer names one, else the end.

        This is `Tokenizer.start_id` but for tokenizers that name a begin-of-text and put it before no text (SmolLM2).
        """
        begin = self._tokenizer.begin_of_text
        return self._tokenizer.special_id(begin) if begin else self._tokenizer.end_of_text_id

    def _encoded(self, pairs: Sequence[tuple[Prompt, str]]) -> Iterator[tuple[list[int], list[int]]]:
        known: dict[Prompt, list[int]] = {}
        for prompt, continuation in pairs:
            lead, tail = _joint(prompt, continuation)
            if lead not in known:
                known[lead] = self._prompt_ids(lead)
            ids = self._tokenizer.encode(tail)
            yield known[lead][-max(1, self._context - len(ids)) :], ids

    def _prompt_ids(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens; a plain one begins a document."""
        if prompt.form == "plain":
            return [self._tokenizer.start_id, *self._tokenizer.encode(prompt.text)]
        from ontogeny.tokenizer.chat import encode_prompt

        return encode_prompt(self._tokenizer, [{"role": "user", "content": prompt.text}])


@dataclass(frozen=True)
class _Pieces:
    """What one request costs: (context, continuation) pairs of ids that are scored and added up."""

    pairs: Sequence[tuple[list[int], list[int]]]
    fits: bool = True
    truncated: bool = False


def rolling_windows(
    ids: Sequence[int], *, start_id: int, window: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Context and continuation of each window, every token scored once: lm-evaluation-harness's, `context_len` 1.

    The first window of `window` tokens begins after `start_id`; each later one scores as many after a single token,
    but for the last, which has what there is to score and everything before it that fits.
    """
    every = [start_id, *ids]
    for first in range(0, len(ids), window):
        end = min(first + window, len(ids))
        start = max(0, end - window)
        yield every[start : first + 1], every[first + 1 : end + 1]


def _messages(context: Chat) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in context.turns]


def _joint(prompt: Prompt, continuation: str) -> tuple[Prompt, str]:
    """Move spaces at the seam to the continuation: byte-level tokens begin with their space, they never end in one."""
    if prompt.form == "chat":
        return prompt, continuation
    lead = prompt.text.rstrip(" ")
    return Prompt(prompt.form, lead), prompt.text[len(lead) :] + continuation
