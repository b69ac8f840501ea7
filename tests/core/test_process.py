"""Settings of the process, seen from a fresh one."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ontogeny.core.process import WHOLE_MEMORY

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


NO_PANDAS = """
import sys
from ontogeny.core.process import keep_arrow_from_pandas
keep_arrow_from_pandas()
import numpy as np, pyarrow as pa
table = pa.table({"a": pa.array(np.arange(3))})
assert table.take(np.array([2])).column("a").to_numpy().tolist() == [2]
assert pa.array(["b"]).to_numpy(zero_copy_only=False).tolist() == ["b"]
assert "pandas" not in sys.modules
import pandas
assert pandas.mine
"""


def test_arrow_looks_for_no_pandas_and_others_find_it(tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("mine = True\n")
    run_with = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", NO_PANDAS], capture_output=True, text=True, check=False, env=run_with
    )
    assert done.returncode == 0, done.stderr


HAS_ARROW = """
import sys
import pyarrow as pa, numpy as np
from ontogeny.core.process import keep_arrow_from_pandas
asked = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        asked.append(name)
sys.meta_path.insert(0, Watch())
keep_arrow_from_pandas()
assert asked == []
pa.array(np.zeros(1))
assert "pandas" in asked
"""


def test_a_process_that_has_loaded_arrow_itself_is_left_alone() -> None:
    done = subprocess.run([sys.executable, "-c", HAS_ARROW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


STARTS_ANEW = """
import os, sys
from ontogeny.core.process import start_with_whole_memory
start_with_whole_memory()
print(os.getpid(), os.environ["GLIBC_TUNABLES"], *sys.argv[1:], sep="|")
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="another C library")
@pytest.mark.parametrize(
    ("given", "found"),
    [(None, WHOLE_MEMORY["GLIBC_TUNABLES"]), ("glibc.malloc.arena_max=2", "glibc.malloc.arena_max=2")],
    ids=["anew", "a setting of the user's stays"],
)
def test_a_program_starts_anew_with_whole_memory(given: str | None, found: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in WHOLE_MEMORY}
    if given is not None:
        environment["GLIBC_TUNABLES"] = given
    command = [sys.executable, "-c", STARTS_ANEW, "run", "a recipe.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.communicate()[0].strip() == f"{process.pid}|{found}|run|a recipe.yaml"
