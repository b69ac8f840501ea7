"""The step `finetune` with a method: an adapter beside its base, what counts as a model through it, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.step import FINETUNE, FinetuneConfig
from ontogeny.inference.loading import load_model
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.lineage.step import Context, Outputs
from tests.finetune.test_step import GENERAL_TEXT, SETTINGS, inputs  # noqa: F401 (a fixture)

LORA = {"type": "lora", "rank": 4, "alpha": 8}


class Notes(QuietProgress):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        """Keep it."""
        self.lines.append(message)


@pytest.fixture
def place(tmp_path: Path, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: F811
    """The inputs, the base where a workspace has it."""
    home = tmp_path / "artifacts" / "tiny"
    home.mkdir(parents=True)
    inputs["model"].path.rename(home / "base@1")
    inputs["model"].path = home / "base@1"
    return inputs


def run(folder: Path, place: dict[str, Any], progress: Notes | None = None, **change: Any) -> Outputs:
    """Run in `folder` and put the payload where a workspace has it: `artifacts/tiny/tutor@1`."""
    config = FinetuneConfig.model_validate({**SETTINGS, **change})
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    outputs = FINETUNE.run(config, place, Context(payload, scratch, 5, "cpu", progress or Notes()))
    payload.rename(tutor(place))
    return outputs


def tutor(place: dict[str, Any]) -> Path:
    base: Path = place["model"].path
    return base.with_name("tutor@1")


def train(**change: Any) -> dict[str, Any]:
    return {**SETTINGS["train"], "optimizer": {"lr": 0.05}, **change}


def test_what_it_makes() -> None:
    def kind(method: Any) -> str:
        return FINETUNE.kind_of(FinetuneConfig.model_validate({**SETTINGS, "method": method}))

    assert (kind("full"), kind(LORA), kind({"type": "last-blocks", "blocks": 1})) == (
        "model",
        "adapter",
        "model",
    )


def test_an_adapter_and_its_story(tmp_path: Path, place: dict[str, Any]) -> None:
    notes = Notes()
    outputs = run(tmp_path / "out", place, notes, method=LORA, general="corpus", train=train())
    folder, metrics = tutor(place), outputs.metrics
    assert {path.name for path in folder.iterdir()} >= {
        "adapter_config.json", "adapter_model.safetensors", "base.json", "config.json", "tokenizer.json",
        "tokenizer_config.json", "generation_config.json", "packing.parquet", "metrics.jsonl",
    }  # fmt: skip
    assert not (folder / "model.safetensors").exists()
    assert metrics["held_out_loss"] < 0.9 * metrics["held_out_loss_before"]
    assert metrics["trainable_parameters"] == 4 * (4 * (16 + 16) + 3 * (16 + 32))
    assert metrics["parameters"] > metrics["trainable_parameters"]
    loaded = load_model(folder)
    measured = bits_per_byte(loaded.model, loaded.tokenizer, [GENERAL_TEXT]).value
    assert metrics["general_bits_per_byte"] == pytest.approx(measured, rel=1e-5)
    assert json.loads((folder / "base.json").read_text())["name"] == "tiny/base@1"
    told = [line.removeprefix("finetune: ") for line in notes.lines if line.startswith("finetune: ")]
    assert told[0] == "method      LoRA of rank 4 on 7 frozen matrices"
    assert told[1].startswith("trained     1,088 of ")
    assert told[2].startswith("memory ")


def test_the_best_adapters_are_kept_and_snapshots_load(tmp_path: Path, place: dict[str, Any]) -> None:
    keep = {"best": True, "every": 5}
    metrics = run(tmp_path / "out", place, method=LORA, train=train(keep=keep, eval_every=3)).metrics
    snapshots = sorted((tutor(place) / "checkpoints").iterdir())
    assert snapshots
    for snapshot in snapshots:
        assert not (snapshot / "model.safetensors").exists()
        load_model(snapshot)
    assert metrics["steps"] <= 22


def test_a_resumed_step_has_the_same_adapters(tmp_path: Path, place: dict[str, Any]) -> None:
    run(tmp_path / "out", place, method=LORA)
    weights = (tutor(place) / "adapter_model.safetensors").read_bytes()
    tutor(place).rename(tmp_path / "lost")  # killed after training, before it was published
    run(tmp_path / "out", place, method=LORA)
    assert (tutor(place) / "adapter_model.safetensors").read_bytes() == weights


def test_another_method_does_not_go_on_with_its_checkpoint(tmp_path: Path, place: dict[str, Any]) -> None:
    run(tmp_path / "out", place, method=LORA)
    tutor(place).rename(tmp_path / "lost")
    with pytest.raises(Exception, match="this checkpoint was written by a run with another configuration"):
        run(tmp_path / "out", place, method={**LORA, "alpha": 9})


def test_the_last_blocks_are_a_whole_model(tmp_path: Path, place: dict[str, Any]) -> None:
    metrics = run(tmp_path / "out", place, method={"type": "last-blocks", "blocks": 1}, train=train()).metrics
    assert (tutor(place) / "model.safetensors").exists()
    assert metrics["held_out_loss"] < metrics["held_out_loss_before"]
    assert metrics["trainable_parameters"] < metrics["parameters"]


def test_a_tuned_adapter_is_a_model_to_tune_but_not_to_adapt(tmp_path: Path, place: dict[str, Any]) -> None:
    after = run(tmp_path / "out", place, method=LORA, train=train()).metrics
    adapter = SimpleNamespace(path=tutor(place), name="tiny/tutor@1", kind="adapter", digest="blake3:tutor")
    tutor(place).rename(adapter.path.with_name("first@1"))
    adapter.path = adapter.path.with_name("first@1")
    with pytest.raises(UsageError, match="tiny/tutor@1 is an adapter itself"):
        run(tmp_path / "other", {**place, "model": adapter}, method=LORA)
    more = run(tmp_path / "more", {**place, "model": adapter}, train=train()).metrics
    assert more["held_out_loss_before"] == pytest.approx(after["held_out_loss"], rel=1e-5)


def test_an_adapter_on_another_base_is_refused(tmp_path: Path, place: dict[str, Any]) -> None:
    run(tmp_path / "out", place, method=LORA)
    weights = place["model"].path / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(
        ModelFormatError, match="this adapter was trained on other weights: those of tiny/base@1"
    ):
        load_model(tutor(place))


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match="`method: lora` trains in one process"):
        FinetuneConfig.model_validate({**SETTINGS, "method": LORA, "train": train(processes=2)})
