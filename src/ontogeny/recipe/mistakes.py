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
LIKENESS = 0.6
"""From which a key counts as a slip of another (difflib's own); below it, `domains` is taken for `min_words`."""


@dataclass(frozen=True)
class Mistake:
    """One thing that cannot be meant."""

    where: str
    text: str
    hint: str | None = None


def as_error(mistakes: Sequence[Mistake]) -> RecipeError:
    """All mistakes as one error: the first with its hint, the others a line each."""
    first, *others = mistakes
    more = [f"{mistake.where}: {mistake.text}" for mistake in others[: SHOWN_MISTAKES - 1]]
    if len(mistakes) > SHOWN_MISTAKES:
        more.append(f"and {len(mistakes) - SHOWN_MISTAKES} more")
    return RecipeError("\n".join([first.text, *more]), where=first.where, hint=first.hint)


def mistakes_in(
    error: ValidationError, place: Place, source: Source, config: type[BaseModel]
) -> list[Mistake]:
    """What `error` says of the step at `place`, whose configuration is a `config`."""
    found = error.errors()
    return [_mistake(one, place, source, config) for one in found if not _follows_from(one, found)]


def _follows_from(one: Any, found: Iterable[Any]) -> bool:
    """Whether a list is too short only because its items are wrong."""
    place = one["loc"]
    return one["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found
    )


def _mistake(details: Any, place: Place, source: Source, config: type[BaseModel]) -> Mistake:
    location: Place = details["loc"]
    source, place, written = home_of(_without_tags(config, location), place, source)
    body: Any = source.data
    for part in place:
        body = body[part]
    found = follow(body, written)
    name = str(location[-1]) if location else ""
    here = ".".join(str(part) for part in (*place[1:], *found))
    if details["type"] == "extra_forbidden":
        parent = here.removesuffix(f".{name}")
        keys = _keys(models_at(config, location[:-1]))
        alike = [key for key in keys if SequenceMatcher(None, name, key).ratio() >= LIKENESS]
        text = f"unknown key {name!r} in {parent}.{nearest(name, alike)}"
        return Mistake(source.where((*place, *found)), text, f"keys of {parent}: {', '.join(sorted(keys))}")
    if details["type"] in TAGS and isinstance(details.get("input"), dict):
        tags = sorted(_tags(models_at(config, location)))
        return Mistake(
            source.where((*place, *found, TAG_KEY)),
            f"{here}: {_about_tag(details, tags)}",
            f"types are {', '.join(tags)}",
        )
    if details["type"] == "missing":
        text = f"{name!r} is missing in {here}"
        return Mistake(source.where((*place, *found)), text, _hint(config, location[:-1], here))
    text = ": ".join(filter(None, (here, _in_plain_words(details))))
    if isinstance(details.get("input"), (str, int, float, bool, type(None))):
        text += f" (got {details['input']!r})"
    of_a_list = details["type"] == "value_error" and isinstance(details["input"], (list, tuple))
    if of_a_list or details["type"] in (*A_LIST, "too_short"):  # the models there are those of its items
        location, here = location[:-1], here.rpartition(".")[0]
    return Mistake(source.where((*place, *found)), text, _hint(config, location, here))


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


def _hint(config: type[BaseModel], location: Sequence[str | int], here: str) -> str | None:
    """The keys of the model at `location`, or of the one that holds the value there; None of what is the whole file."""
    if not here:
        return None
    models = models_at(config, location)
    while not models:
        location, here = location[:-1], here.rpartition(".")[0] or here
        models = models_at(config, location)
    return f"keys of {here}: {', '.join(sorted(_keys(models)))}"


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
