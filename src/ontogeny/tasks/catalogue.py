"""Tasks by name: those that come with Ontogeny, and files of the user's; groups are lists of them.

A name is a shipped task's, or the path of a YAML file. A group file (`group:` with `task: [...]`) names tasks that lie
beside it, by their file or their `task:`, other files by a path from its own folder, shipped ones, or holds them
itself. Shipped suites are lists of tasks that have results of their own each, and no figure together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ontogeny.core.errors import RecipeError, UsageError, nearest
from ontogeny.tasks.build import Task
from ontogeny.tasks.data import Place
from ontogeny.tasks.definition import definition_of, notes_of
from ontogeny.tasks.short_form import in_short_words, is_short, lengthened
from ontogeny.tasks.source import INCLUDE, TaskFile, code_in, read_task_file, read_values

SHIPPED = Path(__file__).parent / "shipped"
SUITES = SHIPPED / "suites"
SUFFIXES = (".yaml", ".yml")
GROUP_KEYS = {"group", "group_alias", "task", "aggregate_metric_list", "tag", "metadata", "num_fewshot"}
ONE_MEAN = "weight_by_size"
IN_BRACKETS = re.compile(r" \([^)]*\)")
END_OF_CLAUSE = re.compile(r"[;.](?= |$)")
MAX_DEPTH = 8  # groups in groups; harness's deepest has four


@dataclass(frozen=True)
class Tasks:
    """What a name stands for: one task, or the tasks of a group.

    `by_size`: a group's value counts every item alike; otherwise every task.
    """

    name: str
    tasks: tuple[Task, ...]
    is_group: bool = False
    by_size: bool = True
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Every task file that was read."""


def shipped_names() -> list[str]:
    """Tasks and groups that come with Ontogeny."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml") if not path.name.startswith("_"))


def suite_names() -> list[str]:
    """Lists of tasks that come with Ontogeny."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def suite_entries(name: str) -> list[str | dict[str, Any]]:
    """What a shipped suite, or a file with `suites: [...]` or a list, has in it; a task's name is alone in its list.

    A task's file is looked for beside the file that lists it, then from the working folder.

    Raises:
        RecipeError: the file lists something else.
    """
    path = suite_file(name)
    values = None if path is None else read_values(path)
    listed = values.get("suites") if isinstance(values, dict) else values
    if path is None or listed is None:
        return [name]
    if not isinstance(listed, list) or not listed or not all(isinstance(one, (str, dict)) for one in listed):
        raise RecipeError(
            "a suite file lists suites as in a recipe, or names of tasks", where=name,
            hint="e.g. `suites: [hellaswag, {type: task, task: mine.yaml, n: 200}]`",
        )  # fmt: skip
    return [
        _from_folder(one, path.parent) if isinstance(one, str)
        else one | {"task": _from_folder(one.get("task"), path.parent)} if "task" in one else one
        for one in listed
    ]  # fmt: skip


def suite_file(name: str) -> Path | None:
    """The file that lists suites under that name, if it is one: a shipped suite, or a YAML file of any kind."""
    path = SUITES / f"{name}.yaml" if name in suite_names() else Path(name).expanduser()
    return path if path.suffix in SUFFIXES else None


def _from_folder(task: Any, folder: Path) -> Any:
    """The path of a task's file, from the folder where it is named if it lies there; anything else as it is."""
    if not isinstance(task, str) or not task.endswith(SUFFIXES):
        return task
    beside = folder / Path(task).expanduser()
    return str(beside) if beside.exists() or not Path(task).expanduser().exists() else task


def about(name: str) -> str:
    """What the file of a shipped task or suite says first about itself."""
    folder = SUITES if name in suite_names() else SHIPPED
    lines = (folder / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    told = " ".join(line.removeprefix("#").strip() for line in takewhile(lambda line: line[:1] == "#", lines))
    return END_OF_CLAUSE.split(IN_BRACKETS.sub("", told), maxsplit=1)[0]


def is_task_name(name: str) -> bool:
    """Whether `name` can stand for tasks: a shipped one, a shipped suite, or a YAML file."""
    return name.endswith(SUFFIXES) or name in shipped_names() or name in suite_names()


def find_tasks(name: str, *, root: Path | None = None, num_fewshot: int | None = None) -> Tasks:
    """The task or group of that name, its data below `root` where it says so; `num_fewshot` replaces its own.

    Raises:
        UsageError: no such task. RecipeError: a mistake in its file, with the line.
    """
    if name.endswith(SUFFIXES):
        path = Path(name).expanduser()
    elif name in shipped_names():
        path = SHIPPED / f"{name}.yaml"
    else:
        raise UsageError(
            f"there is no task {name!r}.{nearest(name, shipped_names())}",
            hint=f"a file of your own ends in .yaml; shipped tasks: {', '.join(shipped_names())}",
        )
    return _read(path, root, num_fewshot, depth=0)


def _read(path: Path, root: Path | None, num_fewshot: int | None, *, depth: int) -> Tasks:
    file = read_task_file(path)
    if "group" not in file.values:
        return _single(file, root, num_fewshot)
    if depth == MAX_DEPTH:
        raise RecipeError("groups hold each other without end", where=file.where(("task",)))
    if (found := code_in(file.values)) is not None:
        raise RecipeError("code in task files is not run", where=file.where(found[0]))
    for key in file.values:
        if key not in GROUP_KEYS:
            raise RecipeError(
                f"unknown key {key!r} of a group.{nearest(key, GROUP_KEYS)}", where=file.where((key,)),
                hint=f"keys of a group: {', '.join(sorted(GROUP_KEYS))}",
            )  # fmt: skip
    shots = file.values.get("num_fewshot") if num_fewshot is None else num_fewshot
    members = [member for one in _listed(file) for member in _members(one, file, root, shots, depth)]
    tasks = tuple(task for member in members for task in member.tasks)
    if not tasks:
        raise RecipeError(
            "the group has no task", where=file.where(("task",)), hint="list names under `task:`"
        )
    notes = tuple(note for member in members for note in member.notes)
    read = dict.fromkeys([*file.files, *(path for member in members for path in member.files)])
    return Tasks(str(file.values["group"]), tasks, True, _by_size(file), notes, tuple(read))


def _single(
    file: TaskFile,
    root: Path | None,
    num_fewshot: int | None,
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Tasks:
    values = {**file.values, **changes}
    if is_short(file):
        values, file = {**lengthened(file), **changes}, in_short_words(file)
    if num_fewshot is not None:
        values = values | {"num_fewshot": num_fewshot}
    definition = definition_of(file, values)
    place = Place(file.path.parent, root, file.words.get("dataset_kwargs", Place.key))
    task = Task(definition, file, place)
    notes = () if is_short(file) else tuple(notes_of(file))
    return Tasks(definition.task, (task,), notes=notes, files=file.files)


def _listed(file: TaskFile) -> list[str | dict[str, Any]]:
    listed = file.values.get("task") or []
    entries = [listed] if isinstance(listed, (str, dict)) else listed
    if not isinstance(entries, list) or not all(isinstance(one, (str, dict)) for one in entries):
        raise RecipeError("a group lists names of tasks", where=file.where(("task",)))
    return entries


def _members(
    one: str | Mapping[str, Any], file: TaskFile, root: Path | None, shots: int | None, depth: int
) -> list[Tasks]:
    """What an entry of a group names: a task, a group, or all tasks with a tag.

    As a mapping it has keys that replace the task's own, or, with `include`, those of the included file.
    """
    folder = file.path.parent
    if isinstance(one, str):
        return [_read(path, root, shots, depth=depth + 1) for path in _paths(one, file)]
    changes = {key: value for key, value in one.items() if key != INCLUDE}
    if INCLUDE in one:
        return [_single(read_task_file(folder / str(one[INCLUDE])), root, shots, changes)]
    return [
        _single(read_task_file(path), root, shots, changes) for path in _paths(str(one.get("task", "")), file)
    ]


def _paths(name: str, file: TaskFile) -> list[Path]:
    beside = _beside(file.path.parent)
    if name in beside:
        return [beside[name]]
    if name.endswith(SUFFIXES) and (path := file.path.parent / Path(name).expanduser()).is_file():
        return [path]
    if name in shipped_names():
        return [SHIPPED / f"{name}.yaml"]
    others = [path for path in dict.fromkeys(beside.values()) if path != file.path]
    if tagged := [path for path in others if _has_tag(path, name)]:
        return tagged
    raise RecipeError(
        f"the group names {name!r}, which is neither a task, a file or a tag beside it nor shipped."
        + nearest(name, [*beside, *shipped_names()]),
        where=file.where(("task",)), hint="use the name in its `task:`, or the path of its file",
    )  # fmt: skip


def _has_tag(path: Path, name: str) -> bool:
    """Whether a neighbour bears the tag. One that is broken bears none, unless the name stands somewhere in it.

    Raises:
        RecipeError: the neighbour is broken, and may well be meant.
    """
    try:
        tags = read_task_file(path).values.get("tag")
    except RecipeError:
        if name in _text(path):
            raise
        return False
    return tags == name or (isinstance(tags, list) and name in tags)


@cache
def _beside(folder: Path) -> Mapping[str, Path]:
    """Task files of a folder by name: that of the file, and that within it."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.y*ml")):
        found.setdefault(path.stem, path)
        lines = _text(path).splitlines()
        named = next(
            (line for line in lines if line.lstrip("\"'").startswith(("task:", 'task":', "group:"))), ""
        )
        if name := named.partition(":")[2].strip().strip("\"'"):
            found.setdefault(name, path)
    return found


def _text(path: Path) -> str:
    """What can be read of a file that nobody may have named: nothing of a folder, or of a link to nowhere."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _by_size(file: TaskFile) -> bool:
    listed = file.values.get("aggregate_metric_list") or [{}]
    weights = {bool(one.get(ONE_MEAN, True)) for one in listed if isinstance(one, dict)}
    return weights != {False}
