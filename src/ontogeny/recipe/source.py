"""YAML with places: every value remembers the line it came from, so that an error can point at it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ontogeny.core.errors import RecipeError, nearest

Place = tuple[str | int, ...]  # keys and list positions from the root


@dataclass
class Source:
    """Parsed YAML and the line of every key and list item in it."""

    path: Path
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    overridden: dict[Place, str] = field(default_factory=dict)
    """Places that an override set or made on its way, and the option and path that were written."""

    def where(self, place: Place) -> str:
        """`file:line` of the innermost known part of `place`, or the override that set it."""
        for length in range(len(place), -1, -1):
            part = place[:length]
            if part in self.overridden:
                return self.overridden[part]
            if part in self.lines:
                return f"{self.path}:{self.lines[part]}"
        return str(self.path)

    def override(self, assignment: str, *, option: str = "--set") -> None:
        """Apply one `a.b.c=value`, a path from the root with list positions as numbers, and a YAML value.

        Mistakes in it are located in `option`, by which it was given.

        Raises:
            RecipeError: not of that form, or the path leads through something that is not there.
        """
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise RecipeError(
                f"{assignment!r} is not of the form a.b.c=value",
                where=option,
                hint="for example --set seed=3",
            )
        place: Place = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        where = f"{option} {path}"
        value = _value(text, where)
        self._check_step(place, where)
        parent = self.data
        for depth, part in enumerate(place[:-1], start=1):
            if isinstance(parent, dict) and part not in parent:
                self.overridden[place[:depth]] = where
            parent = self._enter(parent, part, where)
        self._enter(parent, place[-1], where, last=True)
        parent[place[-1]] = value
        self._forget_below(place)
        self.overridden[place] = where

    def _check_step(self, place: Place, where: str) -> None:
        """A path may add keys to a step, but not to a step that is not there."""
        steps = self.data.get("steps") if isinstance(self.data, dict) else None
        if place[0] != "steps" or len(place) < 3 or place[2] == "step" or not isinstance(steps, dict):
            return
        name = place[1]
        if name not in steps:
            raise RecipeError(
                f"there is no step {name!r}.{nearest(str(name), map(str, steps))}",
                where=where,
                hint=f"steps of this recipe: {', '.join(map(str, steps))}; "
                f"a new one begins with --set steps.{name}.step=KIND",
            )

    def _forget_below(self, place: Place) -> None:
        """What stood below a place is gone, and so are its lines."""

        def kept(other: Place) -> bool:
            return len(other) <= len(place) or other[: len(place)] != place

        self.lines = {other: line for other, line in self.lines.items() if kept(other)}
        self.overridden = {other: where for other, where in self.overridden.items() if kept(other)}

    def _enter(self, parent: Any, part: str | int, where: str, *, last: bool = False) -> Any:
        if isinstance(parent, list) and isinstance(part, int) and part < len(parent):
            return parent[part]
        if isinstance(parent, dict):
            return parent.get(part) if last else parent.setdefault(part, {})
        raise RecipeError(
            f"there is no {part!r} to set in this recipe",
            where=where,
            hint="the path starts at the root",
        )


def _value(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        raise RecipeError(
            f"{text!r} is not a YAML value ({' '.join(str(problem).split())})",
            where=where,
            hint="close brackets and quotes, and quote text with special characters: --set 'a.b=\"x: y\"'",
        ) from error


def read_source(path: Path) -> Source:
    """Read a YAML file.

    Raises:
        RecipeError: no such file, not UTF-8, not YAML (with line and column), or a key given twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        near = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"recipes beside it: {', '.join(near)}" if near else "`ontogeny init NAME` writes a new recipe"
        raise RecipeError(
            f"the recipe cannot be read ({error.strerror})", where=str(path), hint=hint
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError("the recipe is not UTF-8 text", where=str(path), hint="save it as UTF-8") from error
    source = Source(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        source.data = _build(node, (), source) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise RecipeError(
            f"not YAML: {error.problem}", where=where, hint="check indentation and quotes"
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(
            f"not YAML: {error}", where=str(path), hint="remove characters that are not text"
        ) from error
    except RecursionError as error:
        raise RecipeError("nested too deeply, or an alias that holds itself", where=str(path)) from error
    return source


def _build(node: yaml.Node, place: Place, source: Source) -> Any:
    source.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(node, place, source)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*place, position), source) for position, item in enumerate(node.value)]
    return _scalar(node)


def _build_mapping(node: yaml.MappingNode, place: Place, source: Source) -> dict[Hashable, Any]:
    built: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        line = key_node.start_mark.line + 1
        if not isinstance(key, (str, int)):
            raise RecipeError(
                "a key must be a word", where=f"{source.path}:{line}", hint="write `key: value`"
            )
        if key in built:
            raise RecipeError(
                f"{key!r} is given twice",
                where=f"{source.path}:{line}",
                hint="keep one of the two, or rename it",
            )
        source.lines[(*place, key)] = line
        built[key] = _build(value_node, (*place, key), source)
    return built


def _scalar(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def follow(data: Any, location: Sequence[str | int]) -> Place:
    """The place in `data` that a validator's location means; parts that are no keys (tags of unions) are left out."""
    place: list[str | int] = []
    for part in location:
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
        else:
            continue
        place.append(part)
    return tuple(place)
