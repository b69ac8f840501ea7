"""Settings of the process, seen from a fresh one."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import torch
from ontogeny.core.process import prepare_process
prepare_process()
tiny = torch.full((2_000_000,), 1e-30)  # enough for every thread
assert float((tiny * 1e-10).max()) == 0.0
"""


def test_denormal_numbers_are_zero_in_every_thread() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
