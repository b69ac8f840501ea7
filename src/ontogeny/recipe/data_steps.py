"""Examples named where they are used: `data: {path: ./spam.csv}`, sugar for a step `examples` of its own.

    spam: {step: finetune, task: classify, data: {path: ./spam.csv, test_fraction: 0.2}}

makes a step `spam-data` before `spam`, so that the examples have a place in plan, lineage and cache. What `examples`
knows as a setting of its own goes there, and the rest is its `source`; a list is its `source`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ontogeny.core.errors import RecipeError
from ontogeny.data.examples_settings import ExamplesConfig
from ontogeny.finetune.step import FinetuneConfig
from ontogeny.recipe.source import Place, Source

USER = FinetuneConfig.model_fields["step"].default
MAKER = ExamplesConfig.model_fields["step"].default
SETTINGS = frozenset(ExamplesConfig.model_fields) - {"step", "source", "task"}
TASKS = {"classify": "classify"}
"""Of examples, by what is tuned for; every other task learns from conversations."""


def add_data_steps(source: Source) -> dict[Any, Any]:
    """The steps in `source`, and before those that bring examples of their own the steps that read them.

    Lines and overrides are remembered for the new places too.

    Raises:
        RecipeError: the name of the new step is taken.
    """
    steps: dict[Any, Any] = {}
    for name, body in source.data["steps"].items():
        if isinstance(body, dict) and body.get("step") == USER and isinstance(body.get("data"), dict | list):
            new = f"{name}-data"
            if new in source.data["steps"]:
                raise RecipeError(
                    f"{name} brings its data in a step {new!r}, and there is one of that name already",
                    where=source.where(("steps", name, "data")),
                    hint=f"write `data: {new}` to use that one, or give it another name",
                )
            steps[new] = _body(body)
            _remember_places(source, ("steps", name, "data"), ("steps", new))
            body = {**body, "data": new}
        steps[name] = body
    source.data["steps"] = steps
    return steps


def _body(user: Mapping[str, Any]) -> dict[str, Any]:
    """The step that reads the data of `user`."""
    data = user["data"]
    body = {"step": MAKER, "task": TASKS.get(str(user.get("task")), "instruct")}
    if isinstance(data, list):
        return {**body, "source": data}
    settings = {key: value for key, value in data.items() if key in SETTINGS}
    return {**body, **settings, "source": {key: value for key, value in data.items() if key not in SETTINGS}}


def _remember_places(source: Source, old: Place, new: Place) -> None:
    """What is known of places below `old` holds for those that they become."""
    known: list[dict[Place, Any]] = [source.lines, source.overridden]
    for told in known:
        for place, said in list(told.items()):
            if place[: len(old)] == old:
                rest = place[len(old) :]
                within = () if not rest or rest[0] in SETTINGS else ("source",)
                told[(*new, *within, *rest)] = said
