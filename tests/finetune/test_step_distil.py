"""The step `finetune` with a teacher: a whole life of it on tiny models, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.finetune.step import FINETUNE, FinetuneConfig
from ontogeny.inference.loading import load_model
from ontogeny.lineage.step import Context, Outputs, references
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.finetune.test_step import SETTINGS, inputs  # noqa: F401 (a fixture)
from tests.finetune.test_step_adapters import LORA, Notes
from tests.random_weights import randomise

DISTIL = {"teacher": "wise"}


def save_teacher(folder: Path, tokenizer: Tokenizer, *, seq_len: int = 64, rows: int = 0) -> None:
    """A teacher that is sure of something, with `rows` more in its tables than there are tokens."""
    shape = ModelShape(d_model=24, n_layers=2, n_heads=2, d_ff=32, seq_len=seq_len)
    model = Transformer(shape.resolve(tokenizer.vocab_size + rows))
    randomise(model, 2, std=0.3)
    huggingface.save(model, folder, tokenizer=tokenizer)


@pytest.fixture
def place(tmp_path: Path, inputs: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:  # noqa: F811
    """The inputs of a tuning, and a teacher."""
    save_teacher(tmp_path / "wise", tokenizer, rows=3)
    wise = SimpleNamespace(path=tmp_path / "wise", name="tiny/wise@1", kind="model", digest="blake3:wise")
    return {**inputs, "distil.teacher": wise}


def run(folder: Path, place: dict[str, Any], notes: Notes | None = None, **change: Any) -> Outputs:
    distil = {**DISTIL, **change.pop("distil", {})}
    config = FinetuneConfig.model_validate({**SETTINGS, "task": "distil", "distil": distil, **change})
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    return FINETUNE.run(config, place, Context(payload, scratch, 5, "cpu", notes or Notes()))


def test_a_student_and_its_story(tmp_path: Path, place: dict[str, Any]) -> None:
    notes = Notes()
    metrics = run(tmp_path / "out", place, notes, general="corpus").metrics
    payload = tmp_path / "out" / "payload"
    assert metrics["held_out_divergence"] < 0.7 * metrics["held_out_divergence_before"]
    assert metrics["teacher_held_out_loss"] > 0
    assert {"held_out_loss_before", "held_out_loss", "general_bits_per_byte", "peak_memory_bytes"} <= set(
        metrics
    )
    assert "flops_utilisation" not in metrics  # the teacher's work is not in it
    assert metrics["trainable_parameters"] == metrics["parameters"]
    assert any("teacher     tiny/wise@1" in line and "beside the student's" in line for line in notes.lines)
    load_model(payload, "cpu")
    lines = [json.loads(line) for line in (payload / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] == pytest.approx(metrics["loss"])
    page = (payload / "report.html").read_text()
    assert "Student and teacher" in page
    assert "Divergence from the teacher, KL(teacher, student) on what was read" in page


def test_its_teacher_is_an_input(place: dict[str, Any]) -> None:
    config = FinetuneConfig.model_validate({**SETTINGS, "task": "distil", "distil": DISTIL})
    assert ("distil.teacher", "wise") in [(each.role, each.name) for each in references(config)]


@pytest.mark.parametrize(
    "distil",
    [
        {"divergence": "jsd", "beta": 0.2, "temperature": 2.0, "top_tokens": 6, "labels_weight": 0.1},
        {"divergence": "reverse-kl", "own_samples": {"share": 0.5, "max_tokens": 5}},
    ],
)
def test_a_resumed_step_tells_the_same(
    tmp_path: Path, place: dict[str, Any], distil: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path / "out", place, distil=distil).metrics
    weights = (tmp_path / "out" / "payload" / "model.safetensors").read_bytes()
    (tmp_path / "out" / "payload").rename(tmp_path / "lost")  # killed after training, before it was published
    if "top_tokens" in distil:  # all that it is asked for is there already
        monkeypatch.setattr(Teacher, "model", property(lambda _: pytest.fail("the teacher was read again")))
    again = run(tmp_path / "out", place, distil=distil).metrics
    assert (tmp_path / "out" / "payload" / "model.safetensors").read_bytes() == weights
    for name in (
        "held_out_loss",
        "held_out_divergence_before",
        "held_out_divergence",
        "teacher_held_out_loss",
    ):
        assert again[name] == first[name]
    assert first.get("own_sample_steps", 0) == (0 if "top_tokens" in distil else again["own_sample_steps"])


@pytest.mark.parametrize("method", [LORA, {"type": "last-blocks", "blocks": 1}])
def test_a_part_of_the_student_is_trained(
    tmp_path: Path, place: dict[str, Any], method: dict[str, Any]
) -> None:
    train = {**SETTINGS["train"], "optimizer": {"lr": 0.05}}
    metrics = run(tmp_path / "out", place, method=method, train=train).metrics
    assert metrics["held_out_divergence"] < metrics["held_out_divergence_before"]
    assert metrics["trainable_parameters"] < metrics["parameters"]


def test_weights_between_student_and_result(tmp_path: Path, place: dict[str, Any]) -> None:
    metrics = run(
        tmp_path / "out", place, general="corpus", interpolation={"alphas": [0.5], "take": 0.5}
    ).metrics
    assert metrics["held_out_divergence"] < metrics["held_out_divergence_before"]


def test_a_teacher_with_other_tokens(tmp_path: Path, place: dict[str, Any]) -> None:
    save_teacher(tmp_path / "stranger", train_bpe(["some other words, often repeated"] * 20, vocab_size=290))
    place["distil.teacher"].path = tmp_path / "stranger"
    with pytest.raises(UsageError, match="the teacher tiny/wise@1 has another tokenizer than the student"):
        run(tmp_path / "out", place)


def test_a_teacher_with_a_shorter_context(
    tmp_path: Path, place: dict[str, Any], tokenizer: Tokenizer
) -> None:
    save_teacher(tmp_path / "short", tokenizer, seq_len=32)
    place["distil.teacher"].path = tmp_path / "short"
    with pytest.raises(UsageError, match="tiny/wise@1 reads 32 tokens, and rows may have 64") as caught:
        run(tmp_path / "out", place)
    assert caught.value.hint == "set `train.seq_len` to at most 32"


def test_a_teacher_that_writes_conversations_otherwise(
    tmp_path: Path, place: dict[str, Any], tokenizer: Tokenizer
) -> None:
    save_teacher(tmp_path / "other", tokenizer.with_chat_template("{{ messages }}"))
    place["distil.teacher"].path = tmp_path / "other"
    notes = Notes()
    run(tmp_path / "out", place, notes)
    assert any("which is not the way of tiny/wise@1" in line for line in notes.lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distil": None}, "`task: distil` needs a teacher"),
        ({"task": "instruct"}, "`distil` has no effect on `task: instruct`"),
        ({"distil": {**DISTIL, "beta": 0.5}}, "`beta` has no effect on `divergence: forward-kl`"),
        (
            {"distil": {**DISTIL, "own_samples": {"share": 1.0}, "labels_weight": 0.5}},
            "`labels_weight` is about the data's answers, which no step reads with `own_samples.share: 1`",
        ),
        (
            {"distil": {**DISTIL, "own_samples": {"share": 1.0}, "top_tokens": 5}},
            "`top_tokens` is about the data's answers",
        ),
        ({"train": {**SETTINGS["train"], "z_loss": 0.1}}, "`train.z_loss` is not for `task: distil`"),
        ({"train": {**SETTINGS["train"], "processes": 2}}, "`task: distil` trains in one process"),
        ({"learning_curve": True}, "`learning_curve` is not for `task: distil`"),
    ],
)
def test_settings_that_do_not_go_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FinetuneConfig.model_validate({**SETTINGS, "task": "distil", "distil": DISTIL, **change})
