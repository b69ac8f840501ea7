"""Claims: checkpoints cost less than 2% of training at 30M parameters, and a killed run is ready again in 5 seconds.

Ours alone, the loop that `pretrain` uses, on random tokens. A checkpoint is written as often as by default; what it
costs is the time in its hook, and what the steps that follow it take longer than the median of the others, for it goes
on to the disk beside them. Then the run is begun anew in another process from what it left: ready is when its first
step begins, counted from the start of that process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.measure import ROOT, Json, Neighbours, summary, write_result
from benchmarks.our_pretraining import NEVER_S, RandomTokens, packing_plan
from benchmarks.peers.pretrain_job import BETAS, CLIP_NORM, LEARNING_RATE, WEIGHT_DECAY, Job
from benchmarks.pretrain_throughput import SIZES

GOAL_SHARE, GOAL_SECONDS = 0.02, 5.0
AFTER = 2  # steps beside which a checkpoint may still be on its way to the disk


class Times:
    """A hook that notes when steps end; `between` is told apart by its place before or after the checkpoint."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.ends: list[float] = []

    def after_step(self, state: object, result: object) -> None:
        """Note the seconds of the step, and the moment."""
        self.steps.append(result.seconds)  # type: ignore[attr-defined]
        self.ends.append(time.perf_counter())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="30m", help="tiny only shows that everything runs")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument(
        "--every", type=float, help="seconds from one checkpoint to the next, else as by default"
    )
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    job = Job(**SIZES[wanted.size], accumulate=1, threads=2)
    if wanted.resume is not None:
        print(json.dumps(_train(job, wanted.resume, steps=1, every=NEVER_S)[0]))
        return
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        _, steps, gaps = _train(job, Path(folder), steps=wanted.steps, every=wanted.every)
        command = [sys.executable, "-m", "benchmarks.checkpoint_cost", "--size", wanted.size]
        command += ["--resume", folder]
        ready = [float(subprocess.check_output(command, cwd=ROOT, text=True)) for _ in range(3)]
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.safetensors"))
    figures = _figures(steps, gaps) | {
        "seconds until a killed run is ready": summary(ready),
        "bytes of a checkpoint": size,
        "goals": {"share of training": GOAL_SHARE, "seconds until ready": GOAL_SECONDS},
    }
    write_result(
        "checkpoint_cost",
        settings={
            **{name: str(value) for name, value in vars(wanted).items()},
            "job": dict(SIZES[wanted.size]),
        },
        runs={"steps": list(steps), "after them": list(gaps), "ready": list(ready)},
        figures=figures,
        keep=wanted.size != "tiny",
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def _figures(steps: Sequence[float], gaps: Sequence[float]) -> dict[str, Json]:
    """What checkpoints took, of the seconds of all steps, from the steps and what stood between them."""
    usual_gap = statistics.median(gaps)
    saved = [place for place, gap in enumerate(gaps) if gap > 10 * usual_gap]
    beside = {place + after for place in saved for after in range(1, AFTER + 1) if place + after < len(steps)}
    alone = statistics.median(seconds for place, seconds in enumerate(steps) if place not in beside)
    in_hook = sum(gaps[place] - usual_gap for place in saved)
    slowed = sum(steps[place] - alone for place in beside)
    apart = [sum(steps[one + 1 : other + 1]) + sum(gaps[one:other]) for one, other in pairwise(saved)]
    total = sum(steps) + sum(gaps)
    return {
        "checkpoints": len(saved),
        "seconds from one to the next": statistics.median(apart) if apart else None,
        "seconds of a step": alone,
        "seconds in the hook, a checkpoint": in_hook / max(len(saved), 1),
        "seconds that steps beside it take longer, a checkpoint": slowed / max(len(saved), 1),
        "share of training": (in_hook + slowed) / total,
    }


def _train(
    job: Job, folder: Path, *, steps: int, every: float | None
) -> tuple[float, Sequence[float], Sequence[float]]:
    """Seconds from the start of this process to the first step; those of every step, and between steps."""
    from ontogeny.core.process import prepare_process
    from ontogeny.core.progress import QuietProgress
    from ontogeny.model.config import ModelShape
    from ontogeny.model.init import initialise
    from ontogeny.model.transformer import Transformer
    from ontogeny.train.batches import Batches
    from ontogeny.train.config import TrainConfig
    from ontogeny.train.config_optimizer import AdamWConfig
    from ontogeny.train.training import train

    prepare_process()
    shape = ModelShape(
        d_model=job.d_model, n_layers=job.n_layers, n_heads=job.n_heads, d_ff=job.d_ff, seq_len=job.seq_len
    )
    model = Transformer(shape.resolve(job.vocab_size))
    initialise(model, seed=0)
    plan = packing_plan(job)
    config = TrainConfig(
        steps=plan.order.steps,
        batch_rows=job.micro_rows,
        optimizer=AdamWConfig(lr=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY),
        clip_grad_norm=CLIP_NORM,
        checkpoint_seconds=every,
    )
    batches = Batches(
        plan, RandomTokens(job.vocab_size, int(plan.row_tokens.sum())), micro_batch_rows=job.micro_rows
    )
    times = Times()
    began = time.time()

    class Enough:
        """Ends the process after so many steps, as a kill would."""

        def after_step(self, state: object, result: object) -> None:
            times.after_step(state, result)
            if len(times.steps) >= steps:
                raise KeyboardInterrupt

    clock = time.perf_counter()
    with contextlib.suppress(KeyboardInterrupt):
        train(
            model,
            batches,
            config=config,
            folder=folder,
            progress=QuietProgress(),
            label="pretrain",
            hooks=[Enough()],
        )
    first_began = times.ends[0] - times.steps[0]
    ready = began - psutil.Process().create_time() + first_began - clock
    gaps = [
        end - before - seconds
        for before, end, seconds in zip(times.ends, times.ends[1:], times.steps[1:], strict=False)
    ]
    return ready, times.steps, gaps


if __name__ == "__main__":
    main()
