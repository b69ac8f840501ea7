"""Chat templates by name, and how a tokenizer comes by another than its own.

The text of each is that of the models it is named after; the Jinja is ours. Roles are user and assistant in turn, after
an optional system message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import DataError, ModelFormatError, UsageError
from ontogeny.tokenizer.chat import Messages, render, turn_end
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import CHAT_TEMPLATE, MESSAGE_END, MESSAGE_START, TEMPLATE_SUFFIX


@dataclass(frozen=True)
class NamedTemplate:
    """`source` is Jinja; `tokens` are special tokens that it writes."""

    source: str
    tokens: tuple[str, ...]


# Llama 3 (Llama 3 model card, "Prompt format"): any role in a header, no system message of its own, contents trimmed.
_LLAMA_3 = """\
{{- '<|begin_of_text|>' }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
"""

# Gemma 3: the assistant is called model; a system message stands at the head of the first question; contents trimmed.
_GEMMA = """\
{%- set has_system = messages and messages[0]['role'] == 'system' %}
{%- set turns = messages[1:] if has_system else messages %}
{{- '<bos>' }}
{%- for message in turns %}
    {%- set expected = 'assistant' if loop.index0 % 2 else 'user' %}
    {%- if message['role'] != expected %}
        {{- raise_exception('turn ' ~ loop.index ~ ' is of the ' ~ message['role'] ~ ', not of the ' ~ expected) }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if loop.index0 % 2 else 'user') + '\\n' }}
    {%- if loop.first and has_system %}{{- messages[0]['content'] + '\\n\\n' }}{%- endif %}
    {{- message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}
"""

# SmolLM2: ChatML, with a system message of its own where a conversation has none.
_SMOLLM2 = (
    "{%- if messages and messages[0]['role'] != 'system' %}{{- '<|im_start|>system\\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}{%- endif %}"
    + CHAT_TEMPLATE
)

# Stanford Alpaca's prompt without input, with a line break after its last heading as most have it since; further turns
# follow after an empty line. A system message stands in the place of the first sentence.
_ALPACA = """\
{%- set has_system = messages and messages[0]['role'] == 'system' %}
{%- if has_system %}
    {{- messages[0]['content'] + '\\n\\n' }}
{%- else %}
    {{- 'Below is an instruction that describes a task. ' }}
    {{- 'Write a response that appropriately completes the request.\\n\\n' }}
{%- endif %}
{%- set turns = messages[1:] if has_system else messages %}
{%- for message in turns %}
    {%- if message['role'] == 'user' %}
        {{- ('' if loop.first else '\\n\\n') + '### Instruction:\\n' + message['content'] + '\\n\\n' }}
    {%- elif message['role'] == 'assistant' %}
        {{- '### Response:\\n' + message['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('it has no place for the role ' ~ message['role']) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '### Response:\\n' }}{%- endif %}
"""

NAMED = {
    "chatml": NamedTemplate(CHAT_TEMPLATE, (MESSAGE_START, MESSAGE_END)),
    "llama-3": NamedTemplate(
        _LLAMA_3, ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    ),
    "gemma": NamedTemplate(_GEMMA, ("<bos>", "<start_of_turn>", "<end_of_turn>")),
    "smollm2": NamedTemplate(_SMOLLM2, (MESSAGE_START, MESSAGE_END)),
    "alpaca": NamedTemplate(_ALPACA, ()),
}

LOOKS_SPECIAL = re.compile(r"<\|\w+\|>|<(?:bos|eos|start_of_turn|end_of_turn)>")

# What two templates are compared on: with and without a system message, one turn and several, white space at the ends.
_TALK: Messages = (
    {"role": "user", "content": " one \n"},
    {"role": "assistant", "content": " two \n"},
    {"role": "user", "content": "three"},
    {"role": "assistant", "content": "four"},
)
_PROBES = tuple(
    (*head, *_TALK[:turns]) for head in ((), ({"role": "system", "content": "zero"},)) for turns in (1, 2, 4)
)


def with_template(tokenizer: Tokenizer, template: str | None) -> Tokenizer:
    """`tokenizer` with the template of that name or file, and the token with which it ends answers among its stops.

    Without a `template` it keeps its own.

    Raises:
        UsageError: no such template, one whose tokens the tokenizer lacks, or none at all.
    """
    if template is None and tokenizer.chat_template is None:
        raise UsageError(
            "the model has no chat template",
            where="template",
            hint=f"give one with `template`: {_that_fit(tokenizer)}, or a file that ends with {TEMPLATE_SUFFIX}",
        )
    source = tokenizer.chat_template if template is None else _source(tokenizer, template)
    dressed = tokenizer.with_chat_template(source)
    end = turn_end(dressed)
    return dressed if end is None else tokenizer.with_chat_template(source, stop=end)


def template_notes(tokenizer: Tokenizer, own: Tokenizer) -> Iterator[str]:
    """What to know of the template of `tokenizer` before it is trained on; `own` is how the model came."""
    if own.chat_template is not None and not writes_the_same(tokenizer, own):
        yield (
            "the chat template differs from the model's own, which it was tuned with: answers may get worse before "
            "they get better; leave `template` out to keep its own"
        )
    strange = [token for token in _look_special(tokenizer) if token not in tokenizer.special_ids]
    if strange:
        yield (
            f"the chat template writes {', '.join(strange)}, which this tokenizer does not have as special tokens: "
            "they are learnt as plain text"
        )
    if turn_end(tokenizer) is None:
        yield (
            "the chat template ends an answer without a special token, so the model does not learn where to stop: end "
            "answers with `{{ eos_token }}`"
        )


def writes_the_same(one: Tokenizer, other: Tokenizer) -> bool:
    """Whether the templates of two tokenizers write conversations alike."""
    return one.chat_template == other.chat_template or all(
        _written(one, probe) == _written(other, probe) for probe in _PROBES
    )


def _written(tokenizer: Tokenizer, messages: Messages) -> tuple[str | None, ...]:
    """The conversation as text, without and with the beginning of an answer; None where that cannot be."""
    found: list[str | None] = []
    for generate in (False, True):
        try:
            found.append(render(tokenizer, messages, add_generation_prompt=generate))
        except (DataError, ModelFormatError):
            found.append(None)
    return tuple(found)


def _source(tokenizer: Tokenizer, template: str) -> str:
    if template not in NAMED:
        return _read(Path(template))
    lacking = [token for token in NAMED[template].tokens if token not in tokenizer.special_ids]
    if lacking:
        raise UsageError(
            f"the template {template!r} needs the special tokens {', '.join(lacking)}, which this model's tokenizer "
            "does not have",
            where="template",
            hint=f"choose {_that_fit(tokenizer)}, or leave `template` out to keep the model's own",
        )
    return NAMED[template].source


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the chat template cannot be read: {error}",
            where=str(path),
            hint=f"name a file of Jinja in UTF-8, or one of {', '.join(NAMED)}",
        ) from error


def _that_fit(tokenizer: Tokenizer) -> str:
    """The names of the templates whose tokens the tokenizer has."""
    return " or ".join(
        name for name, known in NAMED.items() if all(token in tokenizer.special_ids for token in known.tokens)
    )


def _look_special(tokenizer: Tokenizer) -> list[str]:
    """What looks like special tokens in the template, each once."""
    return list(dict.fromkeys(LOOKS_SPECIAL.findall(tokenizer.chat_template or "")))
