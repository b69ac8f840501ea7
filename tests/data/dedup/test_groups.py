"""The groups of signals that copies are looked for by."""

from __future__ import annotations

import subprocess
import sys

from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.texts import Texts

PROGRAM = """
import sys
from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.near import NearDedup
assert [group.columns for group in near_groups(NearDedup())] == [("minhash",), ("samples",)]
assert "numba" not in sys.modules
"""


def test_groups_are_told_apart_by_their_parameters() -> None:
    usual, other = NearDedup(), NearDedup(n_gram=3, bands=5, rows=4, containment=None)
    assert near_groups(usual)[0].name != near_groups(other)[0].name
    (minhash,) = near_groups(other)
    assert minhash.compute(Texts.of(["a b c d"]))["minhash"].shape == (1, 20)  # type: ignore[union-attr]


def test_a_process_that_asks_for_their_names_loads_no_compiled_code() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
