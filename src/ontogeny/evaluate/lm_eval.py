"""A model of ours inside lm-evaluation-harness: what `lm_eval.simple_evaluate(model=...)` takes.

    from ontogeny.evaluate.lm_eval import OntogenyLM
    lm_eval.simple_evaluate(model=OntogenyLM.from_folder(Path("model")), tasks=["arc_easy"])

Needs the extra `ontogeny[lm-eval]`. Requests are answered by the same reader that our own suites ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ontogeny.core.errors import DataError, UsageError, nearest
from ontogeny.evaluate.subject import ModelReader, Reader
from ontogeny.inference.loading import load_model
from ontogeny.tasks.definition import Generation
from ontogeny.tasks.requests import Chat, Context, Generate, Loglikelihood, Role, Rolling, Turn
from ontogeny.tokenizer.chat import render
from ontogeny.tokenizer.codec import Tokenizer

try:
    from lm_eval.api.model import LM
except ModuleNotFoundError as error:
    raise UsageError(
        "lm-evaluation-harness is not installed", hint="pip install 'ontogeny[lm-eval]'"
    ) from error


class OntogenyLM(LM):  # type: ignore[misc]
    """Answers harness's requests; `name` is told where a request cannot be answered."""

    def __init__(self, reader: Reader, tokenizer: Tokenizer, *, name: str) -> None:
        super().__init__()
        self._reader, self._tokenizer, self._name = reader, tokenizer, name
        self._chats: dict[str, Chat] = {}

    @classmethod
    def from_folder(cls, folder: Path, *, device: str = "cpu") -> OntogenyLM:
        """The model in a Hugging Face folder, or adapters, which are merged into their base.

        Raises:
            ModelFormatError: the folder cannot be read as a model.
        """
        loaded = load_model(folder, device)
        return cls(ModelReader(loaded, name=str(folder)), loaded.tokenizer, name=str(folder))

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Sum in nats of each continuation after its context, and whether it is the likeliest everywhere.

        Raises:
            DataError: a continuation that is longer than the model's context.
        """
        asked = [
            Loglikelihood(self._context(context), continuation)
            for context, continuation in (request.args for request in requests)
        ]
        answers = []
        for one, scored in zip(asked, self._reader.logprobs(asked), strict=True):
            if scored is None:
                raise DataError(
                    f"a continuation of {len(one.continuation):,} characters is longer than the model's context",
                    where=self._name, hint="leave this task out, or shorten its texts",
                )  # fmt: skip
            answers.append((scored.logprob, scored.is_greedy))
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Sum in nats of each whole text."""
        scored = self._reader.logprobs([Rolling(*request.args) for request in requests])
        return [one.logprob for one in scored if one is not None]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """What the model writes after each context, without the stop text.

        Raises:
            UsageError: a way of generating that is not served; names it.
        """
        asked = [
            _generate(self._context(context), how) for context, how in (request.args for request in requests)
        ]
        return [one.text for one in self._reader.generate(asked)]

    def apply_chat_template(
        self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The conversation as the model's template writes it; an answer that was begun stays open.

        Which conversation a text came from is remembered: what looks like a special token in a message stays plain.

        Raises:
            ModelFormatError: the model has no template, or it fails. DataError: it refuses the conversation.
        """
        history = [dict(message) for message in chat_history]
        begun = "" if add_generation_prompt else history.pop()["content"]
        text = render(self._tokenizer, history, add_generation_prompt=True) + begun
        turns = (Turn(cast("Role", message["role"]), message["content"]) for message in history)
        self._chats[text] = Chat(tuple(turns), begun)
        return text

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The template, for harness's records."""
        return self._tokenizer.chat_template if chat_template else None

    @property
    def tokenizer_name(self) -> str:
        """What harness calls the tokenizer in names of its files."""
        return self._name.replace("/", "__")

    def _context(self, text: str) -> Context:
        return self._chats.get(text, text)


def _generate(context: Context, how: Mapping[str, Any]) -> Generate:
    known = {*Generation.model_fields, "max_new_tokens", "max_tokens", "max_completion_tokens"}
    for name in how:
        if name not in known:
            raise UsageError(
                f"generation_kwargs: {name} is not served here.{nearest(name, known)}",
                hint=f"leave it out; served are {', '.join(sorted(known))}",
            )
    own = Generation.model_validate(dict(how))
    return Generate(context, own.until or (), own.max_gen_toks, own.heat, own.top_p, own.top_k)
