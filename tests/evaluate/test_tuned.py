"""What a lineage tells of whether a model was ever tuned to converse."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from ontogeny.evaluate.tuned import is_untuned
from ontogeny.lineage.artifact import Artifact
from tests.lineage.conftest import Publish, publish, workspace

__all__ = ["publish", "workspace"]


def configured(artifact: Artifact, **config: Any) -> Artifact:
    return Artifact(artifact.path, artifact.manifest.model_copy(update={"config": config}))


def made_of(publish: Publish, parent: Artifact, step_type: str, *, role: str = "model") -> Artifact:
    return publish(f"{step_type}-of", text=step_type, inputs=(parent,), roles=(role,), step_type=step_type)


def test_what_was_only_pretrained_is_untuned_and_so_is_what_is_made_of_it(publish: Publish) -> None:
    tokens = publish("tokens", kind="tokens", text="t")
    base = publish("base", inputs=(tokens,), roles=("tokens",), step_type="pretrain")
    assert is_untuned(base)
    assert is_untuned(made_of(publish, base, "export"))
    assert is_untuned(made_of(publish, base, "pretrain", role="init"))
    assert is_untuned(configured(made_of(publish, base, "finetune"), task="classify"))
    shutil.rmtree(tokens.path)
    assert is_untuned(base), "whatever became of its text"


@pytest.mark.parametrize("task", ["instruct", "distil"])
def test_what_was_tuned_to_answer_is_not(task: str, publish: Publish) -> None:
    base = publish("base", step_type="pretrain")
    tutor = configured(made_of(publish, base, "finetune"), task=task)
    assert not is_untuned(tutor)
    assert not is_untuned(made_of(publish, tutor, "export"))
    assert not is_untuned(made_of(publish, tutor, "pretrain", role="init"))


def test_what_is_not_known_is_not_held_against_a_model(publish: Publish) -> None:
    imported = publish("imported", step_type="import-model")
    assert not is_untuned(imported)
    assert not is_untuned(made_of(publish, imported, "pretrain", role="init"))
    base = publish("base", text="b", step_type="pretrain")
    export = made_of(publish, base, "export")
    shutil.rmtree(base.path)
    assert not is_untuned(export)
