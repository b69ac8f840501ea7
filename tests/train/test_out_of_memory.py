"""Memory that runs out is told with the settings that it depends on; other errors go through as they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.train.config import TrainConfig
from ontogeny.train.out_of_memory import memory_is_a_setting

TOO_MANY = 2**58


def config(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"steps": 100, "batch_rows": 8, **settings})


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 1.00 EiB"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
    ],
)
def test_each_way_of_running_out(error: BaseException) -> None:
    told = "training does not fit into memory, with 8 rows computed"
    with pytest.raises(UsageError, match=told) as caught, memory_is_a_setting(config()):
        raise error
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2
    assert caught.value.__cause__ is error


def test_an_allocation_that_torch_cannot_make() -> None:
    with pytest.raises(UsageError, match="training does not fit into memory"), memory_is_a_setting(config()):
        torch.empty(TOO_MANY, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({}, "lower `train.micro_batch_rows`, set `train.recompute: true`, or take a smaller model"),
        ({"micro_batch_rows": 1}, "set `train.recompute: true`, or take a smaller model"),
        ({"micro_batch_rows": 1, "recompute": True}, "take a smaller model"),
    ],
)
def test_what_can_still_be_changed(settings: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError) as caught, memory_is_a_setting(config(**settings)):
        raise MemoryError
    assert caught.value.hint == hint


def test_other_errors_go_through() -> None:
    with pytest.raises(RuntimeError, match="a shape is wrong"), memory_is_a_setting(config()):
        raise RuntimeError("a shape is wrong")
