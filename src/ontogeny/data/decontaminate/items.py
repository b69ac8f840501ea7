"""Evaluation items out of files of many forms: what is asked, the passage it is asked about, and the right answers.

Columns are known by the names that published sets use (see the constants); a file of other names is read with
`columns: {question: goal, answer: sol}`. Scaffolding that a harness has put around (`Passage: ... Question: ...
Choices: A. ... Answer:`) is taken apart again, since a leak seldom holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ontogeny.core.errors import DataError
from ontogeny.core.remote import AnyPath
from ontogeny.records.formats import bare_name
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Fault, Row

QUESTION = ("question", "query", "prompt", "goal", "problem", "ctx", "input", "instruction", "stem", "turns", "text",
            "sentence", "sentence_good")  # fmt: skip
"""Names of what is asked, the first that a row has counts: those of ARC, PIQA, MMLU, GSM8K, HellaSwag and so on."""
CONTEXT = ("passage", "context", "article", "story", "background", "paragraph", "support")
"""Names of what a question is about. Where a row has no question, its context is what the model has to go on from."""
CONTINUATION = (
    "continuation",
    "completion",
    "target",
    "canonical_solution",
    "best answer",
    "correct answers",
)
CHOICES = ("choices", "options", "endings", "answer_choices")
NUMBERED = re.compile(r"(?:choice|sol|option|ending|opt|answer)[_ ]?(\d|[a-h])|([a-h])")
"""A column for each choice: `choice0`, `sol1`, `option_a`, `A`."""
GOLD = ("gold", "answer", "label", "answerkey", "correct", "answer_idx", "gold_idx", "answers")
IDENTITY = ("id", "task_id", "question_id", "qid", "key", "ind", "idx", "item_id")
ROLES = ("question", "context", "answer", "id")
"""What `columns` may name."""

SCAFFOLD = re.compile(
    r"\s*(?:(?:passage|context|article|story)\s*:\s*(?P<context>.*?)\n+\s*)?(?:question|q|problem)\s*:\s*(?P<question>.*)",
    re.IGNORECASE | re.DOTALL,
)
TAIL = re.compile(r"\n\s*(?:answer|a|solution)\s*:\s*$", re.IGNORECASE)
LISTED = re.compile(
    r"\n\s*(?:(?:choices|options)\s*:\s*)?(?=(?:\(?A[.):]\s))(?P<list>.*)$", re.IGNORECASE | re.DOTALL
)
LETTERED = re.compile(r"(?:^|\n)\s*\(?([A-H])[.):]\s+(.*?)(?=\n\s*\(?[A-H][.):]\s|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One question of a suite. `context` is a passage that it is about, empty where there is none."""

    suite: str
    id: str
    question: str
    context: str = ""
    answers: tuple[str, ...] = ()


@dataclass
class ItemFile:
    """What a file gave. `bad` are the rows without anything that could be a question."""

    path: AnyPath
    items: list[Item] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def read_items(paths: Sequence[AnyPath], columns: Mapping[str, str] | None = None) -> list[ItemFile]:
    """The items of each file.

    Args:
        columns: a file's own name for any of ROLES.

    Raises:
        DataError: a file without a single item; names the columns that it has.
    """
    return [_read_file(path, columns or {}) for path in paths]


def _read_file(path: AnyPath, columns: Mapping[str, str]) -> ItemFile:
    found = ItemFile(path)
    there: dict[str, None] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            found.bad.append(row)
            continue
        there |= dict.fromkeys(map(str, row.values))
        if (item := item_of(row, bare_name(path), columns)) is not None:
            found.items.append(item)
        else:
            found.bad.append(missing_question(row))
    if not found.items:
        names = ", ".join(there) or "none"
        raise DataError(
            f"no row of it has a question (columns: {names})",
            where=str(path),
            hint="name them in the rule, for example `columns: {question: goal, answer: sol}`",
        )
    return found


def missing_question(row: Row) -> BadRow:
    """The bad row that has no question."""
    return BadRow(Fault.NOT_A_QUESTION, "no question in it", row.number, row.locator)


def item_of(row: Row, suite: str, columns: Mapping[str, str]) -> Item | None:
    """The item that a row holds; None where nothing in it can be a question."""
    values = {str(name).strip().lower(): value for name, value in row.values.items()}
    values |= {f"={role}": row.values.get(name) for role, name in columns.items()}
    context = _first_text(values, ("=context",)) if "=context" in values else _first_text(values, CONTEXT)
    question = _first_text(values, ("=question",)) if "=question" in values else _first_text(values, QUESTION)
    if "context_options" in values and not question:  # Winograd schemas: one beginning for each reading
        options = _texts(values["context_options"])
        question = options[_gold_place(values, options) or 0] if options else ""
    if not question:
        question, context = context, ""
    inner, question, listed = take_apart(question)
    if not question.strip():
        return None
    context = context or inner
    answers = tuple(_texts(values["=answer"])) if "=answer" in values else _answers(values, listed)
    name = _first_text(values, ("=id", *IDENTITY)) or f"record={row.number}"
    return Item(suite, name, question.strip(), context.strip(), answers)


def take_apart(prompt: str) -> tuple[str, str, list[str]]:
    """The passage, the question, and the choices that a prompt lists by letters."""
    context, question = "", TAIL.sub("", prompt)
    if (match := SCAFFOLD.fullmatch(question)) is not None:
        context, question = match["context"] or "", match["question"]
    listed: list[str] = []
    if (match := LISTED.search(question)) is not None:
        lettered = LETTERED.findall(match["list"])
        if len(lettered) > 1:
            listed, question = [text.strip() for _, text in lettered], question[: match.start()]
    return context, question, listed


def _answers(values: Mapping[str, object], listed: Sequence[str]) -> tuple[str, ...]:
    """The texts that answer the question rightly; every choice where nothing says which one does."""
    choices = next((found for name in CHOICES if (found := _texts(values.get(name)))), [])
    if not choices:
        numbered = sorted(name for name in values if NUMBERED.fullmatch(name))
        choices = [str(values[name]) for name in numbered] if len(numbered) > 1 else []
    if listed and (not choices or all(len(choice) == 1 for choice in choices)):
        choices = list(listed)
    place = _gold_place(values, choices)
    if place is not None:
        return (choices[place],)
    found = [text for name in (*CONTINUATION, *GOLD) for text in _texts(values.get(name))]
    if choices:  # a label that leads to no choice says nothing
        found = [text for text in found if len(text) > 1 and not text.isdigit()] or choices
    return tuple(dict.fromkeys(text.strip() for text in found if text.strip()))


def _gold_place(values: Mapping[str, object], choices: Sequence[str]) -> int | None:
    """The position of the right choice, as a number (from 0), a letter, one of the labels, or the text itself."""
    labels = values.get("choices")
    names = _strings(labels.get("label")) if isinstance(labels, dict) else []
    for name in GOLD:
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            continue
        told = str(value).strip()
        if told in names:
            return names.index(told)
        if told in choices:
            return choices.index(told)
        if told.isdigit() and int(told) < len(choices):
            return int(told)
        if len(told) == 1 and 0 <= (place := ord(told.upper()) - ord("A")) < len(choices):
            return place
    return None


def _first_text(values: Mapping[str, object], names: Sequence[str]) -> str:
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if texts := _texts(value):
            return "\n".join(texts)
    return ""


def _texts(value: object) -> list[str]:
    """The strings of a value: of itself, a list, or the `text` of one of the mappings that choices come in."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        return _texts(value.get("text") or value.get("content"))
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return []


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def all_items(files: Sequence[ItemFile]) -> Iterator[Item]:
    """The items of all files, in order."""
    for file in files:
        yield from file.items
