"""A task file as YAML: its values, the line of each, what it includes, and code it names, which is never run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ontogeny.core.errors import RecipeError, nearest

INCLUDE = "include"
CODE_TAG = "!function"
MAX_INCLUDES = 16  # task files of lm-evaluation-harness nest three deep; more is a circle

Place = tuple[str | int, ...]  # keys and list positions from the root


@dataclass(frozen=True)
class Code:
    """What `!function file.name` stands for: a name, and nothing else."""

    name: str


@dataclass
class TaskFile:
    """The values of a task file, those of included files below its own, and where each key stands."""

    path: Path
    values: dict[str, Any]
    lines: dict[Place, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    """Every file that was read: the first is `path`."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What this file calls keys of lm-evaluation-harness, where it has words of its own for them."""

    def word(self, key: str) -> str:
        """What the file calls a key of harness."""
        return self.words.get(key, key)

    def in_its_words(self, text: str) -> str:
        """`text` with the file's own words for keys of harness."""
        return re.sub(r"\w+", lambda found: self.word(found[0]), text)

    def with_word(self, key: str, word: str, where: str) -> TaskFile:
        """The file, if what `key` says stood under another word, at `where`."""
        return replace(self, words={**self.words, key: word}, lines={**self.lines, (word,): where})

    def where(self, place: Place = ()) -> str:
        """`file:line` of the innermost known part of `place`."""
        if place and place[0] in self.words:
            place = (self.words[str(place[0])], *place[1:])
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return str(self.path)


def read_task_file(path: Path) -> TaskFile:
    """Read a task file and what it includes.

    Raises:
        RecipeError: a file that cannot be read, is not YAML (line and column), holds no mapping or a key twice, or
            includes itself.
    """
    return _read(path, ())


def read_values(path: Path) -> Any:
    """What a YAML file holds, includes left as they stand.

    Raises:
        RecipeError: a file that cannot be read, is not YAML (line and column), or holds a key twice.
    """
    return _built(_compose(path, ()), (), path, {})


def _read(path: Path, including: tuple[Path, ...]) -> TaskFile:
    if path.resolve() in including or len(including) == MAX_INCLUDES:
        raise RecipeError(
            "a task file includes itself", where=str(path), hint=f"remove one `{INCLUDE}` of the circle"
        )
    node = _compose(path, including)
    lines: dict[Place, str] = {}
    values = _built(node, (), path, lines)
    if not isinstance(values, dict):
        raise RecipeError(
            "a task file holds keys and values", where=str(path), hint="begin with `task: NAME`"
        )
    own = TaskFile(path, values, lines, (path,))
    included = values.pop(INCLUDE, [])
    for name in included if isinstance(included, list) else [included]:
        if not isinstance(name, str):
            raise RecipeError(f"`{INCLUDE}` names a file or a list of files", where=own.where((INCLUDE,)))
        other = _read(path.parent / name, (*including, path.resolve()))
        kept = {place: line for place, line in other.lines.items() if place[0] not in own.values}
        own = TaskFile(
            path, {**other.values, **own.values}, {**kept, **own.lines}, (*own.files, *other.files)
        )
    return own


def _compose(path: Path, including: tuple[Path, ...]) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        beside = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        included = f", which {including[-1].name} includes," if including else ""
        raise RecipeError(
            f"the task file{included} cannot be read ({error.strerror}).{nearest(path.name, beside)}",
            where=str(path), hint="correct the path",
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise RecipeError(
            "the task file is not UTF-8 text", where=str(path), hint="save it as UTF-8"
        ) from error
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        hint = "check indentation and quotes; a text with `{{` at its beginning needs quotes"
        raise RecipeError(f"not YAML: {error.problem}", where=where, hint=hint) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise RecipeError(
            f"not YAML: {error}", where=str(path), hint="remove characters that are not text"
        ) from error


def _built(node: yaml.Node | None, place: Place, path: Path, lines: dict[Place, str]) -> Any:
    if node is None:
        return None
    if place:
        lines.setdefault(place, f"{path}:{node.start_mark.line + 1}")
    if node.tag == CODE_TAG:
        return Code(str(node.value))
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = f"{path}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise RecipeError("a key must be a word", where=where, hint="write `key: value`")
            key = str(key_node.value)
            if key in built:
                raise RecipeError(f"{key!r} is given twice", where=where, hint="keep one of the two")
            lines[(*place, key)] = where
            built[key] = _built(value_node, (*place, key), path, lines)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_built(item, (*place, number), path, lines) for number, item in enumerate(node.value)]
    return _scalar(node, f"{path}:{node.start_mark.line + 1}")


def _scalar(node: yaml.Node, where: str) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(
            f"this value cannot be read ({' '.join(str(error).split())})", where=where, hint="quote it"
        ) from error
    finally:
        loader.dispose()


def code_in(value: object, place: Place = ()) -> tuple[Place, Code] | None:
    """The first piece of code within `value`, and where it stands."""
    if isinstance(value, Code):
        return place, value
    entries = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    return next((found for key, one in entries if (found := code_in(one, (*place, key)))), None)
