"""Generation: read the prompt once into a cache, then one token at a time, streamed as text.

One prompt at a time; `inference.together` writes answers to many. What is given out is always whole characters, and
never a part of a stop text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ontogeny.core.errors import UsageError
from ontogeny.inference.sampling import SamplingOptions, sample
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer: text (perhaps empty), the token that brought it, and why the answer ends, if it does."""

    text: str
    token_id: int | None = None
    finish_reason: FinishReason | None = None


@dataclass(frozen=True)
class Completion:
    """A whole answer; `tokens` are the ids generated, the one that ended it left out."""

    text: str
    tokens: list[int]
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Engine:
    """A model with its tokenizer, ready to write."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer

    def generate(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Completion:
        """The whole answer to a prompt; see `stream`."""
        started = time.monotonic()
        chunks = list(self.stream(prompt_ids, options))
        return completed(chunks, prompt_tokens=len(prompt_ids), seconds=time.monotonic() - started)

    def stream(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Iterator[Chunk]:
        """Pieces of the answer as they are written; the last one, without a token, has the finish reason.

        `stop`: the model ended its turn, or wrote a stop text; `length`: `max_new_tokens` or the context ran out.

        Raises:
            UsageError: an empty prompt, or one that leaves no room in the context.
        """
        return self._stream(prompt_ids, options, room=self.room(prompt_ids, options))

    def room(self, prompt_ids: Sequence[int], options: SamplingOptions) -> int:
        """How many tokens an answer may have.

        Raises:
            UsageError: an empty prompt, or one that leaves no room in the context.
        """
        context = self.model.config.seq_len
        if not prompt_ids:
            raise UsageError("the prompt is empty", hint="give it at least one token")
        if len(prompt_ids) >= context:
            raise UsageError(
                f"the prompt has {len(prompt_ids):,} tokens and the model's context holds {context:,}",
                hint="shorten the prompt",
            )
        return min(options.max_new_tokens, context - len(prompt_ids))

    def _stream(self, prompt_ids: Sequence[int], options: SamplingOptions, *, room: int) -> Iterator[Chunk]:
        answer = Answer(self.tokenizer, options.stop, room=room)
        for token in self._tokens(prompt_ids, options, room):
            yield from answer.push(token)
            if answer.ended:
                return

    def _tokens(self, prompt_ids: Sequence[int], options: SamplingOptions, room: int) -> Iterator[int]:
        """At most `room` sampled tokens."""
        device = self.model.device
        generator = torch.Generator(device=device).manual_seed(options.seed)
        cache = self.model.new_cache(capacity=len(prompt_ids) + room)
        idx = torch.tensor([list(prompt_ids)], device=device)
        last = torch.tensor([len(prompt_ids) - 1], device=device)
        for _ in range(room):
            with torch.inference_mode():
                hidden = self.model.hidden(idx, cache=cache, at=last if idx.shape[1] > 1 else None)
                token = sample(self.model.head(hidden[0, -1]), options, generator)
            yield token
            idx = torch.tensor([[token]], device=device)


class Answer:
    """An answer as it grows, to at most `room` tokens."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], *, room: int) -> None:
        self._stop_ids, self._room = tokenizer.stop_ids, room
        self._decoder, self._held = tokenizer.stream_decoder(), _StopTexts(stops)
        self.ended = False

    def push(self, token: int) -> Iterator[Chunk]:
        """What one more token gives out; with the last one, why the answer ends."""
        if token in self._stop_ids:
            yield self._last(self._held.flush(self._decoder.flush()), "stop")
            return
        self._room -= 1
        yield Chunk(self._held.push(self._decoder.push(token)), token)
        if self._held.reached:
            yield self._last("", "stop")
        elif self._room == 0:
            yield self._cut()

    def _cut(self) -> Chunk:
        """What is left where no room is."""
        text = self._held.push(self._decoder.flush())
        reason: FinishReason = "stop" if self._held.reached else "length"
        return self._last(text + self._held.flush(""), reason)

    def _last(self, text: str, reason: FinishReason) -> Chunk:
        self.ended = True
        return Chunk(text, finish_reason=reason)


def completed(chunks: Sequence[Chunk], *, prompt_tokens: int, seconds: float) -> Completion:
    """The answer that all its chunks make."""
    tokens = [chunk.token_id for chunk in chunks if chunk.token_id is not None]
    reason = chunks[-1].finish_reason
    assert reason is not None, "the last chunk of an answer says why it ends"
    text = "".join(chunk.text for chunk in chunks)
    return Completion(text, tokens, reason, prompt_tokens, len(tokens), seconds)


class _StopTexts:
    """Holds back what might be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.reached = False

    def push(self, text: str) -> str:
        """What can be given out after `text` has come."""
        if not self._stops or self.reached:
            return "" if self.reached else text
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.reached = True
            out, self._held = self._held[: min(found)], ""
            return out
        keep = max((self._overlap(stop) for stop in self._stops), default=0)
        out, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return out

    def flush(self, text: str) -> str:
        """Everything that is left; a stop text that only now is whole still cuts."""
        out = self.push(text)
        rest, self._held = self._held, ""
        return out + ("" if self.reached else rest)

    def _overlap(self, stop: str) -> int:
        """Length of the longest beginning of `stop` that what is held ends with."""
        longest = min(len(stop) - 1, len(self._held))
        return next((length for length in range(longest, 0, -1) if self._held.endswith(stop[:length])), 0)
