import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from ontogeny.core import hardware
from ontogeny.core.errors import UsageError


def test_the_processor_is_always_to_be_had() -> None:
    assert hardware.resolve_device("cpu") == "cpu"


def test_auto_takes_the_processor_where_no_driver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_cuda_driver_present", lambda: False)
    assert hardware.resolve_device("auto") == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device") as caught:
        hardware.resolve_device("cuda")
    assert "TORCH_INDEX" in (caught.value.hint or "")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown device 'gpu'"):
        hardware.resolve_device("gpu")


def test_the_machine_is_described_in_json_values() -> None:
    described = hardware.describe()
    assert described["processor"]
    assert int(described["cores"]) >= 1
    assert hardware.package_versions()["ontogeny"]


def test_peak_memory_sees_an_allocation_and_starts_anew() -> None:
    # A mapping of its own goes back to the system at once, whatever the allocator keeps.
    before = hardware.peak_memory_bytes()
    size = before + (64 << 20)
    with mmap.mmap(-1, size) as block:
        np.frombuffer(block, dtype=np.uint8)[:] = 1
        grown = hardware.peak_memory_bytes()
    assert grown >= size
    hardware.reset_peak_memory()
    if sys.platform == "linux" and Path("/proc/self/clear_refs").exists():
        assert hardware.peak_memory_bytes() < grown


def test_thread_count_follows_torch() -> None:
    import torch

    assert hardware.thread_count() == torch.get_num_threads()
