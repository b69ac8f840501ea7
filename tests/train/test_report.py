"""The page about a training: what it shows, and that nothing on it depends on time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.report import cuts, lowest_of, where_it_turned, write_training_report

FIGURES: dict[str, Any] = {
    "steps": 40, "tokens": 4000, "parameters": 1000, "trainable_parameters": 1000, "held_out_bits_per_byte": 2.05,
    "tokens_per_second": 123_456.0, "seconds": 9876.5, "peak_memory_bytes": 777_777_777, "flops": 2.5e9,
}  # fmt: skip


def line(step: int, **more: float) -> dict[str, float]:
    return {"step": step, "tokens": 100 * step, "loss": 5 / step, "lr": 0.001, "grad_norm": 1.0, **more}


@pytest.fixture
def write(tmp_path: Path, documents: DocumentSpans) -> Any:
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=40, seed=1)

    def write(lines: list[dict[str, float]], snapshots: Any = (), **figures: Any) -> str:
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
        (tmp_path / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"], "hidden_size": 64}')
        write_training_report(
            tmp_path,
            title="Pretraining",
            settings={"step": "pretrain"},
            figures=FIGURES | figures,
            plan=plan,
            snapshots=snapshots,
        )
        return (tmp_path / "report.html").read_text()

    return write


def test_what_the_page_shows(write: Any) -> None:
    lines = [line(step, **({"held_out_loss": 3.25} if step % 10 == 0 else {})) for step in range(1, 41)]
    page = write(lines, snapshots=[20, 10])
    for said in (
        "2.050",
        "Each step read 100 tokens",
        "held out",
        "3.250",
        "norm of the gradient",
        "2.5G",
        "Qwen3",
    ):
        assert said in page, said
    assert "of the steps 10, 20." in page
    assert "updates skipped" not in page


def test_no_time_no_rate_and_no_memory(write: Any) -> None:
    lines = [line(step) for step in range(1, 41)]
    assert write(lines) == write(lines, tokens_per_second=1.0, seconds=2.0, peak_memory_bytes=3)


def test_steps_of_unequal_size_are_shown_by_tokens_too(write: Any) -> None:
    lines = [line(step) | {"tokens": 100 * step**2} for step in range(1, 41)]
    assert "By tokens, which steps read unequally many of." in write(lines)


def test_an_early_end_skipped_updates_and_the_best_weights_are_told(write: Any) -> None:
    lines = [line(step, **({"skipped": 3} if step > 5 else {})) for step in range(1, 41)]
    page = write(lines, ended="the loss rose", steps=30, steps_run=40)
    for said in (
        "The run ended after step 40: the loss rose.",
        "the best of 40",
        "3 updates skipped as outliers",
    ):
        assert said in page, said


def test_a_mixture_is_shown_by_source_and_phase(write: Any) -> None:
    mixture = [
        {"source": "web", "tokens": 3000, "tokens_by_phase": [2500, 500], "share": 0.75, "epochs": 1.5},
        {"source": "<books>", "tokens": 1000, "tokens_by_phase": [0, 1000], "share": 0.25, "epochs": 0.5},
    ]
    page = write([line(1), line(2)], mixture=mixture)
    for said in ("&lt;books&gt;", "75.0%", "1.50", "phase 2", "2,500"):
        assert said in page, said


def test_one_line_is_enough(write: Any) -> None:
    assert "Pretraining" in write([line(1)])


def test_cuts_are_counted_where_a_document_goes_on(documents: DocumentSpans) -> None:
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=3, seed=1)
    expected = 0
    for place in range(len(plan.row) - 1):
        same = plan.document[place] == plan.document[place + 1]
        expected += bool(same and plan.row[place] != plan.row[place + 1])
    assert cuts(plan) == expected > 0


def measured(*losses: float) -> list[dict[str, float]]:
    return [{"step": 10.0 * (n + 1), "loss": 1.0, "held_out_loss": loss} for n, loss in enumerate(losses)]


def test_where_the_held_out_loss_turned_is_said_in_words() -> None:
    turned = where_it_turned(measured(3.0, 2.0, 2.5), published=30)
    assert turned.startswith("The held-out loss fell until step 20 and was 25.0% higher at step 30:")
    assert turned.endswith("`keep: {best: true}` publishes the weights of step 20.")
    assert where_it_turned(measured(3.0, 2.0, 2.5), published=20).endswith(
        "The model has the weights of step 20."
    )
    assert "at step 30: it had not turned up" in where_it_turned(measured(3.0, 2.0, 1.5), published=30)


def test_the_lowest_is_a_point_of_its_own() -> None:
    point = lowest_of(measured(3.0, 2.0, 2.5), "step")
    assert (point.label, point.x, point.y) == ("lowest, step 20", [20.0], [2.0])
