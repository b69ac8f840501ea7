"""Mistakes as a validator found them, told again at another place, or in one line; light to import."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[int | str, ...]


def mistake(said: str, place: Place, *, given: object) -> InitErrorDetails:
    """What a validator of our own says of what was given."""
    return _told("value_error", said, place, given, {})


def moved(details: Any, place: Place) -> InitErrorDetails:
    """One of `ValidationError.errors()`, word for word, at another place."""
    return _told(details["type"], details["msg"], place, details["input"], details.get("ctx", {}))


def all_of(title: str, mistakes: Iterable[InitErrorDetails]) -> ValidationError:
    """One error with all of `mistakes`."""
    return ValidationError.from_exception_data(title, list(mistakes))


def reason_of(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


def _told(kind: str, said: str, place: Place, given: object, context: dict[str, Any]) -> InitErrorDetails:
    # Words of the library's own kinds cannot be given, so the kind goes on as one of ours that is called the same.
    custom = PydanticCustomError(kind, "{said}", {**context, "said": said})
    return InitErrorDetails(type=custom, loc=place, input=given)
