"""Settings of the process, seen from a fresh one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
