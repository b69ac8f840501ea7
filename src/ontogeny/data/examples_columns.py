"""Columns of examples under other plain names: `message` for `text`, `category` for `label`, `answer` for `completion`.

A column of ours is never looked for where the row has it, and of two that could be meant neither is taken. What was
taken is remembered with what else was found out about the file.
"""

from __future__ import annotations

from collections.abc import Iterable

from ontogeny.data.sources.files import Reading, UnfitRowError
from ontogeny.records.row import Fault, Row

PLAIN_NAMES = {
    "text": (
        *("message", "sms", "body", "content", "sentence", "utterance", "query", "question", "review"),
        *("comment", "tweet", "v2"),
    ),
    "label": ("labels", "category", "class", "intent", "sentiment", "topic", "v1"),
    "prompt": ("question",),
    "completion": ("answer", "response"),
    "output": ("response", "answer"),
    "input": ("context",),
}
"""What published sets call these columns: BANKING77 `text, category`; CLINC150 `text, intent`; IMDB on Kaggle `review,
sentiment`; SST-2 `sentence, label`; the SMS spam collection `v1, v2` on Kaggle and `Category, Message` elsewhere; GSM8K
`question, answer`; Dolly `instruction, context, response`. Names that may well mean something else (`title`, `target`,
`rating`, `type`) are left to the user."""


def plain_label(row: Row, reading: Reading) -> Row:
    """`row` with `text` and `label`, where columns with other plain names say the same.

    Raises:
        UnfitRowError: two columns that could be meant.
    """
    return _renamed(row, reading, ("text", "label"))


def plain_conversation(row: Row, reading: Reading) -> Row:
    """`row` as one of the forms of instructions, where columns with other plain names say the same.

    A question about a `context` is none: what is asked would be told without it.

    Raises:
        UnfitRowError: two columns that could be meant.
    """
    if "instruction" in row.values:
        return _renamed(row, reading, ("input", "output"))
    return row if "context" in row.values else _renamed(row, reading, ("prompt", "completion"))


def _renamed(row: Row, reading: Reading, wanted: tuple[str, ...]) -> Row:
    renamed = {
        theirs: ours
        for ours in wanted
        if ours not in row.values and (theirs := _meant(ours, row)) is not None
    }
    if not renamed:
        return row
    for theirs, ours in renamed.items():
        reading.note_detected(f"{ours}: the column {theirs!r}")
    values = {renamed.get(name, name): value for name, value in row.values.items()}
    return Row(values, row.number, row.locator)


def plain_column(ours: str, names: Iterable[str]) -> str | None:
    """The one of a file's columns that says what `ours` would, or is it; None for none, and for several."""
    found = _fitting(ours, names)
    return ours if ours in found else found[0] if len(found) == 1 else None


def _meant(ours: str, row: Row) -> str | None:
    """The one column of `row` that says what `ours` would; None for none."""
    found = _fitting(ours, row.values)
    if len(found) > 1:
        either = " or ".join(repr(name) for name in found)
        raise UnfitRowError(
            Fault.MISSING_COLUMN,
            f"no column {ours!r}, and {either} could be meant: say which, `columns: {{{ours}: {found[0]}}}`",
        )
    return found[0] if found else None


def _fitting(ours: str, names: Iterable[str]) -> list[str]:
    known = (ours, *PLAIN_NAMES[ours])
    return [name for name in names if name.strip().casefold() in known]
