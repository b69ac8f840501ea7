"""The guards of the step `finetune`: what stands in metrics, verdicts and pages, and that a kill costs nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.step import FINETUNE, FinetuneConfig
from ontogeny.inference.loading import load_model
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.lineage.artifact import record_files
from ontogeny.lineage.manifest import content_digest
from ontogeny.lineage.step import Context, Outputs
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.labelled_data import spam_examples
from tests.finetune.stop_after import StoppedError, stop_after
from tests.random_weights import randomise

Examples = list[tuple[str, list[dict[str, str]]]]
TRAIN = {"epochs": 2, "batch_rows": 4, "optimizer": {"lr": 0.02}, "checkpoint_seconds": 0}
TEXTS = [f"ZQ {n} XJ {n * n} KV" for n in range(24)]  # letters that no conversation has


def artifact(path: Path, kind: str) -> Any:
    return SimpleNamespace(path=path, name=f"tiny/{path.name}@1", kind=kind, digest=f"blake3:{path.name}")


@pytest.fixture
def inputs(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> dict[str, Any]:
    """A base, conversations of which eight are held out, labelled texts, and general text."""
    base, questions, corpus = (tmp_path / name for name in ("base", "questions", "corpus"))
    for folder in (questions, corpus):
        folder.mkdir()
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=64)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    huggingface.save(model, base, tokenizer=tokenizer)
    rows = {
        "doc_id": [doc_id for doc_id, _ in examples],
        "split": ["held_out" if number < 8 else "train" for number in range(30)],
        "messages": [messages for _, messages in examples],
    }
    pq.write_table(pa.table(rows), questions / "part-00000.parquet")
    general: dict[str, Any] = {
        "split": ["held_out"] * 24,
        "group": [str(n) for n in range(24)],
        "text": TEXTS,
    }
    pq.write_table(pa.table(general), corpus / "part-00000.parquet")
    return {
        "model": artifact(base, "model"),
        "data": artifact(questions, "examples"),
        "general": artifact(corpus, "corpus"),
    }


def configured(task: str = "instruct", **change: Any) -> FinetuneConfig:
    return FinetuneConfig.model_validate(
        {"model": "base", "task": task, "data": "questions", "general": "corpus", "train": TRAIN, **change}
    )


def run(folder: Path, inputs: dict[str, Any], config: FinetuneConfig) -> Outputs:
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    return FINETUNE.run(config, inputs, Context(payload, scratch, 5, "cpu", QuietProgress()))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(huggingface.load(folder).named_parameters())


def test_a_model_that_forgot_is_refused_and_published(tmp_path: Path, inputs: dict[str, Any]) -> None:
    config = configured(forgetting={"margin": 0.0, "blocks": ["out"]})
    outputs = run(tmp_path / "out", inputs, config)
    (verdict,) = outputs.verdicts
    payload = tmp_path / "out" / "payload"
    assert (verdict.gate, verdict.passed, verdict.blocks) == ("forgetting", False, ("out",))
    assert verdict.model_digest == content_digest(record_files(payload))
    assert verdict.reason.endswith("it is not shown to be within the margin of 0.00%")
    page = (payload / "report.html").read_text()
    assert "Refused: `ontogeny promote` does not take this model" in page
    metrics = outputs.metrics
    before, after = metrics["general_bits_per_byte_before"], metrics["general_bits_per_byte"]
    assert metrics["general_rise"] == pytest.approx(after / before - 1)
    low, high = metrics["general_rise_interval"]
    assert low < metrics["general_rise"] < high
    assert config.held_back == {("forgetting", "blocks"): ("out",)}
    loaded = load_model(payload, "cpu")
    assert bits_per_byte(loaded.model, loaded.tokenizer, TEXTS).value == pytest.approx(after)


def test_without_a_gate_it_is_only_told(tmp_path: Path, inputs: dict[str, Any]) -> None:
    outputs = run(tmp_path / "out", inputs, configured())
    assert outputs.verdicts == ()
    assert "Bits per byte of general text went from" in (tmp_path / "out/payload/report.html").read_text()


@pytest.mark.parametrize("method", ["full", {"type": "lora", "rank": 2}], ids=str)
def test_what_is_taken_is_what_is_written(tmp_path: Path, inputs: dict[str, Any], method: Any) -> None:
    root = tmp_path / "artifacts" / "tiny"
    run(root / "plain@1", inputs, configured(method=method))
    taken = configured(
        method=method, interpolation={"alphas": [0.25], "take": 0.5}, forgetting={"margin": 9.0}
    )
    metrics = (found := run(root / "half@1", inputs, taken)).metrics
    assert found.verdicts[0].passed
    rows = {row["alpha"]: row for row in metrics["interpolation"]}
    assert list(rows) == [0.0, 0.25, 0.5, 1.0] and metrics["alpha"] == 0.5
    assert rows[0.0]["held_out_loss"] == pytest.approx(metrics["held_out_loss_before"])
    assert rows[0.0]["general_rise"] == pytest.approx(0)
    assert metrics["held_out_loss"] == rows[0.5]["held_out_loss"] > rows[1.0]["held_out_loss"]
    assert metrics["general_bits_per_byte"] == rows[0.5]["general_bits_per_byte"]
    if method == "full":
        start = weights(inputs["model"].path)
        end, half = (weights(root / name / "payload") for name in ("plain@1", "half@1"))
        for name, weight in half.items():
            torch.testing.assert_close(weight, (start[name] + end[name]) / 2, rtol=0, atol=1e-6)
    assert "Suggested: " in (root / "half@1/payload/report.html").read_text()


def test_what_more_data_would_give(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(learning_curve=True)
    whole = run(tmp_path / "whole", inputs, config).metrics["more_data"]
    assert [examples for examples, _ in whole["measured"]] == [5, 11, 22]
    assert whole["words"].startswith("Twice the data (44 examples) would change the held-out loss by about ")
    assert "What would more data give?" in (tmp_path / "whole/payload/report.html").read_text()
    from ontogeny.train import loop

    add = loop.add_gradients
    monkeypatch.setattr(
        loop, "add_gradients", stop_after(13, add)
    )  # the run has 11 steps, and its first part 3
    with pytest.raises(StoppedError):
        run(tmp_path / "killed", inputs, config)
    monkeypatch.setattr(loop, "add_gradients", add)
    (tmp_path / "killed/payload").rename(tmp_path / "lost")
    assert run(tmp_path / "killed", inputs, config).metrics["more_data"] == whole


def test_a_classifier_is_guarded_alike(tmp_path: Path, inputs: dict[str, Any]) -> None:
    inputs["data"] = artifact(spam_examples(tmp_path / "mails"), "examples")
    config = configured(
        "classify",
        classify={"ask_base": 0},
        forgetting={"margin": 9.0},
        interpolation={"alphas": [0.5], "take": "suggested"},
        learning_curve=True,
    )
    outputs = run(tmp_path / "out", inputs, config)
    metrics = outputs.metrics
    assert outputs.verdicts[0].passed
    assert outputs.verdicts[0].model_digest == content_digest(record_files(tmp_path / "out/payload"))
    assert metrics["alpha"] == metrics["suggested_alpha"]
    row = next(row for row in metrics["interpolation"] if row["alpha"] == metrics["alpha"])
    assert row["held_out_loss"] == pytest.approx(metrics["held_out_loss"]) and row["held_out_accuracy"] > 0.5
    assert metrics["general_bits_per_byte"] == row["general_bits_per_byte"]
    assert [each["examples"] for each in metrics["more_data"]["measured"]] == [35, 70, 140]
    page = (tmp_path / "out/payload/report.html").read_text()
    assert "What was forgotten" in page and "Twice the data (280 examples)" in page


def test_a_gate_that_could_not_decide_is_refused_before_training(
    tmp_path: Path, inputs: dict[str, Any]
) -> None:
    config = configured(forgetting={"margin": 0.1}, general_max_bytes=150)
    with pytest.raises(DataError, match="20 groups of held-out documents or more, and there are 11"):
        run(tmp_path / "out", inputs, config)
    with pytest.raises(
        UsageError, match="a quarter of the 22 rows to learn from is 5, fewer than a batch of 6"
    ):
        run(tmp_path / "curve", inputs, configured(learning_curve=True, train={**TRAIN, "batch_rows": 6}))


@pytest.mark.parametrize("change", [{"forgetting": {"margin": 0.1}}, {"interpolation": True}], ids=str)
def test_guards_need_general_text(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"`{next(iter(change))}` has no effect without `general`"):
        configured(general=None, **change)


def test_flags_and_what_does_not_go_together() -> None:
    config = configured(interpolation=True)
    assert config.interpolation is not None
    assert config.interpolation.measured == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert configured(interpolation=False) == configured()
    assert configured(interpolation={"take": 0.7}).interpolation.measured[4] == 0.7  # type: ignore[union-attr]
    with pytest.raises(ValidationError, match="`learning_curve` trains in one process"):
        configured(learning_curve=True, train={**TRAIN, "processes": 2})


def test_a_warmup_fits_a_short_run() -> None:
    assert configured().train.schedule.warmup(22) == 2
    assert configured().train.schedule.warmup(500) == 20
    fixed = configured(train={**TRAIN, "schedule": {"warmup_steps": 7}})
    assert fixed.train.schedule.warmup(22) == 7
    assert configured(train={"steps": 3, "batch_rows": 4}).train.steps_over(22) == 3
