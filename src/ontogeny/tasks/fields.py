"""What a task's fields make of a document: its text, its target, its choices, in the way of lm-evaluation-harness.

A field is a column's name, a template, a number or a list (api/task.py of lm-evaluation-harness 0.4.13, `doc_to_text`
and its neighbours). Where there are choices, a text of digits is a position; a target that reads `[...]` is a list.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ontogeny.core.errors import DataError, OntogenyError, RecipeError, nearest
from ontogeny.tasks.data import Row
from ontogeny.tasks.definition import TaskDefinition, Text
from ontogeny.tasks.source import TaskFile
from ontogeny.tasks.templates import TemplateMistakeError, render

Choices = str | list[Any] | dict[str, Any]
Target = str | int | list[Any]
LEAST_CHOICES = 2
COLUMN_FIELDS = ("doc_to_text", "doc_to_target", "doc_to_choice")
"""Fields in which a single word is a column's name, and nothing else."""


class Fields:
    """The fields of one task, with the file that its mistakes are located in."""

    def __init__(self, definition: TaskDefinition, file: TaskFile) -> None:
        self._definition, self._file = definition, file
        self._has_choices = definition.doc_to_choice is not None

    def text(self, row: Row, spec: str | int | None = None) -> str | int:
        """`doc_to_text`; a position among the choices where the choices stand before what is scored."""
        field, spec = "doc_to_text", self._definition.doc_to_text if spec is None else spec
        if not isinstance(spec, str):
            return spec
        value = self._of(field, spec, row)
        if isinstance(value, str) and spec not in row.values and value.isdigit() and self._has_choices:
            return int(value)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self._unfit(field, row, f"gives {_kind(value)}, not text")
        return value if isinstance(value, str) or self._has_choices else str(value)

    def target(self, row: Row, spec: Text | None = None) -> Target:
        """`doc_to_target`: a text, a position among the choices, or a list of either."""
        field, spec = "doc_to_target", self._definition.doc_to_target if spec is None else spec
        if isinstance(spec, (int, list)):
            return spec
        value = self._of(field, spec, row)
        if isinstance(value, str) and spec not in row.values:
            if value.isdigit() and self._has_choices:
                return int(value)
            if len(value) > 1 and value[0] == "[" and value[-1] == "]":
                listed: Target = _literal(value, value)
                return listed
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or not isinstance(value, (str, int, float, list)):
            raise self._unfit(field, row, f"gives {_kind(value)}, not text, a number or a list")
        return str(value) if isinstance(value, float) else value

    def choices(self, row: Row, spec: Choices | None = None) -> list[str]:
        """`doc_to_choice`: at least two texts."""
        field, spec = "doc_to_choice", self._definition.doc_to_choice if spec is None else spec
        value: Any = list(spec.values()) if isinstance(spec, dict) else spec
        if isinstance(spec, str):
            value = self._of(field, spec, row)
            if isinstance(value, str):
                value = _literal(value, None)
        if not isinstance(value, (list, tuple)):
            raise self._unfit(
                field, row, "does not give a list of choices; write {{ [a, b] }}, or name a column of lists"
            )
        texts = [str(choice) for choice in value if choice is not None]
        if len(texts) < LEAST_CHOICES or len(texts) < len(value):
            raise self._unfit(
                field, row, f"gives {len(texts)} choices of {len(value)}; it takes two or more, none null"
            )
        return texts

    def rendered(self, field: str, spec: str | None, row: Row) -> str:
        """Any other field that is a column or a template, such as the description; empty where there is none."""
        if not spec:
            return ""
        value = self._of(field, spec, row)
        return "" if value is None else str(value)

    def positions(self, target: Target, choices: list[str], row: Row) -> tuple[int, ...]:
        """The places of the right choices.

        Raises:
            DataError: one is out of range, or is no choice.
        """
        return tuple(
            self._position(one, choices, row) for one in (target if isinstance(target, list) else [target])
        )

    def _position(self, one: object, choices: list[str], row: Row) -> int:
        if isinstance(one, int) and 0 <= one < len(choices):
            return int(one)
        if isinstance(one, str) and one in choices:
            return choices.index(one)
        if isinstance(one, int):
            raise self._unfit("doc_to_target", row, f"is {one}, but its {len(choices)} choices count from 0")
        shown = ", ".join(map(repr, choices))
        raise self._unfit(
            "doc_to_target", row, f"is {one!r}, which is none of {shown}.{nearest(str(one), choices)}"
        )

    def _of(self, field: str, spec: str, row: Row) -> Any:
        if spec in row.values:
            return row.values[spec]
        if (
            field in COLUMN_FIELDS and spec.isidentifier()
        ):  # harness would ask this very word of every document
            raise RecipeError(
                f"{self._file.word(field)}: the data has no column {spec!r}.{nearest(spec, row.values)}",
                where=self._where(field),
                hint=f"columns are {', '.join(row.values)}; for the word itself write \"{{{{ '{spec}' }}}}\"",
            )
        try:
            return render(spec, row.values)
        except TemplateMistakeError as mistake:
            raise RecipeError(
                f"{self._file.word(field)}{',' if mistake.line else ':'} {mistake} (document {row.locator})",
                where=self._where(field),
                hint=f"columns of the data: {', '.join(row.values)}",
            ) from mistake

    def _unfit(self, field: str, row: Row, what: str) -> OntogenyError:
        word = self._file.word(field)
        return DataError(
            f"task {self._definition.task!r}: {word} {what}", where=row.locator,
            hint=f"mend the row, or {word} in {self._where(field)}",
        )  # fmt: skip

    def _where(self, field: str) -> str:
        return self._file.where((field,))


def _literal(text: str, otherwise: Any) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return otherwise


def _kind(value: object) -> str:
    names: Mapping[type, str] = {
        list: "a list",
        dict: "a mapping",
        float: "a number",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
