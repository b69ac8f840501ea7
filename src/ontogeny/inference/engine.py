"""Generation: read the prompt once into a cache, then one token at a time, streamed as text.

One prompt at a time. What is given out is always whole characters, and never a part of a stop text.
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
        tokens = [chunk.token_id for chunk in chunks if chunk.token_id is not None]
        reason = chunks[-1].finish_reason
        assert reason is not None, "the last chunk of a stream says why it ends"
        text = "".join(chunk.text for chunk in chunks)
        return Completion(text, tokens, reason, len(prompt_ids), len(tokens), time.monotonic() - started)

    def stream(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Iterator[Chunk]:
        """Pieces of the answer as they are written; the last one, without a token, has the finish reason.

        `stop`: the model ended its turn, or wrote a stop text; `length`: `max_new_tokens` or the context ran out.

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
        return self._stream(prompt_ids, options, room=min(options.max_new_tokens, context - len(prompt_ids)))

    def _stream(self, prompt_ids: Sequence[int], options: SamplingOptions, *, room: int) -> Iterator[Chunk]:
        decoder, held = self.tokenizer.stream_decoder(), _StopTexts(options.stop)
        for token in self._tokens(prompt_ids, options, room):
            if token in self.tokenizer.stop_ids:
                yield Chunk(held.flush(decoder.flush()), finish_reason="stop")
                return
            text = held.push(decoder.push(token))
            yield Chunk(text, token)
            if held.reached:
                yield Chunk("", finish_reason="stop")
                return
        text = held.push(decoder.flush())
        reason: FinishReason = "stop" if held.reached else "length"
        yield Chunk(text + held.flush(""), finish_reason=reason)

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
