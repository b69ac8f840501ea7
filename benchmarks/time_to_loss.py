"""Claim: to the held-out bits per byte at which a tuned GPT-2 baseline ends its budget, we need at most half its time.

The books under `--data`, split by book; a tokenizer of 4,096 entries and equal parameter counts for both. The baseline
(`peers/plain_gpt/race.py`) is GPT-2's block with AdamW, warmup and a cosine; ours (`our_race.py`) is the parts of
`pretrain`: the Qwen3 block, Muon, a line down to nothing. Both are tuned alike at the small size with a quarter of the
budget: three learning rates and three batch sizes, and on from the best until half and double of either are no better
(batches from 2 to 32 rows).
What won is taken to the larger size as it is, but for the rates, which fall with the root of the width for both.

A run's length is a number of steps: its budget by the seconds that a step takes (see `race_runs`), measuring left out.
The baseline gets the whole budget. We get a third of it, and half where a third did not do: a schedule that ends is
part of how either learns, so a shorter run is planned as a shorter one. The time to the loss is where our curve, in a
straight line between measurements, crosses the mean of what the baselines ended at.

Every finished run is kept in the result file at once: the same command goes on where it stopped. Two runs go on side
by side, on a thread each, which is a fifth more of them an hour than one after the other on two.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.measure import RESULTS, ROOT, Json, bootstrap_median, write_result
from benchmarks.peers.loss_job import LossJob
from benchmarks.race_runs import BASELINE, US, RaceRuns, Run, last, paced
from benchmarks.race_texts import prepare

VOCAB_SIZE, SEQ_LEN, THREADS = 4096, 256, 2
AT_ONCE = 2  # runs; how long a step takes is told with all threads and nothing beside
MEASUREMENTS = 16  # of a run that counts; one that tunes is measured at its end
TUNING_TURNS, RACE_TURNS = 3, 10  # that tell how long a step takes
SHARES = (0.33, 0.5)  # of the baseline's budget that we get: the next where one was too little for some seed
GOAL, STRETCH = 0.5, 0.33


Wish = TypeVar("Wish")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Size:
    """A model, the seconds of its baseline, and how many seeds."""

    d_model: int
    n_layers: int
    n_heads: int
    budget: float
    seeds: int


SIZES = {"3m": Size(192, 5, 3, 600.0, 3), "10m": Size(320, 7, 5, 1800.0, 2)}
TUNED, TUNING_SHARE = "3m", 0.25
RATES = {BASELINE: [1e-3, 2e-3, 4e-3], US: [2.5e-3, 5e-3, 1e-2]}  # peak, at the small size
BATCHES = {BASELINE: [4, 8, 16], US: [8, 16, 32]}  # rows
PACED_BATCHES = [2, 4, 8, 16, 32]  # none beyond is tried
MAX_CLIMBS = 6  # each to the neighbours of the best so far
ADAM_SHARE = 1.6  # of the matrices' rate: what `size` gives embeddings, head and gains


@dataclass(frozen=True)
class Choice:
    """A contestant's tuned settings."""

    lr: float
    batch_rows: int


@dataclass(frozen=True)
class Wanted:
    """A run of a contestant at a size, with a share of the budget."""

    name: str
    size: str
    share: float
    seed: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with books/ and wikitext-2-valid/")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "race", help="tokens are kept here")
    parser.add_argument("--until", choices=["paces", "tuned", *SIZES], default="10m", help="where to stop")
    parser.add_argument("--budget-share", type=float, default=1.0, help="of all budgets, for a trial")
    wanted = parser.parse_args()
    prepare(wanted.data, wanted.folder, vocab_size=VOCAB_SIZE, seq_len=SEQ_LEN)
    race = Race(wanted.folder.resolve(), share=wanted.budget_share)
    race.pace(
        TUNED,
        [(name, Choice(RATES[name][0], rows)) for rows in PACED_BATCHES for name in (BASELINE, US)],
        turns=TUNING_TURNS,
    )
    if wanted.until == "paces":
        return
    choices = dict(zip((BASELINE, US), side_by_side(race.tune, (BASELINE, US)), strict=True))
    sizes = list(SIZES)[: list(SIZES).index(wanted.until) + 1] if wanted.until != "tuned" else []
    for size in sizes:  # what wants a quiet machine comes first
        race.pace(size, choices.items(), turns=RACE_TURNS)
    for size in sizes:
        race.run(size, choices)
    race.record(choices)


class Race:
    """Runs what is not in the result file yet."""

    def __init__(self, folder: Path, *, share: float) -> None:
        self._folder, self._share = folder, share
        self._path = RESULTS / "time_to_loss.json" if share == 1.0 else folder / "trial.json"
        made = json.loads(self._path.read_text())["runs"] if self._path.exists() else []
        self._runs = RaceRuns(made, lambda _: self._write({}))

    def pace(self, size: str, choices: Iterable[tuple[str, Choice]], *, turns: int) -> None:
        """Measure how long a step takes, contestants and choices in turn."""
        jobs = [
            (name, paced(self._job(size, name, choice, steps=1, seed=0, measure_every=0)))
            for name, choice in choices
        ]
        self._runs.pace(size, jobs, rounds=turns)

    def tune(self, name: str) -> Choice:
        """The best of a cross of rates and batches, then of its neighbours, for as long as one of these is better."""
        tried: dict[Choice, float] = {}
        rates, batches = RATES[name], BATCHES[name]
        wanted = [*(Choice(lr, batches[1]) for lr in rates), *(Choice(rates[1], rows) for rows in batches)]
        for _ in range(1 + MAX_CLIMBS):
            for choice in wanted:
                run = self._learn("tune", Wanted(name, TUNED, TUNING_SHARE, seed=0), choice)
                tried[choice] = last(run)
            best = min(tried, key=lambda choice: tried[choice])
            wanted = [choice for choice in _neighbours(best) if choice not in tried]
        print(f"{name}: rate {best.lr:g}, {best.batch_rows} rows", flush=True)
        return best

    def run(self, size: str, choices: dict[str, Choice]) -> None:
        """The runs that count."""
        seeds = range(1, SIZES[size].seeds + 1)

        def learnt(*names_and_shares: tuple[str, float]) -> list[Run]:
            runs = [Wanted(name, size, share, seed) for name, share in names_and_shares for seed in seeds]
            return side_by_side(lambda run: self._learn("race", run, choices[run.name]), runs)

        first, *others = SHARES
        runs = learnt((BASELINE, 1.0), (US, first))
        baseline, ours = runs[: len(seeds)], runs[len(seeds) :]
        target = statistics.mean(map(last, baseline))
        for share in others:
            if all(_steps_to(target, run["curve"]) is not None for run in ours):
                break
            ours = learnt((US, share))

    def record(self, choices: dict[str, Choice]) -> None:
        """Write the result file with what there is."""
        figures: dict[str, Json] = {f"tuned {name}": dict(asdict(choice)) for name, choice in choices.items()}
        for size in SIZES:
            figures |= self._figures(size, choices)
        figures["goals"] = {"share of the baseline's time": GOAL, "stretch": STRETCH}
        self._write(figures)

    def _learn(self, stage: str, run: Wanted, choice: Choice) -> Run:
        """A run with its share of the budget of its size."""
        seconds = SIZES[run.size].budget * run.share * self._share
        steps = max(
            2 * MEASUREMENTS,
            round(seconds / self._runs.step_seconds(run.size, run.name, choice.batch_rows)),
        )
        every = -(-steps // MEASUREMENTS) if stage == "race" else steps
        job = self._job(run.size, run.name, choice, steps=steps, seed=run.seed, measure_every=every)
        key = {"stage": stage, **asdict(run), **asdict(choice)}
        return self._runs.learn(key, run.name, replace(job, threads=THREADS // AT_ONCE))

    def _job(
        self, size: str, name: str, choice: Choice, *, steps: int, seed: int, measure_every: int
    ) -> LossJob:
        model = SIZES[size]
        lr = choice.lr * math.sqrt(SIZES[TUNED].d_model / model.d_model)
        return LossJob(
            folder=str(self._folder),
            d_model=model.d_model,
            n_layers=model.n_layers,
            n_heads=model.n_heads,
            vocab_size=VOCAB_SIZE,
            seq_len=SEQ_LEN,
            batch_rows=choice.batch_rows,
            steps=steps,
            seed=seed,
            rates={"lr": lr} if name == BASELINE else {"lr": lr, "adam_lr": ADAM_SHARE * lr},
            measure_every=measure_every,
            threads=THREADS,
        )

    def _figures(self, size: str, choices: dict[str, Choice]) -> dict[str, Json]:
        """What the runs of a size come to; nothing while a contestant has none."""
        runs = [run for run in self._runs.made if (run["key"]["stage"], run["key"]["size"]) == ("race", size)]
        baseline = [run for run in runs if run["key"]["name"] == BASELINE]
        if not (baseline and len(runs) > len(baseline)):
            return {}
        target = statistics.mean(map(last, baseline))
        pace = {
            name: self._runs.step_seconds(size, name, choice.batch_rows) for name, choice in choices.items()
        }
        seconds = pace[BASELINE] * baseline[0]["steps"]
        figures: dict[str, Json] = {
            f"{size}: baseline, bits per byte": _mean_and_spread(map(last, baseline)),
            f"{size}: baseline, WikiText": _wikitext(baseline),
            f"{size}: baseline, seconds": seconds,
            f"{size}: seconds of a step": {
                name: bootstrap_median(self._runs.turns(size, name, choice.batch_rows))
                for name, choice in choices.items()
            },
        }
        for share in SHARES:
            ours = [run for run in runs if run["key"]["name"] == US and run["key"]["share"] == share]
            if not ours:
                continue
            reached = [_steps_to(target, run["curve"]) for run in ours]
            label = f"{size}: ours planned for {share:.2f} of the time"
            figures |= {
                f"{label}, taken": ours[0]["steps"] * pace[US] / seconds,  # told anew with the paces
                f"{label}, bits per byte": _mean_and_spread(map(last, ours)),
                f"{label}, WikiText": _wikitext(ours),
                f"{label}, share of the time to the baseline's loss": [
                    None if steps is None else steps * pace[US] / seconds for steps in reached
                ],
            }
        return figures

    def _write(self, figures: dict[str, Json]) -> None:
        if self._share != 1.0:
            print(json.dumps(figures, indent=2))
            self._path.write_text(json.dumps({"runs": self._runs.made}))
            return
        settings: dict[str, Json] = {
            "sizes": {name: dict(asdict(size)) for name, size in SIZES.items()},
            "vocab_size": VOCAB_SIZE,
            "seq_len": SEQ_LEN,
            "threads": THREADS,
        }
        write_result("time_to_loss", settings=settings, runs=list(self._runs.made), figures=figures)


def side_by_side(make: Callable[[Wish], Made], wishes: Sequence[Wish]) -> list[Made]:
    """What `make` makes of each, `AT_ONCE` at a time, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(make, wishes))


def _neighbours(choice: Choice) -> list[Choice]:
    """Half and double of either setting, where it is known how long a step takes."""
    lr, rows = choice.lr, choice.batch_rows
    around = Choice(lr / 2, rows), Choice(lr * 2, rows), Choice(lr, rows // 2), Choice(lr, rows * 2)
    return [choice for choice in around if choice.batch_rows in PACED_BATCHES]


def _steps_to(target: float, curve: list[list[float]]) -> float | None:
    """Where a curve of (step, seconds, bits) first comes down to `target`; None where it never does."""
    before = None
    for step, _, bits in curve:
        if bits <= target:
            if before is None:
                return step
            then, above = before
            return then + (step - then) * (above - target) / (above - bits)
        before = step, bits
    return None


def _wikitext(runs: list[Run]) -> dict[str, Json]:
    return _mean_and_spread(run.get("wikitext_bits_per_byte", math.inf) for run in runs)


def _mean_and_spread(values: Iterable[float]) -> dict[str, Json]:
    found = list(values)
    return {"n": len(found), "mean": statistics.mean(found), "min": min(found), "max": max(found)}


if __name__ == "__main__":
    main()
