"""What a validator found wrong with a step, in the words of a recipe: line, sentence, what would be right."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel, ValidationError

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.recipe.source import Place, Source, follow
from ontogeny.recipe.suite_files import home_of

SHOWN_MISTAKES = 10
CONTAINERS = (list, tuple, set, frozenset, dict, Sequence, Mapping)
A_LIST = ("list_type", "tuple_type", "set_type", "frozen_set_type")
A_MAPPING = ("dict_type", "mapping_type", "model_type", "model_attributes_type")
TAGS = ("union_tag_invalid", "union_tag_not_found")
TAG_KEY = "type"
SHOULD_BE = "Input should be "
LIKENESS = 0.6
"""From which a key counts as a slip of another (difflib's own); below it, `domains` is taken for `min_words`."""


@dataclass(frozen=True)
class Mistake:
    """One thing that cannot be meant."""

    where: str
    text: str
    hint: str | None = None


@dataclass(frozen=True)
class _Found:
    """What a validator says of a value: at `location` of its models, at `place` of the file, `here` in plain words.

    `names` is the key or the position that it is about, which need not be there.
    """

    details: Any
    location: Place
    source: Source
    place: Place
    here: str
    name: str

    @property
    def kind(self) -> str:
        return str(self.details["type"])

    @property
    def value(self) -> Place:
        """The place of the value that it is about, which a missing one would have."""
        named = self.kind == "missing" and not self.lacks_items
        return (*self.place, self.name) if named else self.place

    @property
    def lacks_items(self) -> bool:
        """Whether it is about a list of fixed length that ends too early; told once for each item that is missing."""
        return self.kind == "missing" and isinstance(self.location[-1], int)


def as_error(mistakes: Sequence[Mistake]) -> RecipeError:
    """All mistakes as one error, a line each, with the first hint there is."""
    first, *others = mistakes
    more = [f"{mistake.where}: {mistake.text}" for mistake in others[: SHOWN_MISTAKES - 1]]
    if len(mistakes) > SHOWN_MISTAKES:
        more.append(f"and {len(mistakes) - SHOWN_MISTAKES} more")
    hint = next((mistake.hint for mistake in mistakes[:SHOWN_MISTAKES] if mistake.hint), None)
    return RecipeError("\n".join([first.text, *more]), where=first.where, hint=hint)


def mistakes_in(
    error: ValidationError, place: Place, source: Source, config: type[BaseModel]
) -> list[Mistake]:
    """What `error` says of the step at `place`, whose configuration is a `config`: one mistake for each value."""
    found = [_find(details, place, source, config) for details in error.errors()]
    by_value: dict[tuple[int, Place], list[_Found]] = {}
    for one in found:
        if not any(_lies_within(other, one) for other in found):
            by_value.setdefault((id(one.source), one.value), []).append(one)
    return [_mistake(about, config) for about in by_value.values()]


def _find(details: Any, place: Place, source: Source, config: type[BaseModel]) -> _Found:
    location: Place = details["loc"]
    source, place, written = home_of(_without_tags(config, location), place, source)
    body: Any = source.data
    for part in place:
        body = body[part]
    found = follow(body, written)
    here = ".".join(str(part) for part in (*place[1:], *found))
    name = str(location[-1]) if location else ""
    return _Found(details, location, source, (*place, *found), here, name)


def _lies_within(inner: _Found, outer: _Found) -> bool:
    """Whether `inner` is about a part of what `outer` is about, which then only follows from it.

    So a list is not called short because its items are wrong, and of the members of a union the one that fits best
    speaks.
    """
    depth = len(outer.value)
    return inner.source is outer.source and inner.value[:depth] == outer.value and len(inner.value) > depth


def _mistake(about: Sequence[_Found], config: type[BaseModel]) -> Mistake:
    """What is said about one value; several are said of a union, one by each of its members."""
    first = about[0]
    details, location, here, name = first.details, first.location, first.here, first.name
    where = first.source.where(first.place)
    if first.kind == "extra_forbidden":
        parent = here.removesuffix(f".{name}")
        keys = _keys(models_at(config, location[:-1]))
        alike = [key for key in keys if SequenceMatcher(None, name, key).ratio() >= LIKENESS]
        text = f"unknown key {name!r} in {parent}.{nearest(name, alike)}"
        return Mistake(where, text, _hint(keys, parent))
    if first.kind in TAGS and isinstance(details.get("input"), dict):
        tags = sorted(_tags(models_at(config, location)))
        where = first.source.where((*first.place, TAG_KEY))
        return Mistake(where, f"{here}: {_about_tag(details, tags)}", f"types are {', '.join(tags)}")
    if first.lacks_items:
        wanted = 1 + max(int(one.name) for one in about)
        given = int(first.name)  # items are told in order
        return Mistake(where, f"{here} takes {wanted} values, not {given}")
    if first.kind == "missing":
        return Mistake(where, f"{name!r} is missing in {here}")
    text = ": ".join(filter(None, (here, _said_together(about))))
    if isinstance(details.get("input"), (str, int, float, bool, type(None))):
        text += f" (got {details['input']!r})"
    to_write = models_at(config, location) if first.kind in (*A_MAPPING, *TAGS) else []
    return Mistake(where, text, _hint(_keys(to_write), here))


def _said_together(about: Sequence[_Found]) -> str:
    """One sentence: `Input should be 'auto' or a valid boolean`."""
    said = list(dict.fromkeys(_in_plain_words(one.details) for one in about))
    if len(said) == 1 or not all(each.startswith(SHOULD_BE) for each in said):
        return said[0]
    return SHOULD_BE + " or ".join(each.removeprefix(SHOULD_BE).partition(", unable to")[0] for each in said)


def _hint(keys: Iterable[str], here: str) -> str | None:
    """The keys to choose from at `here`, where there are some: for a mistake that other keys mend, and no other."""
    listed = ", ".join(sorted(keys))
    return f"keys of {here}: {listed}" if listed and here else None


def _without_tags(config: type[BaseModel], location: Place) -> Place:
    """A validator's location without parts that only name the member of a union, which may be keys there as well."""
    written: list[str | int] = []
    tagged = False
    for number, part in enumerate(location):
        models = models_at(config, location[:number])
        names = {*_tags(models), *(model.__name__ for model in models)}
        tagged = not tagged and len(models) > 1 and part in names
        if not tagged:
            written.append(part)
    return tuple(written)


def _about_tag(details: Any, tags: Sequence[str]) -> str:
    if details["type"] == "union_tag_not_found":
        return f"`{TAG_KEY}` is missing"
    tag = str(details["ctx"]["tag"])
    return f"unknown type {tag!r}.{nearest(tag, tags)}"


def _in_plain_words(details: Any) -> str:
    if details["type"] in A_LIST:
        return "Input should be a list"
    if details["type"] in (*A_MAPPING, *TAGS):
        return "Input should be a mapping"
    message = str(details["msg"]).removeprefix("Value error, ")
    return message.replace("Tuple should have", "List should have").replace(" after validation", "")


def models_at(annotation: Any, location: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at a validator's location within `annotation`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return _models_inside(annotation, location) if issubclass(annotation, BaseModel) else []
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in CONTAINERS:
        location = location[1:]
    elif location and (tagged := _tagged(arguments, location[0])):
        return models_at(tagged, location[1:])
    return [model for argument in arguments for model in models_at(argument, location)]


def _models_inside(model: type[BaseModel], location: Sequence[str | int]) -> list[type[BaseModel]]:
    if not location:
        return [model]
    for name, info in model.model_fields.items():
        if location[0] in (name, info.alias):
            return models_at(info.annotation, location[1:])
    return []


def _tagged(members: Iterable[Any], tag: str | int) -> type[BaseModel] | None:
    """The member of a union that a part of a location names."""
    for model in _plain_models(members):
        if tag in _tags([model]) or tag == model.__name__:
            return model
    return None


def _plain_models(members: Iterable[Any]) -> Iterator[type[BaseModel]]:
    for member in members:
        inner = typing.get_args(member)[0] if typing.get_origin(member) is typing.Annotated else member
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield inner


def _keys(models: Iterable[type[BaseModel]]) -> set[str]:
    return {info.alias or name for model in models for name, info in model.model_fields.items()}


def _tags(models: Iterable[type[BaseModel]]) -> set[str]:
    fields = [model.model_fields[TAG_KEY] for model in models if TAG_KEY in model.model_fields]
    return {str(tag) for field in fields for tag in typing.get_args(field.annotation)}
