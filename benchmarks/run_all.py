"""Run benchmarks one after the other, and refresh the tables in README.md.

python -m benchmarks.run_all                        those that need no data of the user's
python -m benchmarks.run_all --data ../shared/data  and those that read a folder of texts
python -m benchmarks.run_all NAME ...               those named
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import ROOT

ALONE: dict[str, tuple[str, ...]] = {
    "cli_startup": (),
    "demo": (),
    "overhead": (),
    "pretrain_throughput": ("--size", "10m-16k"),
    "checkpoint_cost": (),
    "lifecycle_kills": (),
    "gguf_fuzz": (),
    "rules_datatrove": (),
}
"""What runs without data, with the arguments whose results the tables show."""
WITH_DATA = (
    *("curate_end_to_end", "dedup_quality", "dedup_speed", "decontamination", "extraction"),
    *("classifier_quality", "language_quality", "pii_quality"),
    *("tokenizer_encode", "tokenizer_train", "time_to_loss"),
    *("finetune_accuracy", "finetune_speed", "qlora"),
    *("evaluate_parity", "evaluate_speed"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join((*ALONE, *WITH_DATA))}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="texts, for those that read them")
    wanted = parser.parse_args()
    try:
        commands = commands_for(wanted.names, wanted.data)
    except ValueError as error:
        parser.error(str(error))
    failed = [name for name, arguments in commands.items() if not run(name, arguments)]
    subprocess.run([sys.executable, "-m", "benchmarks.figures", "--write"], cwd=ROOT, check=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def commands_for(names: Sequence[str], data: Path | None) -> dict[str, tuple[str, ...]]:
    """The arguments of each benchmark that is wanted; of all that can run where none is named.

    Raises:
        ValueError: there is no such benchmark, or it needs data.
    """
    known = dict(ALONE)
    if data is not None:
        known |= {name: ("--data", str(data)) for name in WITH_DATA}
    for name in names:
        if name not in (*ALONE, *WITH_DATA):
            raise ValueError(f"no benchmark {name!r}; there is {', '.join((*ALONE, *WITH_DATA))}")
        if name not in known:
            raise ValueError(f"{name} reads texts: give --data DIR, a folder of them")
    return {name: known[name] for name in names or known}


def run(name: str, arguments: Sequence[str]) -> bool:
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    main()
