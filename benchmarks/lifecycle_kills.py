"""Claim: SIGKILL at any instant costs nothing but time.

The smoke recipe is killed 200 times at random moments and started again. Every life that ends has weights bitwise equal
to those of a run that was never killed, and `ontogeny verify` finds nothing. A life is one workspace, from empty to
done. The benchmark itself may be killed: started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, ROOT, summary, write_result
from benchmarks.recipe_runs import ONTOGENY, run, start, steps_of
from ontogeny.core.files import write_atomic
from ontogeny.core.seeds import numpy_generator

STATE = RESULTS / "lifecycle_kills.partial.json"
LONGEST_SHARE = (
    0.5  # a kill comes within this share of an undisturbed run: several kills a life, through all steps
)
KILLED = -signal.SIGKILL


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="recipes/smoke.yaml")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    wanted = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    state = load_state(vars(wanted)) or begin(vars(wanted))
    while len(state["kills"]) < wanted.kills:
        live_once(state)
        write_atomic(STATE, json.dumps(state))
    during = Counter(kill["during"] for kill in state["kills"])
    write_result(
        "lifecycle_kills",
        settings=dict(vars(wanted)),
        runs={"kills": state["kills"], "lives": state["lives"]},
        figures={
            "kills": len(state["kills"]),
            "lives": len(state["lives"]),
            "lives with the same weights": sum(life["same"] for life in state["lives"]),
            "lives with a clean verify": sum(life["clean"] for life in state["lives"]),
            "kills during": dict(during),
            "undisturbed run, seconds": state["seconds"],
            "seconds until the kill": summary([kill["after_seconds"] for kill in state["kills"]]),
            "goal": "every life ends with the same weights",
        },
        keep=wanted.kills == parser.get_default("kills"),
    )
    STATE.unlink()


def load_state(settings: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier attempt with the same settings has done; None if there is nothing."""
    if not STATE.exists():
        return None
    state: dict[str, Any] = json.loads(STATE.read_bytes())
    return state if state["settings"] == settings else None


def begin(settings: dict[str, Any]) -> dict[str, Any]:
    """The run that nobody disturbs."""
    with tempfile.TemporaryDirectory() as folder:
        finished = run(settings["recipe"], Path(folder))
    print(f"undisturbed: {finished.seconds:.1f} s", flush=True)
    return {
        "settings": settings,
        "seconds": finished.seconds,
        "steps": [step.name for step in finished.steps],
        "weights": {step.name: step.weights_digest for step in finished.steps if step.weights_digest},
        "kills": [],
        "lives": [],
    }


def live_once(state: dict[str, Any]) -> None:
    """One workspace from empty to done, killed again and again on the way; adds to `state` only when it is over."""
    kills: list[dict[str, Any]] = []
    workspace = Path(tempfile.mkdtemp())
    try:
        while True:
            number = len(state["kills"]) + len(kills)
            moments = numpy_generator(state["settings"]["seed"], "kill", number)
            delay = float(moments.uniform(0, LONGEST_SHARE * state["seconds"]))
            if number >= state["settings"]["kills"]:
                delay = float("inf")  # enough killed: let the last life end
            output = start_and_kill(state["settings"]["recipe"], workspace, delay)
            if output is not None:
                break
            during = unfinished(state["steps"], workspace)
            kills.append({"after_seconds": delay, "during": during})
            print(f"kill {number + 1} after {delay:.1f} s, during {during}", flush=True)
        steps = steps_of(json.loads(output), workspace)
        weights = {step.name: step.weights_digest for step in steps if step.weights_digest}
        verify = [str(ONTOGENY), "verify", "--workspace", str(workspace), "--json"]
        clean = subprocess.run(verify, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    same = weights == state["weights"]
    print(
        f"life {len(state['lives']) + 1}: {len(kills)} kills, weights {'the same' if same else 'DIFFERENT'}",
        flush=True,
    )
    state["kills"] += kills
    state["lives"].append({"kills": len(kills), "same": same, "clean": clean})


def start_and_kill(recipe: str, workspace: Path, delay: float) -> str | None:
    """Start a run and kill it after `delay` seconds; what it printed if it ended before that.

    Raises:
        SystemExit: it ended by itself, and not well.
    """
    process = start(recipe, workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started = time.monotonic()
    try:
        output, errors = process.communicate(timeout=None if delay == float("inf") else delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
    if process.returncode == KILLED:
        return None
    if process.returncode != 0:
        after = time.monotonic() - started
        raise SystemExit(
            f"exit code {process.returncode} after {after:.1f} s; workspace {workspace}\n{errors}"
        )
    return output


def unfinished(steps: list[str], workspace: Path) -> str:
    """The first step that has published nothing yet."""
    published = {path.name.split("@")[0] for path in workspace.glob("artifacts/*/*@*")}
    return next((step for step in steps if step not in published), "the end")


if __name__ == "__main__":
    main()
