"""A model with its tokenizer from a folder, ready to write and to score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ontogeny.inference.engine import Chunk, Completion, Engine
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.inference.scoring import token_logprobs
from ontogeny.model.formats import huggingface, stored
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.codec import Tokenizer


@dataclass(frozen=True)
class LoadedModel:
    """What `load_model` gives."""

    model: Transformer
    tokenizer: Tokenizer
    folder: Path

    @cached_property
    def engine(self) -> Engine:
        """The model as a writer."""
        return Engine(self.model, self.tokenizer)

    def generate(
        self, prompt: str, *, chat: bool = False, options: SamplingOptions | None = None
    ) -> Completion:
        """A continuation of `prompt`, or with `chat` the answer to it as a user's message.

        Raises:
            UsageError: the prompt leaves no room in the context.
        """
        return self.engine.generate(self._prompt_ids(prompt, chat=chat), options or SamplingOptions())

    def stream(
        self, prompt: str, *, chat: bool = False, options: SamplingOptions | None = None
    ) -> Iterator[Chunk]:
        """Like `generate`, piece by piece."""
        return self.engine.stream(self._prompt_ids(prompt, chat=chat), options or SamplingOptions())

    def logprobs(self, text: str) -> list[float]:
        """Natural-log probabilities of tokens 2 to n of the text's default encoding."""
        return token_logprobs(self.model, self.tokenizer.encode_default(text))

    def _prompt_ids(self, prompt: str, *, chat: bool) -> list[int]:
        if chat:
            return encode_prompt(self.tokenizer, [{"role": "user", "content": prompt}])
        return self.tokenizer.encode_plain_prompt(prompt)


def load_model(folder: Path, device: str = "cpu") -> LoadedModel:
    """Read weights and tokenizer of a Hugging Face folder, or of adapters, which are merged into their base.

    Raises:
        ModelFormatError: the folder cannot be read as a model, or model and tokenizer do not belong together; names
            the file.
    """
    model, tokenizer = stored.load(folder, device), Tokenizer.load(folder)
    huggingface.check_tokenizer(tokenizer, model.config, where=str(folder))
    return LoadedModel(model, tokenizer, folder)
