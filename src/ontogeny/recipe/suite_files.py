"""Where a mistake in the suites of an evaluation stands: an entry of the list may name a file that lists several."""

from __future__ import annotations

from typing import Any

from ontogeny.evaluate.config import meant_by
from ontogeny.recipe.source import Place, Source, follow, read_source
from ontogeny.tasks.catalogue import suite_file

SUITES = "suites"


def home_of(location: Place, place: Place, source: Source) -> tuple[Source, Place, Place]:
    """Source, place of the step in it, and location as written there, of a `location` within the step at `place`.

    A validator counts all suites that the entries stand for; whoever wrote them counts their own.
    """
    entries = _at(source.data, place).get(SUITES)
    if location[:1] != (SUITES,) or not isinstance(entries, list):
        return source, place, location
    if len(location) == 1:
        listing = _listing(entries[0]) if len(entries) == 1 else None
        return (source, place, location) if listing is None else (listing, (), location)
    number, within = int(location[1]), location[2:]
    for position, entry in enumerate(entries):
        count = len(meant_by(entry))
        if number < count:
            listing = _listing(entry)
            if listing is None:
                return source, place, (SUITES, position, *within)
            return listing, (), (SUITES, number, *within)
        number -= count
    return source, place, location


def _at(data: Any, place: Place) -> Any:
    for part in follow(data, place):
        data = data[part]
    return data


def _listing(entry: object) -> Source | None:
    """The file that an entry names, if it lists suites; a bare list is one under `suites:`."""
    path = suite_file(entry) if isinstance(entry, str) else None
    if path is None:
        return None
    source = read_source(path)
    if isinstance(source.data, list):
        lines = {(SUITES, *place): line for place, line in source.lines.items()}
        return Source(path, {SUITES: source.data}, lines)
    return source if isinstance(source.data, dict) and SUITES in source.data else None
