"""Rows of people's files as examples: what a row must hold for each task, and the words for what it lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ontogeny.core.errors import nearest
from ontogeny.data.document import LABEL_SEPARATOR, Conversation, LabelledText, MultipleChoice
from ontogeny.data.examples_columns import plain_conversation, plain_label
from ontogeny.data.normalise import Normalise, normalise
from ontogeny.data.sources.files import ABOUT, Reading, UnfitRowError, required_text
from ontogeny.records.conversations import (
    NEEDED,
    Form,
    NotAConversationError,
    columns_of,
    detect_form,
    read_conversation,
)
from ontogeny.records.reading import missing_column
from ontogeny.records.row import Fault, Row, Value

LEAST_CHOICES = 2
SHOWN_LABELS = 10


def conversation_of(row: Row, reading: Reading) -> Conversation:
    """The conversation of `row`; its form is told from the row's columns and remembered."""
    given = row
    if detect_form(given.values) is None:
        row = plain_conversation(given, reading)
    form = detect_form(row.values)
    if form is None:
        there = ", ".join(map(str, given.values)) or "none"
        known = "; or ".join(", ".join(columns) for columns in NEEDED.values())
        raise UnfitRowError(
            Fault.MISSING_COLUMN,
            f"the columns {there} hold no conversation; needed are {known}. Where they are there under other names,"
            " say so, e.g. `columns: {prompt: question, completion: answer}`",
        )
    _note_columns(row, reading, f"form: {Form(form)}", columns_of(form))
    try:
        return Conversation(read_conversation(row.values, form))
    except NotAConversationError as error:
        raise UnfitRowError(Fault.NOT_A_CONVERSATION, str(error)) from error


def multiple_choice_of(row: Row, reading: Reading) -> MultipleChoice:
    """The question of `row` with its choices."""
    prompt = required_text(row, "prompt")
    choices, gold, context = row.values.get("choices"), row.values.get("gold"), row.values.get("context")
    if not isinstance(choices, list) or len(choices) < LEAST_CHOICES:
        raise UnfitRowError(Fault.NOT_A_QUESTION, f"`choices` is not a list of {LEAST_CHOICES} or more texts")
    texts = tuple(choice for choice in choices if isinstance(choice, str) and choice.strip())
    if len(texts) != len(choices) or len(set(texts)) != len(texts):
        raise UnfitRowError(Fault.NOT_A_QUESTION, "`choices` must be texts that differ, none of them empty")
    if not isinstance(gold, int) or isinstance(gold, bool) or not 0 <= gold < len(texts):
        raise UnfitRowError(
            Fault.NOT_A_QUESTION,
            f"`gold` is {gold!r}; it must be the position of a choice, 0 to {len(texts) - 1}",
        )
    return MultipleChoice(prompt, context if isinstance(context, str) else "", texts, gold)


def labelled_text_of(
    row: Row,
    reading: Reading,
    *,
    labels: Sequence[str] = (),
    separator: str | None = None,
    until: str | None = None,
    folder: str | None = None,
) -> LabelledText:
    """The text of `row` and its label, or labels.

    Args:
        labels: the names there are; any other is refused. Without them every name is one.
        separator: what stands between the labels of a row that may have several.
        until: what ends a label, where more follows that is not looked at.
        folder: the label, where it is the name of the folder that the file lies in.
    """
    if folder is not None:
        row = Row({**row.values, "label": folder}, row.number, row.locator)
    given, row = row, plain_label(row, reading)
    values = row.values
    for name in ("text", "label"):
        if name not in values:
            raise UnfitRowError(Fault.MISSING_COLUMN, _needed(given, name))
    _note_columns(row, reading, "labels: the names of the folders" if folder else "", ("text", "label"))
    text = required_text(row, "text")
    if not normalise(text, Normalise()).strip():
        raise UnfitRowError(Fault.EMPTY_TEXT, "the text is empty, or nothing but white space")
    names = label_names(values["label"], separator, until)
    for name in names:
        if labels and name not in labels:
            raise UnfitRowError(
                Fault.UNKNOWN_LABEL,
                f"the label {name!r} is none of `labels`: {_listed(labels)}.{nearest(name, labels)}",
            )
    return LabelledText(text, names)


def label_names(value: Value, separator: str | None = None, until: str | None = None) -> tuple[str, ...]:
    """The labels that `value` names, each once and in the order of the alphabet.

    Raises:
        UnfitRowError: no label, or something that is no name of a class.
    """
    if separator is not None and isinstance(value, str):
        value = [part for part in value.split(separator) if part.strip()]
    if not isinstance(value, list):
        return (label_name(value, until),)
    names = {label_name(each, until) for each in value}
    for name in names:
        if LABEL_SEPARATOR in name:
            raise UnfitRowError(
                Fault.NOT_A_LABEL,
                f"the label {name!r} holds {LABEL_SEPARATOR!r}, which stands between the labels of a text",
            )
    return tuple(sorted(names))


def label_name(value: Value, until: str | None = None) -> str:
    """The name of a class as a row spells it: text up to `until`, or a whole number, which is taken as its text.

    Raises:
        UnfitRowError: null or empty, a number that is not whole, or something else.
    """
    if until is not None and isinstance(value, str):
        value = value.split(until, 1)[0]
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UnfitRowError(Fault.NO_LABEL, "the label is empty")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isnan(value):
        raise UnfitRowError(Fault.NO_LABEL, "the label is not a number (NaN): a table without a value here")
    if isinstance(value, float) and not value.is_integer():
        raise UnfitRowError(
            Fault.NOT_A_LABEL,
            f"the label is {value}, which measures something; a class has a name or a whole number",
        )
    if isinstance(value, int | float):
        return str(int(value))
    if isinstance(value, str):
        return value.strip()
    raise UnfitRowError(
        Fault.NOT_A_LABEL,
        f"the label is a {type(value).__name__}, not a name, a whole number or a list of names",
    )


def _needed(row: Row, name: str) -> str:
    """What to say of a row without the column `name`."""
    return (
        f"{missing_column(row, name).detail} `task: classify` needs a text and a label in each row: say which columns"
        " they are, `columns: {text: ..., label: ...}`, or name those of a CSV file whose first line is a row already,"
        " `header: [label, text]`"
    )


def _note_columns(row: Row, reading: Reading, form: str, used: Sequence[str]) -> None:
    """Remember the form, and at the first row which columns nothing is made of."""
    if form:
        reading.note_detected(form)
    if reading.count.total == 0:
        unused = [str(name) for name in row.values if name not in (*used, *ABOUT)]
        if unused:
            reading.note_detected(f"columns that nothing is made of: {', '.join(unused)}")


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - SHOWN_LABELS:,} more" if len(labels) > SHOWN_LABELS else ""
    return f"{', '.join(labels[:SHOWN_LABELS])}{more}"
