"""Tasks that lm-evaluation-harness runs itself. Its own part needs the extra `ontogeny[lm-eval]`."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import harness, task
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.runner import Assignment, Source, evaluate
from ontogeny.evaluate.subject import ModelReader, Reader, Subject
from ontogeny.evaluate.suites import LmEvalSuite, TaskSuite
from ontogeny.inference.loading import load_model
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tasks.requests import Generate
from ontogeny.tokenizer.templates import with_template
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed (ontogeny[lm-eval])"
)
TEXTS = ["Walk a tree of folders, then walk it again.", "The folder that is worked in.", "A file: 3"]
CHOOSING = {
    "output_type": "multiple_choice", "doc_to_text": "{{q}}", "doc_to_choice": "{{c}}", "doc_to_target": "a",
    "num_fewshot": 1, "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}  # fmt: skip
READING = {
    "output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "{{q}}",
    "metric_list": [{"metric": "bits_per_byte"}],
}  # fmt: skip
WRITING = {
    "output_type": "generate_until", "doc_to_text": "{{q}}", "doc_to_target": "{{c[0]}}",
    "generation_kwargs": {"until": ["."], "max_gen_toks": 6, "do_sample": False},
    "metric_list": [{"metric": "exact_match"}],
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A tiny model in a folder, and task files that both programs read."""

    model: Path
    tasks: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("harness")
    model, tasks = root / "model", root / "tasks"
    model.mkdir()
    tasks.mkdir()
    tokenizer = with_template(train_bpe(TEXTS * 3, vocab_size=320), "chatml")
    shape = ModelShape(d_model=32, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=48, seq_len=128)
    weights = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(weights, 1, std=0.3)
    huggingface.save(weights, model)
    tokenizer.save(model)
    rows = [
        {"q": f"The folder {number} is", "c": [f"walked {number}", "worked in"], "a": number % 2}
        for number in range(12)
    ]
    for name, part in (("rows", rows[:9]), ("examples", rows[9:])):
        (tasks / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    for name, values in (("choosing", CHOOSING), ("reading", READING), ("writing", WRITING)):
        files = {"test": str(tasks / "rows.jsonl"), "train": str(tasks / "examples.jsonl")}
        splits = {"test_split": "test", "training_split": "train"}
        data = {"dataset_path": "json", "dataset_kwargs": {"data_files": files}}
        (tasks / f"{name}.yaml").write_text(json.dumps({"task": name, **splits, **data, **values}))
    return Place(model, tasks)


def subject(place: Place) -> Subject:
    return Subject("r/m@1", place.model, "blake3:m", chats=True, conversational=False)


def lm_eval_suite(place: Place, *tasks: str, **options: object) -> LmEvalSuite:
    return LmEvalSuite.model_validate({"tasks": tasks, "include_path": str(place.tasks), **options})


def scored_by_us(place: Place, reader: Reader, name: str, form: str) -> task.Scores:
    suite = TaskSuite.model_validate({"task": str(place.tasks / f"{name}.yaml"), "form": form})
    material = task.prepare(suite, limit=8, progress=QuietProgress())
    return task.score(suite, material, reader, model="r/m@1", seed=0, progress=QuietProgress())


@needs_harness
@pytest.mark.parametrize("form", ["plain", "chat"])
def test_harness_and_we_say_the_same_of_a_model(place: Place, form: str) -> None:
    reader = ModelReader(load_model(place.model), name="r/m@1")
    names = ["choosing", "writing", *(["reading"] if form == "plain" else [])]
    suite = lm_eval_suite(place, *names, form=form)
    found = harness.score(
        suite, harness.prepare(suite, limit=8), reader, subject(place), progress=QuietProgress()
    )
    theirs = {(one.part, one.metric): one for one in found.reported}
    for name in names:
        ours = scored_by_us(place, reader, name, form)
        for metric in ours.metrics:
            assert theirs[name, metric.name].value == pytest.approx(metric.value, abs=1e-4)
            assert theirs[name, metric.name].n == 8
        rows = [row for row in found.rows if row.task == name]
        for row, own in zip(rows, ours.rows, strict=True):
            assert row.outputs == own.outputs
            assert row.logprobs is None or row.logprobs == pytest.approx(own.logprobs, abs=1e-4)


@needs_harness
def test_its_results_stand_among_ours(place: Place, tmp_path: Path) -> None:
    suite = lm_eval_suite(place, "choosing")
    asked = Assignment(suite, Source(place.tasks, "choosing", harness.digest_of(suite)))
    for _ in range(2):  # the second time from what was kept
        found = evaluate(subject(place), [asked], limit=8, cache=tmp_path)
        rows = {(row.task, row.metric): row for row in found.results}
        accuracy = rows["lm-eval/choosing", "acc"]
        assert accuracy.n == 8 and accuracy.stderr is not None and accuracy.ci95 is not None
        assert found.comparisons == ()
        (scores,) = found.scores["lm-eval"].values()
        assert len(scores.rows) == 8 and scores.rows[0].choices is not None
    assert not found.seconds, "nothing was asked again"


@needs_harness
def test_a_task_that_harness_lacks_is_named(place: Place) -> None:
    suite = lm_eval_suite(place, "choosign")
    reader = ModelReader(load_model(place.model), name="r/m@1")
    with pytest.raises(UsageError, match="no task 'choosign'"):
        harness.score(
            suite, harness.prepare(suite, limit=1), reader, subject(place), progress=QuietProgress()
        )


@needs_harness
def test_a_way_of_writing_that_is_not_served_is_named() -> None:
    from ontogeny.evaluate.lm_eval import _generate

    how = {"until": ["."], "max_gen_toks": 5, "do_sample": True, "temperature": 0.5, "top_k": 3}
    assert _generate("a", how) == Generate("a", (".",), 5, 0.5, 1.0, 3)
    with pytest.raises(UsageError, match="num_beams is not served"):
        _generate("a", {"num_beams": 4})


def test_without_harness_it_says_what_to_install(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    suite = lm_eval_suite(place, "choosing")
    for ask in (lambda: harness.digest_of(suite), lambda: harness.prepare(suite, limit=1)):
        with pytest.raises(UsageError, match="not installed") as error:
            ask()
        assert "ontogeny[lm-eval]" in str(error.value.hint)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.delitem(sys.modules, "lm_eval.api.model", raising=False)
    monkeypatch.delitem(sys.modules, "ontogeny.evaluate.lm_eval", raising=False)
    with pytest.raises(UsageError, match="not installed"):
        importlib.import_module("ontogeny.evaluate.lm_eval")


def test_the_content_of_the_folder_counts_and_not_its_place(place: Place, tmp_path: Path) -> None:
    assert {path.name for path in harness.files_of(lm_eval_suite(place, "x"))} == {
        "rows.jsonl", "examples.jsonl", "choosing.yaml", "reading.yaml", "writing.yaml",
    }  # fmt: skip
    assert harness.files_of(LmEvalSuite(tasks=("x",))) == []
    with pytest.raises(UsageError, match="no folder"):
        harness.files_of(LmEvalSuite(tasks=("x",), include_path=tmp_path / "absent"))
    one, other = (
        Assignment(LmEvalSuite(tasks=("x",), include_path=path), Source(path, "x", "blake3:d"))
        for path in (place.tasks, tmp_path)
    )
    assert one.digest(None) == other.digest(None)


def test_it_is_in_no_gate() -> None:
    with pytest.raises(ValidationError, match="lm-eval/acc"):
        EvaluateConfig.model_validate(
            {
                "model": "m",
                "suites": [{"type": "lm-eval", "tasks": ["arc_easy"]}],
                "gates": [{"name": "g", "metric": "lm-eval/acc", "at_least": 0.5}],
            }
        )
