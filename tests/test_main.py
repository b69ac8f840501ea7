"""What `ontogeny` does before anything is loaded."""

from __future__ import annotations

import sys

import pytest

import ontogeny.__main__ as program


@pytest.mark.parametrize(
    ("arguments", "anew"),
    [
        (["run", "recipe.yaml"], True),
        (["--debug", "find-lr", "recipe.yaml"], True),
        (["show", "run"], False),
        (["--help"], False),
        ([], False),
    ],
)
def test_verbs_that_train_start_anew(
    arguments: list[str], anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(sys, "argv", ["ontogeny", *arguments])
    monkeypatch.setattr(program, "start_with_whole_memory", lambda: started.append(True))
    monkeypatch.setattr("ontogeny.cli.app.main", lambda: None)
    program.main()
    assert bool(started) == anew
