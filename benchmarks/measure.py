"""What every benchmark needs: the machine as it was, robust summaries, and the result file.

A result file states the date, the command, hardware, package versions, settings, every single run, and a
summary; the tables in README.md are generated from these files (`benchmarks/figures.py`), so that no figure
is typed by hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ontogeny.core.files import write_atomic
from ontogeny.core.hardware import describe, package_versions
from ontogeny.core.seeds import numpy_generator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BOOTSTRAP_SAMPLES = 10_000
DISTURBED_CORES = 0.15  # other processes took more of the machine than this while we measured: say so

Value = str | int | float | bool | None
Json = Value | list["Json"] | dict[str, "Json"]


def summary(values: Sequence[float]) -> dict[str, Json]:
    """Median, quartiles and extremes of `values`; of fewer than three the extremes stand for the quartiles."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    if len(ordered) > 2:  # of two, `quantiles` would make up values beyond both
        low, _, high = statistics.quantiles(ordered, n=4)
    return {
        "n": len(ordered),
        "median": statistics.median(ordered),
        "quartiles": [low, high],
        "min": ordered[0],
        "max": ordered[-1],
    }


def bootstrap_median(values: Sequence[float], *, seed: int = 0) -> dict[str, Json]:
    """Median of `values` with its 95% percentile bootstrap interval (Efron 1979; 10,000 resamples)."""
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    draws = numpy_generator(seed, "bootstrap").choice(array, size=(BOOTSTRAP_SAMPLES, array.size))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return {"n": array.size, "median": float(np.median(array)), "ci95": [float(low), float(high)]}


class Neighbours:
    """How many cores processes other than ours kept busy while the `with` block ran (Linux; elsewhere None)."""

    cores: float | None = None

    def __enter__(self) -> Neighbours:
        self._before = _foreign_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        after = _foreign_seconds()
        if self._before is not None and after is not None:
            elapsed = max(after[1] - self._before[1], 1e-9)
            self.cores = round(max(after[0] - self._before[0], 0.0) / elapsed, 3)

    @property
    def disturbed(self) -> bool:
        return self.cores is not None and self.cores > DISTURBED_CORES


def _foreign_seconds() -> tuple[float, float] | None:
    """Busy processor seconds of the machine less ours and our living and dead children's; and the clock."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, irq, soft_irq, steal = (int(field) for field in fields[:8])
    busy = (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")
    ours = os.times()
    spent = ours.user + ours.system + ours.children_user + ours.children_system
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return busy - spent, time.perf_counter()


def write_result(
    name: str,
    *,
    settings: dict[str, Json],
    runs: Json,
    figures: dict[str, Json],
    keep: bool = True,
    **more: Json,
) -> None:
    """Print `figures` and write `results/<name>.json`, unless the run was only a trial (`keep` false).

    `runs` holds every single measurement in the order it was made, `figures` the claim drawn from them.
    """
    print(json.dumps(_rounded(figures), indent=2))
    if not keep:
        return
    record: dict[str, Json] = {
        "benchmark": name,
        "command": f"python -m benchmarks.{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}".strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": dict(describe()),
        "versions": dict(package_versions()),
        "settings": settings,
        "figures": figures,
        **more,
        "runs": runs,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    write_atomic(path, json.dumps(_rounded(record), indent=2, allow_nan=False) + "\n")
    print(f"written: {path.relative_to(ROOT)}")


def _rounded(value: Json) -> Json:
    """Floats to six significant digits: more than any clock here deserves."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return {key: _rounded(item) for key, item in value.items()} if isinstance(value, dict) else value
