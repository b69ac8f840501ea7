"""Phases that cannot be meant are refused where they are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.finetune.step import FinetuneConfig
from ontogeny.lineage.fingerprint import material
from ontogeny.train.config import TrainConfig


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([{"batch_rows": 8}], "one phase is the whole run: give what it sets to `train` itself"),
        ([{"until": 4}, {}], "phase 2 changes nothing: leave it out"),
        ([{"until": 4}, {"until": 8}, {"seq_len": 8}], "phase 2 changes nothing: leave it out"),
        ([{"until": 4, "batch_rows": 8}, {"batch_rows": 8}], "phase 2 changes nothing: leave it out"),
        ([{"until": 4}, {"batch_rows": 16}], "phase 2 changes nothing: leave it out"),
        ([{"until": 4, "lr_factor": 2}, {"lr_factor": 2}], "phase 2 changes nothing: leave it out"),
        ([{}, {"batch_rows": 8}], "phase 1 needs `until`, its last step"),
        ([{"until": 4}, {"batch_rows": 8, "until": 20}], r"leave `until` \(20\) out of the last phase"),
        ([{"until": 4}, {"until": 4, "batch_rows": 8}, {"batch_rows": 2}],
         "phase 2 ends with step 4, and the one before it with 4"),
        ([{"until": 20}, {"batch_rows": 8}], "nothing is left for the last phase after step 20: `steps` is 20"),
        ([{"until": 4}, {"rope_scaling": {"kind": "yarn", "factor": 2}}], "yarn needs original_seq_len"),
        ([{"until": 4}, {"rows": 8}], "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_is_refused(phases: list[dict[str, Any]], message: str) -> None:
    settings = {"steps": 20, "schedule": {"warmup_steps": 2}, "phases": phases}
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate(settings)


def test_phases_end_after_steps() -> None:
    phases = [{"until": 4}, {"batch_rows": 8}]
    with pytest.raises(ValidationError, match="`phases` need `steps` instead of `epochs`"):
        TrainConfig.model_validate({"epochs": 2, "phases": phases})


def test_all_rows_of_the_largest_batch_at_once_where_nothing_is_said() -> None:
    phases = [{"until": 40, "batch_rows": 4}, {"batch_rows": 32}]
    config = TrainConfig.model_validate({"steps": 50, "phases": phases})
    assert config.rows_at_once == 32
    assert config.model_copy(update={"micro_batch_rows": 8}).rows_at_once == 8


def test_batches_are_those_of_the_phases() -> None:
    phases = [{"until": 4, "batch_rows": 4}, {"until": 8, "seq_len": 64}, {"batch_rows": 32}]
    config = TrainConfig.model_validate({"steps": 50, "phases": phases})
    assert config.batches == [4, 4, 32]
    assert TrainConfig.model_validate({"steps": 50}).batches == [16]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"processes": 6}, r"`batch_rows` of phase 1 \(4\) is fewer than the 6 processes that share a batch"),
        (
            {"micro_batch_rows": 64},
            r"`micro_batch_rows` \(64\) has no effect, since no batch has more than 32 rows",
        ),
        ({"micro_batch_rows": 5}, r"`micro_batch_rows` \(5\) must divide `batch_rows` \(32\)"),
        (
            {"average": {"fraction": 0.5}, "phases": [{"until": 40, "batch_rows": 4}, {"rope_base": 1e6}]},
            "`average` begins with step 26, and phase 2 changes RoPE after step 40: lower `average.fraction`",
        ),
    ],
)
def test_what_does_not_fit_a_phase(settings: dict[str, Any], message: str) -> None:
    phases = [{"until": 4, "batch_rows": 4}, {"batch_rows": 32}]
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate({"steps": 50, "phases": phases, **settings})


def test_a_phase_may_have_fewer_rows_than_are_computed_at_once() -> None:
    phases = [{"until": 4, "batch_rows": 4}, {"batch_rows": 32}]
    assert (
        TrainConfig.model_validate({"steps": 50, "phases": phases, "micro_batch_rows": 8}).rows_at_once == 8
    )


def test_phases_and_masks_are_part_of_the_fingerprint() -> None:
    plain = TrainConfig.model_validate({"steps": 50})
    assert not {"phases", "document_mask"} & set(material(plain))
    phased = plain.model_copy(update={"document_mask": True})
    assert material(phased)["document_mask"] is True


@pytest.mark.parametrize("settings", [{"document_mask": True}, {"phases": [{"until": 4}, {"batch_rows": 8}]}])
def test_tuning_on_conversations_has_no_packed_rows(settings: dict[str, Any]) -> None:
    train = {"steps": 20, "schedule": {"warmup_steps": 2}, **settings}
    with pytest.raises(ValidationError, match="`phases` and `document_mask` are for packed rows"):
        FinetuneConfig.model_validate(
            {"step": "finetune", "model": "a", "task": "instruct", "data": "b", "train": train}
        )
