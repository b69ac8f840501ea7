"""Run every benchmark that needs no data of the user's, one after the other, and refresh the table in README.md.

Arguments name those wanted. Those of curation and of tokenizers are not among them: they read a folder of texts that is
given with `--data`, and the table says the command of each.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import ROOT

BENCHMARKS = ("cli_startup", "demo", "overhead", "pretrain_throughput", "lifecycle_kills")


def main() -> None:
    wanted = sys.argv[1:] or BENCHMARKS
    failed = [name for name in wanted if not run(name)]
    subprocess.run([sys.executable, "-m", "benchmarks.figures", "--write"], cwd=ROOT, check=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(name: str) -> bool:
    print(f"== {name}", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    main()
