"""The table of steps: complete, and every default pinned to the version of its step."""

from __future__ import annotations

import pytest

from ontogeny.core.files import digest_json
from ontogeny.recipe.table import STEPS

# A changed default changes results without a trace in the recipe, so it must bump the step's version, which is part of
# every fingerprint. When this test fails: raise the version in the step, then put both numbers here. A setting that is
# `Immaterial` changes no result, and needs no new version.
DEFAULTS = {
    "curate": (4, "b9ad6e4a8891"),
    "examples": (5, "75b0aa20ef30"),
    "train-classifier": (3, "70beb45bb4c2"),
    "train-tokenizer": (1, "5e1d9dd6dfbe"),
    "tokenize": (4, "4dd0c23198cd"),
    "import-tokenizer": (1, "53f47a2f29cb"),
    "import-model": (2, "936f0b2d5f5d"),
    "pretrain": (3, "470396ec0a4c"),
    "finetune": (4, "d339e1620380"),
    "evaluate": (4, "57accd176a51"),
    "export": (2, "f7f9301354f6"),
}


def without_prose(schema: object) -> object:
    """The fields, their types and their defaults; what they are described as may change freely."""
    if isinstance(schema, dict):
        return {
            key: without_prose(value) for key, value in schema.items() if key not in ("description", "title")
        }
    return [without_prose(value) for value in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("name", STEPS)
def test_a_changed_default_comes_with_a_new_version(name: str) -> None:
    step = STEPS[name]
    schema = digest_json(without_prose(step.config.model_json_schema()))
    assert DEFAULTS[name] == (step.version, schema.removeprefix("blake3:")[:12])


def test_steps_are_listed_under_their_own_names() -> None:
    assert all(step.config.model_fields["step"].default == name for name, step in STEPS.items())
