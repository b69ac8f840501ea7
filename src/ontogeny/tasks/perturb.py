"""The same questions with flaws that people's texts have: typing errors, other case, odd spaces.

What is changed are the columns that a task's question shows, before its template puts them into words: not the words of
the template, not the examples, not what is scored. Within them choices that stand verbatim, and code, stay as they are.
Kinds and rates are in the manner of HELM's perturbations (arXiv 2211.09110); which letters are
hit follows from the item alone, so every model and every run meets the same flaws.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.core.seeds import derive_seed
from ontogeny.tasks.build import Change, Task
from ontogeny.tasks.data import Row
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.fields import Fields
from ontogeny.tasks.templates import names_shown

TYPO_RATE = 0.02
"""Of letters: about one in ten words, as people who type fast leave behind."""
WIDEST_SPACE = 3
"""A space becomes one to so many, as in HELM's `SpacePerturbation`."""
SEED = 0
NEIGHBOURS = {
    "q": "wa", "w": "qeas", "e": "wrsd", "r": "etdf", "t": "ryfg", "y": "tugh", "u": "yihj", "i": "uojk", "o": "ipkl",
    "p": "ol", "a": "qwsz", "s": "awedxz", "d": "serfcx", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb", "j": "huikmn",
    "k": "jiolm", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
"""Keys that touch each other on a QWERTY keyboard."""
CODE = re.compile(
    r"```[\s\S]*?(?:```|\Z)|`[^`\n]+`|^(?: {4}|\t|>>> |@\w|(?:def|class|import|from|return)\b).*$",
    re.MULTILINE,
)
"""Fenced and quoted code, and lines that are indented or begin as Python does."""
Flaw = Callable[[str, random.Random], str]


def typos(text: str, stream: random.Random) -> str:
    """Letters swapped with the next, dropped, or replaced by a neighbouring key, TYPO_RATE of them."""
    letters, at = [], 0
    while at < len(text):
        letter = text[at]
        following = text[at + 1 : at + 2]
        if not letter.isalpha() or stream.random() >= TYPO_RATE:
            letters.append(letter)
            at += 1
            continue
        kind = stream.choice(("swap", "drop", "neighbour"))
        if kind == "swap" and following.isalpha():
            letters.append(following + letter)
            at += 2
            continue
        if kind != "drop":
            near = NEIGHBOURS.get(letter.lower(), letter)
            key = stream.choice(near)
            letters.append(key.upper() if letter.isupper() else key)
        at += 1
    return "".join(letters)


def whitespace(text: str, stream: random.Random) -> str:
    """Each single space becomes one to WIDEST_SPACE."""
    return re.sub(r"(?<! ) (?! )", lambda _: " " * stream.randint(1, WIDEST_SPACE), text)


FLAWS: Mapping[str, Flaw] = {
    "typos": typos,
    "case": lambda text, _: text.lower(),
    "capitals": lambda text, _: text.upper(),
    "whitespace": whitespace,
}
"""By the names that suites use. `case`: everything in small letters."""


def perturbed(text: str, kind: str, stream: random.Random, *, keep: Sequence[str] = ()) -> str:
    """The text with flaws of that kind, but for code and what is in `keep`."""
    parts, end = [], 0
    for start, stop in _kept(text, keep):
        parts += [FLAWS[kind](text[end:start], stream), text[start:stop]]
        end = stop
    return "".join([*parts, FLAWS[kind](text[end:], stream)])


def change_of(task: Task, kind: str) -> Change:
    """How the rows of a task are changed: a function from a row and its id to what its question is written from.

    Raises:
        RecipeError: the task has no question that could be changed.
    """
    definition, fields = task.definition, Fields(task.definition, task.file)
    columns = columns_of(definition)
    whole = definition.output_type == "loglikelihood_rolling"
    if whole or not columns:
        question = task.file.word("doc_to_text")
        why = "it scores whole texts" if whole else f"its {question} shows no column that is not a choice"
        raise RecipeError(
            f"task {task.name!r} has no question to perturb: {why}",
            where=task.file.where(("doc_to_text",)), hint="leave `perturb` out",
        )  # fmt: skip

    def change(row: Row, identity: str) -> Row:
        stream = random.Random(derive_seed(SEED, "perturb", kind, identity))
        keep = fields.choices(row) if definition.doc_to_choice is not None else []
        texts = {
            column: perturbed(value, kind, stream, keep=keep)
            for column in columns
            if isinstance(value := row.values.get(column), str)
        }
        if not texts:
            raise DataError(
                f"task {definition.task!r}: none of the columns {', '.join(columns)} of its question is text",
                where=row.locator, hint="leave `perturb` out",
            )  # fmt: skip
        return Row(row.values | texts, row.locator)

    return change


def columns_of(definition: TaskDefinition) -> tuple[str, ...]:
    """The columns that the question shows, without those that decide what it says, or hold the choices."""
    if not isinstance(definition.doc_to_text, str):
        return ()
    shown = _names(definition.doc_to_text)
    choices = definition.doc_to_choice
    held = _names(choices) if isinstance(choices, str) else set()
    return tuple(sorted(shown - held))


def _names(field: str) -> set[str]:
    return {field} if field.isidentifier() else names_shown(field)


def _kept(text: str, keep: Sequence[str]) -> list[tuple[int, int]]:
    """Spans that stay, in order, none within another."""
    spans = [match.span() for match in CODE.finditer(text)]
    for choice in filter(None, (one.strip() for one in keep)):
        spans += [match.span() for match in re.finditer(rf"(?<!\w){re.escape(choice)}(?!\w)", text)]
    kept: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(stop, kept[-1][1]))
        else:
            kept.append((start, stop))
    return kept
