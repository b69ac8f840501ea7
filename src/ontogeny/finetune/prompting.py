"""What the base model does without training: asked for the label in words, with and without examples in the prompt.

    Choose the label of the text, one of: ham, spam.

    Text: see you at eight                    an example, when there are any
    Label: ham

    Text: WIN a prize now
    Label:                                    each label's name is scored as what comes next

The answer is the likeliest name: by the sum of the log-probabilities of its tokens, which favours short names, or by
that sum per byte, which favours long ones (the rules of `tasks.multiple_choice`). Nothing here knows a model:
log-probabilities come from a `Scorer`, so any model can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from ontogeny.core.seeds import numpy_generator
from ontogeny.finetune.judged import Judged

LIMIT = 200  # examples that are asked about: as many as the comparison needs, and minutes on a CPU
SHOTS = 8  # examples in the prompt; Brown et al. 2020 (arXiv 2005.14165, section 3) gain little from more on such tasks
TEXT_TOKENS = (
    128  # of each text in a prompt, at most: a few sentences, which keeps eight of them within most contexts
)
LEAST_TEXT_TOKENS = 8  # a text cut to less than this says nothing
FRAME_TOKENS = (
    4  # a text and what stands around it may have more tokens together than apart; this is the slack
)
TEXTS_AT_ONCE = 16  # between two ticks of the bar

Rule: TypeAlias = Literal["sum", "per byte"]
Scorer: TypeAlias = Callable[[Sequence[tuple[Sequence[int], Sequence[int]]]], Sequence[float]]
"""Natural-log probability of each continuation after its context, both token ids (`inference.scoring`). Contexts come
many at once and begin alike, so that what they share is computed once."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Codec(Protocol):
    """What is asked of a tokenizer."""

    @property
    def start_id(self) -> int:
        """The token that a document begins with."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""


@dataclass(frozen=True)
class Shown:
    """Examples that prompts hold: texts and classes, in the order in which they stand."""

    texts: tuple[str, ...] = ()
    gold: tuple[int, ...] = ()


@dataclass(frozen=True)
class Prompting:
    """How a model is asked.

    Attributes:
        names: K label names.
        seq_len: the model's context, tokens.
        shown: examples in every prompt.
        listed: whether a prompt begins with the names there are.
        text_tokens: what is kept of each text.
    """

    codec: Codec
    names: tuple[str, ...]
    seq_len: int
    shown: Shown = Shown()
    listed: bool = True
    text_tokens: int = TEXT_TOKENS

    def context(self, text: str) -> list[int]:
        """The token ids of the prompt about `text`."""
        words = spoken(self.names)
        parts = [f"Choose the label of the text, one of: {', '.join(words)}.\n\n"] if self.listed else []
        parts += [
            f"Text: {self._cut(shown)}\nLabel: {words[label]}\n\n"
            for shown, label in zip(self.shown.texts, self.shown.gold, strict=True)
        ]
        parts.append(f"Text: {self._cut(text)}\nLabel:")
        ids = [self.codec.start_id, *self.codec.encode("".join(parts))]
        return ids[-(self.seq_len - max(map(len, self.choices))) :]

    @cached_property
    def choices(self) -> list[list[int]]:
        """The token ids of each name, with the space before it."""
        return [self.codec.encode(f" {word}") for word in spoken(self.names)]

    @property
    def fixed_tokens(self) -> int:
        """What a prompt and the longest name take when every text is empty."""
        empty = replace(self, text_tokens=0)
        return (
            len(empty.context("")) + max(map(len, self.choices)) + FRAME_TOKENS * (1 + len(self.shown.texts))
        )

    def _cut(self, text: str) -> str:
        """The beginning of `text` on one line."""
        line = " ".join(text.split())
        ids = self.codec.encode(line)
        if len(ids) <= self.text_tokens:
            return line
        return self.codec.decode(ids[: self.text_tokens]).rstrip("\N{REPLACEMENT CHARACTER}")  # half a letter


def spoken(names: Sequence[str]) -> list[str]:
    """Names as words: `card_arrival` as `card arrival`, unless two would become one."""
    words = [" ".join(name.replace("_", " ").split()) or name for name in names]
    return words if len(set(words)) == len(set(names)) else list(names)


def draw_shown(texts: Sequence[str], gold: Ints, shots: int, *, seed: int) -> Shown:
    """`shots` examples drawn by `seed`: one of each class first, as far as they go, then any others, in mixed order."""
    generator = numpy_generator(seed, "shots")
    order = generator.permutation(len(texts))
    _, firsts = np.unique(gold[order], return_index=True)
    leading = order[np.sort(firsts)]
    rest = order[~np.isin(order, leading)]
    chosen = generator.permutation(np.concatenate([leading, rest])[:shots])
    return Shown(tuple(texts[row] for row in chosen), tuple(int(gold[row]) for row in chosen))


def fitted_prompting(codec: Codec, names: Sequence[str], shown: Shown, *, seq_len: int) -> Prompting | None:
    """A way to ask that fits into `seq_len` tokens, with `shown` or as many of its first as fit.

    Texts are cut first; then the list of names goes, then examples. None where not even one text fits.
    """
    for count in range(len(shown.texts), -1, -1):
        for listed in (True, False):
            kept = Shown(shown.texts[:count], shown.gold[:count])
            asked = Prompting(codec, tuple(names), seq_len, kept, listed)
            room = (seq_len - asked.fixed_tokens) // (1 + count)
            if room >= LEAST_TEXT_TOKENS:
                return replace(asked, text_tokens=min(TEXT_TOKENS, room))
    return None


def prompted(
    scorer: Scorer,
    codec: Codec,
    part: Judged,
    shown: Shown,
    *,
    seq_len: int,
    seed: int,
    limit: int = LIMIT,
    advance: Callable[[int], None] | None = None,
) -> dict[Rule, Judged]:
    """At most `limit` examples of `part`, drawn by `seed`, as the prompted model judges them, by either rule.

    Args:
        part: whose texts and true labels are taken; its probabilities are not looked at.
        shown: examples to put before each, none for zero-shot; from the training part.
        seq_len: the model's context.
        advance: told of examples as they are done.

    Returns:
        Nothing, where a prompt does not fit into the context. Probabilities are the softmax over the labels' scores.
    """
    asked = fitted_prompting(codec, part.names, shown, seq_len=seq_len)
    if asked is None:
        return {}
    rows = np.sort(numpy_generator(seed, "prompted").permutation(len(part.doc_ids))[:limit])
    choices = asked.choices
    sums = np.empty((len(rows), len(choices)))
    for first in range(0, len(rows), TEXTS_AT_ONCE):
        contexts = [asked.context(part.texts[row]) for row in rows[first : first + TEXTS_AT_ONCE]]
        pairs = [(context, choice) for context in contexts for choice in choices]
        sums[first : first + len(contexts)] = np.reshape(scorer(pairs), (len(contexts), len(choices)))
        if advance is not None:
            advance(len(contexts))
    sizes = np.array([len(f" {word}".encode()) for word in spoken(part.names)])
    chosen = part.take(tuple(part.doc_ids[row] for row in rows))
    scores: dict[Rule, Floats] = {"sum": sums, "per byte": sums / sizes}
    return {rule: replace(chosen, probabilities=_softmax(scores[rule])) for rule in get_args(Rule)}


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
