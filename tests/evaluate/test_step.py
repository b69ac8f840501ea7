"""The step: what it publishes, what its manifest keeps, and that a refusal is published, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.record import read_record
from ontogeny.evaluate.runner import Source
from ontogeny.evaluate.step import EVALUATE, _lineage
from ontogeny.evaluate.subject import Reader, Subject
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.step import Context, Outputs
from tests.evaluate.conftest import FakeReader


def artifact(name: str, *, kind: str, step_type: str, folder: Path) -> Artifact:
    manifest = Manifest(
        kind=kind, recipe="r", step=name, version=1, step_type=step_type, step_version=1, config={}, inputs=(),
        external_files={}, fingerprint="", files=(), digest=f"blake3:{name}", metrics={}, verdicts=(), seed=0,
        started="", ended="", device="cpu", threads=1, hardware={}, packages={}, revision=None, licenses=(),
        knowledge_cutoff=None, spent={}, ledger_head="",
    )  # fmt: skip
    return Artifact(folder, manifest)


@pytest.fixture
def inputs(
    corpus: Source, choices: Source, questions: Source, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Artifact]:
    def load(subject: Subject, device: str) -> Reader:
        return FakeReader(rate=0.2, skill=9.0) if subject.conversational else FakeReader(rate=3.0, skill=0.0)

    monkeypatch.setattr(Subject, "load", load)
    folder = corpus.folder.parent / "model"
    folder.mkdir()
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    return {
        "model": artifact("tutor", kind="model", step_type="finetune", folder=folder),
        "baseline": artifact("base", kind="model", step_type="pretrain", folder=folder),
        "suites.0.data": artifact("corpus", kind="corpus", step_type="curate", folder=corpus.folder),
        "suites.1.data": artifact("choices", kind="examples", step_type="examples", folder=choices.folder),
        "suites.2.data": artifact(
            "questions", kind="examples", step_type="examples", folder=questions.folder
        ),
    }


CONFIG = {
    "model": "tutor",
    "baseline": "base",
    "suites": [
        {"type": "bits-per-byte", "data": "corpus"},
        {"type": "multiple-choice", "name": "choices", "data": "choices"},
        {"type": "samples", "data": "questions", "prompts": ["def "], "n": 2},
    ],
    "gates": [
        {"name": "xz", "metric": "bits-per-byte/bits_per_byte", "below": "xz"},
        {"name": "perfect", "metric": "choices/acc", "at_most": 0.5, "blocks": ["small"]},
    ],
}


def run(inputs: dict[str, Artifact], folder: Path, *, limit: int | None = None, **changes: Any) -> Outputs:
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir()
    context = Context(
        payload=payload, scratch=scratch, seed=3, device="cpu", progress=QuietProgress(), limit=limit
    )
    return EVALUATE.run(EvaluateConfig.model_validate(CONFIG | changes), inputs, context)


def test_it_publishes_results_items_and_a_report(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    outputs = run(inputs, tmp_path)
    payload = tmp_path / "payload"
    assert sorted(path.name for path in payload.iterdir()) == [
        "items.parquet", "report.html", "results.json", "results.jsonl",
    ]  # fmt: skip
    results = json.loads((payload / "results.json").read_text())
    assert results["results"] == outputs.metrics["results"]
    assert results["comparisons"] == outputs.metrics["comparisons"]
    assert {"task", "metric", "value", "stderr", "ci95", "n", "model"} <= set(results["results"][0])
    assert {"task", "metric", "a", "b", "difference", "ci95", "p_value", "n"} <= set(
        results["comparisons"][0]
    )
    assert outputs.metrics["accuracy"] == 1.0
    assert outputs.metrics["bits_per_byte"] == pytest.approx(0.2, abs=0.1)
    assert EVALUATE.key_metric(outputs.metrics) == ("accuracy", outputs.metrics["accuracy"])
    json.dumps(outputs.metrics, allow_nan=False)


def test_refusals_are_verdicts_not_errors(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    xz, perfect = run(inputs, tmp_path).verdicts
    assert xz.passed and not perfect.passed
    assert perfect.blocks == ("small",)
    assert perfect.model_digest == "blake3:tutor"


def test_the_same_evaluation_has_the_same_payload(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    run(inputs, tmp_path / "a")
    run(inputs, tmp_path / "b")
    for name in ("items.parquet", "results.jsonl", "report.html"):
        assert (tmp_path / "a/payload" / name).read_bytes() == (tmp_path / "b/payload" / name).read_bytes()
    one, other = (json.loads((tmp_path / each / "payload/results.json").read_bytes()) for each in "ab")
    assert one.pop("speed") and other.pop("speed"), "all that depends on when it was made"
    assert one == other


def test_a_limit_caps_every_suite(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    outputs = run(inputs, tmp_path, limit=4)
    assert {row["n"] for row in outputs.metrics["results"]} == {4}


def test_without_a_baseline_nothing_is_compared(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    del inputs["baseline"]
    assert run(inputs, tmp_path, baseline=None).metrics["comparisons"] == []


def test_the_curve_over_the_snapshots_of_a_training(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    model = inputs["model"]
    model.manifest.metrics["steps"] = 300
    for step in (100, 200):
        (model.path / "checkpoints" / f"{step:06d}").mkdir(parents=True)
    outputs = run(inputs, tmp_path, checkpoints=True)
    record = json.loads((tmp_path / "payload" / "results.json").read_text())
    assert record["curves"] == outputs.metrics["curves"]
    assert [(point["task"], point["step"]) for point in record["curves"]] == [
        (task, step) for step in (100, 200, 300) for task in ("bits-per-byte", "choices")
    ]
    assert record["curves"][0]["model"].endswith(":100")
    page = (tmp_path / "payload" / "report.html").read_text()
    assert page.count("step of training") >= 2


def test_a_curve_of_a_model_without_snapshots(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its training kept no snapshots") as caught:
        run(inputs, tmp_path, checkpoints=True)
    assert caught.value.hint == "train it with `train.keep: {every: STEPS}`, or leave `checkpoints` out"


def test_several_trainings_and_a_gate_that_names_a_model(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    model = inputs.pop("model")
    for number in (0, 1):
        inputs[f"model.{number}"] = artifact(
            f"tutor{number}", kind="model", step_type="finetune", folder=model.path
        )
    inputs["gates.0.better_than"] = inputs["baseline"]
    gate = {"name": "g", "metric": "choices/acc", "better_than": "base"}
    outputs = run(inputs, tmp_path, model=["tutor0", "tutor1"], gates=[gate])
    together = [row for row in outputs.metrics["results"] if row["seeds"] == 2]
    assert {row["model"] for row in together} == {"r/tutor0@1 + r/tutor1@1"}
    assert [verdict.model_digest for verdict in outputs.verdicts] == ["blake3:tutor0", "blake3:tutor1"]
    assert all(verdict.passed for verdict in outputs.verdicts)
    assert "r/tutor0@1 + r/tutor1@1" in (tmp_path / "payload" / "report.html").read_text()


def test_what_every_model_has_learnt_from_is_searched(inputs: dict[str, Artifact]) -> None:
    lineage = _lineage(EvaluateConfig.model_validate(CONFIG), inputs)
    assert lineage is not None
    assert set(lineage.reads) == {"r/tutor@1", "r/base@1"}
    assert _lineage(EvaluateConfig.model_validate(CONFIG | {"contamination_bytes": 0}), inputs) is None


def test_a_judge_of_the_models_own_kin_is_refused(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"q": "What?", "a": "x"}\n')
    task = tmp_path / "own.yaml"
    task.write_text("type: generate\ndata: rows.jsonl\nquestion: q\nanswer: a\nmetrics: [exact_match]\n")
    suites = [{"type": "task", "task": str(task), "judge": {"model": "judge"}}]
    with pytest.raises(
        UsageError, match=r"r/base@1 may not judge r/base@1: both come from r/base@1"
    ) as caught:
        run(inputs | {"suites.0.judge.model": inputs["baseline"]}, tmp_path / "kin", suites=suites, gates=[])
    assert "name a judge of another origin" in str(caught.value.hint)
    stranger = artifact("stranger", kind="model", step_type="pretrain", folder=inputs["model"].path)
    outputs = run(inputs | {"suites.0.judge.model": stranger}, tmp_path / "far", suites=suites, gates=[])
    record, _ = read_record(tmp_path / "far" / "payload")
    assert record.suites[0].judged is not None and outputs.metrics["comparisons"]
