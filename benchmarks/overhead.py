"""What manifests and the ledger cost beside a step's own work, step by step, over several runs of one recipe.

The claim (under 1%) is about the demo and stands in `demo.json`; the smoke recipe, whose steps take seconds,
shows the cost in absolute terms and how much it varies.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.demo import described
from benchmarks.measure import Json, Neighbours, summary, write_result
from benchmarks.recipe_runs import run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="recipes/smoke.yaml")
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args()
    runs = []
    with Neighbours() as neighbours:
        for _ in range(wanted.runs):
            with tempfile.TemporaryDirectory() as folder:
                runs.append(run(wanted.recipe, Path(folder)))
    shares = [sum(s.overhead_seconds for s in one.steps) / sum(s.seconds for s in one.steps) for one in runs]
    per_step: dict[str, Json] = {
        step.name: statistics.median(one.steps[place].overhead_seconds for one in runs)
        for place, step in enumerate(runs[0].steps)
    }
    write_result(
        "overhead",
        settings=dict(vars(wanted)),
        runs=[described(one) for one in runs],
        figures={"share of all steps": summary(shares), "median seconds of each step": per_step},
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


if __name__ == "__main__":
    main()
