"""Suites that an evaluation in the workspace lends to another one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ontogeny.cli.evaluate import _suites, _without_judges
from ontogeny.lineage.workspace import Workspace

SUITES = [
    {"type": "task", "name": "exam", "task": "gsm8k_train", "classifier": "toxic", "judge": None},
    {"type": "task", "name": "talk", "task": "mt_bench", "primary": "preferred", "judge": {"model": "third"}},
]


def place_with(suites: list[dict[str, Any]], **used: str) -> Workspace:
    inputs = [SimpleNamespace(role=role.replace("__", "."), name=name) for role, name in used.items()]
    manifest = SimpleNamespace(config={"suites": suites}, inputs=inputs)
    found = SimpleNamespace(kind="evaluation", name="r/report@1", manifest=manifest)
    return cast(Workspace, SimpleNamespace(open=lambda name: found))


def test_what_a_suite_names_is_what_it_was_there() -> None:
    place = place_with(
        SUITES, suites__0__classifier="r/toxic@2", suites__1__judge__model="r/third@3", model="r/tutor@1"
    )
    first, second = cast(list[dict[str, Any]], _suites(place, "r/report"))
    assert (first["classifier"], first["judge"]) == ("r/toxic@2", None)
    assert second["judge"] == {"model": "r/third@3"}


def test_a_model_alone_is_asked_without_judges(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = cast(list[dict[str, Any]], _without_judges([SUITES[0], SUITES[1]]))
    assert first == SUITES[0] and second == {"type": "task", "name": "talk", "task": "mt_bench"}
    assert "without their judges, who compare two models: talk" in capsys.readouterr().err
    assert _without_judges(["hellaswag", SUITES[0]]) == ["hellaswag", SUITES[0]]
    assert capsys.readouterr().err == ""
