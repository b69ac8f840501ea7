"""The step `finetune`: what it refuses, and a whole life of it on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune import self_replay
from ontogeny.finetune.step import FINETUNE, FinetuneConfig
from ontogeny.inference.loading import load_model
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.lineage.step import Context, Outputs
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.packing import PackingPlan
from ontogeny.train.seen import documents_seen
from tests.random_weights import randomise

Examples = list[tuple[str, list[dict[str, str]]]]
SETTINGS: dict[str, Any] = {
    "model": "base",
    "task": "instruct",
    "data": "questions",
    "train": {
        "epochs": 4,
        "batch_rows": 4,
        "schedule": {"warmup_steps": 2},
        "optimizer": {"lr": 0.02},
        "checkpoint_seconds": 0,
    },
}
GENERAL_TEXT = "a list of names and one number"


@pytest.fixture
def inputs(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> dict[str, Any]:
    """A base model, thirty examples of which eight are held out, and a corpus."""
    base, questions, corpus = (tmp_path / name for name in ("base", "questions", "corpus"))
    for folder in (questions, corpus):
        folder.mkdir()
    model = Transformer(
        ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=64).resolve(tokenizer.vocab_size)
    )
    randomise(model, 1)
    huggingface.save(model, base, tokenizer=tokenizer)
    rows = {
        "doc_id": [doc_id for doc_id, _ in examples],
        "split": ["held_out" if number < 8 else "train" for number in range(30)],
        "messages": [messages for _, messages in examples],
    }
    pq.write_table(pa.table(rows), questions / "part-00000.parquet")
    pq.write_table(
        pa.table({"split": ["held_out"], "group": ["g"], "text": [GENERAL_TEXT]}),
        corpus / "part-00000.parquet",
    )
    return {
        "model": SimpleNamespace(path=base, name="tiny/base@1", kind="model", digest="blake3:base"),
        "data": SimpleNamespace(
            path=questions, name="tiny/questions@1", kind="examples", digest="blake3:questions"
        ),
        "general": SimpleNamespace(path=corpus, name="tiny/corpus@1", kind="corpus", digest="blake3:corpus"),
    }


def run(folder: Path, inputs: dict[str, Any], **change: Any) -> Outputs:
    config = FinetuneConfig.model_validate({**SETTINGS, **change})
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    return FINETUNE.run(config, inputs, Context(payload, scratch, 5, "cpu", QuietProgress()))


def test_a_tuned_model_and_its_story(tmp_path: Path, inputs: dict[str, Any], examples: Examples) -> None:
    outputs = run(tmp_path / "out", inputs, general="corpus")
    payload = tmp_path / "out" / "payload"
    assert {path.name for path in payload.iterdir()} >= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "packing.parquet", "metrics.jsonl",
    }  # fmt: skip
    metrics = outputs.metrics
    assert metrics["held_out_loss"] < 0.6 * metrics["held_out_loss_before"]
    for name, folder in (
        ("general_bits_per_byte_before", inputs["model"].path),
        ("general_bits_per_byte", payload),
    ):
        loaded = load_model(folder, "cpu")
        assert metrics[name] == pytest.approx(
            bits_per_byte(loaded.model, loaded.tokenizer, [GENERAL_TEXT]).value
        )
    assert (metrics["examples"], metrics["held_out_examples"]) == (22, 8)
    assert (metrics["truncated"], metrics["without_answer"]) == (0, 0)
    assert metrics["trainable_parameters"] == metrics["parameters"]
    assert metrics["supervised_tokens_per_second"] > 0
    assert metrics["peak_memory_bytes"] > 0
    lines = [json.loads(line) for line in (payload / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == metrics["steps"] == 22
    # Only training examples were read, each in every epoch.
    seen = documents_seen(PackingPlan.load(payload / "packing.parquet"))
    assert sorted(document.doc_id for document in seen) == [doc_id for doc_id, _ in examples[8:]]


def test_a_batch_of_more_examples_than_there_are_is_refused(tmp_path: Path, inputs: dict[str, Any]) -> None:
    train = {**SETTINGS["train"], "batch_rows": 23}
    with pytest.raises(
        UsageError, match="a batch has 23 rows of one example each, but there are only 22"
    ) as caught:
        run(tmp_path / "out", inputs, train=train)
    assert caught.value.hint == "lower `train.batch_rows` to at most 22, or bring more examples"


def test_memory_that_runs_out_is_a_matter_of_settings(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("ontogeny.finetune.instruct.train", run_out)
    with pytest.raises(UsageError, match="training does not fit into memory, with 4 rows computed at once"):
        run(tmp_path / "out", inputs)


def test_without_general_text(tmp_path: Path, inputs: dict[str, Any]) -> None:
    del inputs["general"]
    metrics = run(tmp_path / "out", inputs).metrics
    assert metrics["general_bits_per_byte"] is None
    assert metrics["general_bits_per_byte_before"] is None


def test_a_resumed_step_tells_the_same(tmp_path: Path, inputs: dict[str, Any]) -> None:
    first = run(tmp_path / "out", inputs, general="corpus").metrics
    weights = (tmp_path / "out" / "payload" / "model.safetensors").read_bytes()
    (tmp_path / "out" / "payload").rename(tmp_path / "lost")  # killed after training, before it was published
    again = run(tmp_path / "out", inputs, general="corpus").metrics
    assert (tmp_path / "out" / "payload" / "model.safetensors").read_bytes() == weights
    for name in (
        "held_out_loss_before",
        "held_out_loss",
        "general_bits_per_byte_before",
        "general_bits_per_byte",
    ):
        assert again[name] == first[name]


def test_what_the_model_made_up_lies_beside_it(
    tmp_path: Path, inputs: dict[str, Any], examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [(f"self-{number:06d}", messages) for number, (_, messages) in enumerate(examples[:3])]
    monkeypatch.setattr(self_replay, "made_up", lambda *_, **__: own)
    metrics = run(tmp_path / "out", inputs, self_replay=True, replay_share=0.1).metrics
    assert (metrics["examples"], metrics["replayed_examples"]) == (22, 3)
    payload = tmp_path / "out" / "payload"
    lines = (payload / "self_replay.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"doc_id": name, "messages": said} for name, said in own]
    seen = {document.doc_id for document in documents_seen(PackingPlan.load(payload / "packing.parquet"))}
    assert {name for name, _ in own} <= seen


def test_a_longer_row_than_the_context_is_refused(tmp_path: Path, inputs: dict[str, Any]) -> None:
    with pytest.raises(
        UsageError, match=r"`train.seq_len` \(65\) is longer than the model's context \(64\)"
    ) as caught:
        run(tmp_path / "out", inputs, train={**SETTINGS["train"], "seq_len": 65})
    assert caught.value.hint == "lower it to at most 64"


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(ValidationError, match="`general_max_bytes` has no effect without `general`"):
        FinetuneConfig.model_validate({**SETTINGS, "general_max_bytes": 100})
