"""Parts of a task's items that have results of their own: by language, by length, by a field of the data.

    slices: [language, length, "field:topic"]      ->  "SUITE/language=de", "SUITE/length=short", "SUITE/topic=air"

Which part an item belongs to follows from its row of the data alone, never from a model or a prompt. A slice is smaller
than its suite, so its interval is wider; with many slices some stand out by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ontogeny.core.errors import DataError, nearest
from ontogeny.tasks.requests import Item

FIELD = "field:"
SOURCE = "source"
MOST_PARTS = 30
"""Of one field: more are rather identities than kinds, and a table of them says nothing."""
THIRDS = ("short", "middling", "long")
UNTOLD = "unknown"
Parts: TypeAlias = dict[str, tuple[str, ...]]
"""Ids of items by the name of the part."""


def is_slice(name: str) -> bool:
    """Whether `name` can stand in `slices:`."""
    return name in (*SLICES, SOURCE) or (name.startswith(FIELD) and len(name) > len(FIELD))


def slices_of(items: Sequence[Item], names: Sequence[str], *, suite: str) -> Parts:
    """The parts of each slice, in the order of `names`; values are sorted.

    Raises:
        DataError: no such field, one with too many values, or the language model is not installed.
    """
    parts: Parts = {}
    for name in names:
        label = name.removeprefix(FIELD)
        values = SLICES[name](items) if name in SLICES else _by_field(items, label, suite)
        order = THIRDS if name == "length" else sorted(set(values))
        if len(order) > MOST_PARTS:
            raise DataError(
                f"{len(order):,} different values of {label!r} are too many for slices; {MOST_PARTS} are the most",
                where=suite, hint="name a field with fewer values",
            )  # fmt: skip
        for value in order:
            ids = tuple(item.id for item, own in zip(items, values, strict=True) if own == value)
            if ids:
                parts[f"{label}={value.replace('/', '_')}"] = ids
    return parts


def _by_language(items: Sequence[Item]) -> list[str]:
    from ontogeny.core.compiled import start_numba
    from ontogeny.data.language import detect_languages
    from ontogeny.data.language_codes import LANGUAGES
    from ontogeny.data.texts import Texts

    start_numba()
    places, _ = detect_languages(Texts.of([text_of_document(item.document) for item in items]))
    return [LANGUAGES[place] if place >= 0 else UNTOLD for place in places.tolist()]


def _by_length(items: Sequence[Item]) -> list[str]:
    """Thirds by characters; items of equal length are in the same one."""
    sizes = np.array([len(text_of_document(item.document)) for item in items])
    bounds = np.quantile(sizes, [1 / 3, 2 / 3], method="lower")
    return [THIRDS[place] for place in np.searchsorted(bounds, sizes, side="left").tolist()]


def _by_field(items: Sequence[Item], field: str, suite: str) -> list[str]:
    for item in items:
        if field not in item.document:
            raise DataError(
                f"slices: the data of task {item.task!r} has no field {field!r}.{nearest(field, item.document)}",
                where=suite, hint=f"fields are {', '.join(map(str, item.document))}",
            )  # fmt: skip
    return [UNTOLD if item.document[field] is None else str(item.document[field]) for item in items]


def text_of_document(document: Mapping[str, Any]) -> str:
    """Everything in a row that is text, a line each."""
    return "\n".join(_texts(list(document.values())))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)


SLICES: Mapping[str, Callable[[Sequence[Item]], list[str]]] = {"language": _by_language, "length": _by_length}
"""Those that need no field. `source` is short for `field:source`."""
