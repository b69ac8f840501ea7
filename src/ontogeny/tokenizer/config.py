"""What is fixed about our tokenizers, and what a user chooses; imports nothing heavy."""

from __future__ import annotations

from typing import Literal, TypeAlias

TiktokenPattern: TypeAlias = Literal["gpt2", "cl100k", "o200k", "qwen2"]
"""How an encoding of tiktoken cuts text into words; the patterns stand in `formats.tiktoken`."""

END_OF_TEXT = "<|endoftext|>"  # after each document, and the start of one
MESSAGE_START = "<|im_start|>"
MESSAGE_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, MESSAGE_START, MESSAGE_END)  # ids 0, 1, 2

BYTES = 256
LEAST_VOCAB_SIZE = BYTES + len(SPECIAL_TOKENS)  # every byte has a token, so that any text can be written

# The pre-tokenizer that Qwen2 and Qwen3 publish in tokenizer.json and GGUF calls `qwen2`: contractions, words with one
# leading character, single digits, punctuation with line ends, and runs of white space are never merged across.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)

# ChatML without a default system message: what is trained on is what is written.
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


TEMPLATES = ("chatml", "llama-3", "gemma", "smollm2", "alpaca")
"""Chat templates that have a name; they stand in `templates`."""
TEMPLATE_SUFFIX = ".jinja"


def token_content(token: object) -> str | None:
    """A special token in a configuration is a string, or an object with its `content`."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None
