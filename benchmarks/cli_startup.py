"""Claim: `ontogeny --help` takes less than 3 times as long as `python -c "import typer"`.

The two commands take turns in fresh interpreters; what counts is the wall time of a whole process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Json, bootstrap_median, summary, write_result

COMMANDS = {
    "ontogeny --help": [str(Path(sys.executable).with_name("ontogeny")), "--help"],
    "import typer": [sys.executable, "-c", "import typer"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    for command in COMMANDS.values():
        seconds_of(command)  # byte code and disk cache, once
    runs = [{name: seconds_of(command) for name, command in COMMANDS.items()} for _ in range(rounds)]
    figures: dict[str, Json] = {f"{name}, seconds": summary([run[name] for run in runs]) for name in COMMANDS}
    figures["ratio"] = bootstrap_median([run["ontogeny --help"] / run["import typer"] for run in runs])
    figures["goal"] = "ratio at most 3"
    write_result(
        "cli_startup", settings={"rounds": rounds}, runs=[dict(run) for run in runs], figures=figures
    )


def seconds_of(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
