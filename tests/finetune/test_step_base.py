"""The step `finetune` with a base in codes: what is measured is what loading gives, and a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ontogeny.core.errors import UsageError
from ontogeny.finetune.classifier import load_classifier
from ontogeny.inference.loading import load_model
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.quantised_kinds import QuantisedForm
from ontogeny.model.transformer import Transformer
from ontogeny.train import objective
from tests.finetune import test_step_classify as classifying
from tests.finetune.stop_after import StoppedError, stop_after
from tests.finetune.test_step import GENERAL_TEXT, inputs  # noqa: F401 (a fixture)
from tests.finetune.test_step_adapters import LORA, Notes, place, run, train, tutor  # noqa: F401 (a fixture)
from tests.model.conftest import GPT2

FORMS: tuple[QuantisedForm, ...] = ("int8", "nf4")


@pytest.mark.parametrize("base", FORMS)
def test_what_is_measured_is_what_loading_gives(
    tmp_path: Path,
    place: dict[str, Any],  # noqa: F811
    base: QuantisedForm,
) -> None:
    notes, settings = Notes(), {"general": "corpus", "train": train()}
    metrics = run(tmp_path / "out", place, notes, method={**LORA, "base": base}, **settings).metrics
    loaded = load_model(tutor(place))
    measured = bits_per_byte(loaded.model, loaded.tokenizer, [GENERAL_TEXT]).value
    assert metrics["general_bits_per_byte"] == pytest.approx(measured, rel=1e-5)
    assert json.loads((tutor(place) / "base.json").read_text())["form"] == base
    assert f"finetune: method      LoRA of rank 4 on 7 frozen matrices in {base}" in notes.lines
    tutor(place).rename(tmp_path / "coded")
    plain = run(tmp_path / "plain", place, method=LORA, **settings).metrics
    for name in (
        "held_out_loss_before",
        "general_bits_per_byte_before",
        "parameters",
        "trainable_parameters",
    ):
        assert metrics[name] == pytest.approx(plain[name], rel=1e-6), name
    assert metrics["held_out_loss"] == pytest.approx(plain["held_out_loss"], rel=0.05)
    assert json.loads((tutor(place) / "base.json").read_text())["form"] == "float32"


@pytest.mark.parametrize("base", FORMS)
def test_a_killed_step_has_the_adapters_of_one_that_was_not(
    tmp_path: Path,
    place: dict[str, Any],  # noqa: F811
    base: QuantisedForm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = {**LORA, "base": base}
    run(tmp_path / "whole", place, method=method)
    tutor(place).rename(tmp_path / "other")
    with monkeypatch.context() as patch:
        patch.setattr(objective, "linear_cross_entropy", stop_after(20, objective.linear_cross_entropy))
        with pytest.raises(StoppedError):
            run(tmp_path / "killed", place, method=method)
    assert list((tmp_path / "killed" / "scratch" / "checkpoints").glob("0*"))
    (tmp_path / "killed" / "payload").rename(tmp_path / "lost")
    run(tmp_path / "killed", place, method=method)
    whole, again = (
        load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "other", tutor(place))
    )
    assert whole.keys() == again.keys()
    assert all(whole[name].equal(again[name]) for name in whole)


def test_a_classifier_says_after_loading_what_it_said(tmp_path: Path, tokenizer: Any) -> None:
    inputs = classifying.inputs.__wrapped__(tmp_path, tokenizer)  # type: ignore[attr-defined] # noqa: F811
    folder = tmp_path / "artifacts" / "tiny" / "filter@1"
    metrics = classifying.run(tmp_path / "out", inputs, method={**LORA, "base": "nf4"}).metrics
    (tmp_path / "out" / "payload").rename(folder)
    predictions = classifying.pq.read_table(folder / "predictions.parquet").to_pydict()
    said = load_classifier(folder).probabilities(predictions["text"])
    assert metrics["accuracy"] > metrics["majority_accuracy"]
    for ours, theirs in zip(said.tolist(), predictions["probabilities"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_gpt2_is_refused_before_it_is_read(tmp_path: Path, place: dict[str, Any], tokenizer: Any) -> None:  # noqa: F811
    shape = ModelShape(d_model=16, n_layers=1, n_heads=4, d_ff=32, seq_len=64).resolve(tokenizer.vocab_size)
    huggingface.save(Transformer(shape.model_copy(update=GPT2)), place["model"].path, tokenizer=tokenizer)
    with pytest.raises(UsageError, match="GPT-2 stores queries, keys and values as one matrix"):
        run(tmp_path / "out", place, method={**LORA, "base": "int8"})
