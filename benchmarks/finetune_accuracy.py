"""Claim: recipes of under half an hour on two cores make of SmolLM2-135M-Instruct, with LoRA, classifiers that are
better than TF-IDF with logistic regression and than the base when asked, with probabilities that hold, and assistants
whose held-out loss on answers falls far below the base's while general text is read as before.

What runs are the recipes of `recipes/` as a user runs them, with data and settings given (`TASKS`). Settings were
chosen on held-out rows of the training part; the test part of a classifier is looked at once. Finished steps stay in
the workspace, and an unfinished one goes on from its last checkpoint: the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Json, Neighbours, write_result
from benchmarks.recipe_runs import Finished, run

RECIPES = Path("recipes")
UPPER_HALF = '{type: lora, rank: 8, alpha: 16, targets: ["layers.1[5-9].*", "layers.2?.*"]}'
"""Adapters from the middle on: below them neither gradients are needed nor the states that these would take."""
WEB = ("c4-300.jsonl", "commoncrawl-2019-07.jsonl.gz")
PAGE_BYTES = "min_bytes: 500, max_bytes: 4000"  # short ones, so that many can be measured
CONVERSATIONS = (
    2000  # of a set: more than there is time to learn from; a tenth of them is held out and measured
)
LOWERED = "schedule: {warmup_steps: 8, decay_fraction: 1}"
KINDS = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "person",
    "LOC": "location",
    "NUM": "number",
}


@dataclass(frozen=True)
class Task:
    """A recipe, the step of it that learns, what is to be reached, and what is set beside the data.

    Attributes:
        goal: `better` than the linear model, or at least `not behind` it; of an assistant, how far the loss must fall.
    """

    about: str
    recipe: str
    step: str
    goal: str | float
    settings: tuple[str, ...]
    prepare: Callable[[Path, Path], dict[str, str]]
    """From the folder of data, and one to write to, what is set of data."""

    def overrides(self, data: Path, made: Path) -> list[str]:
        """As `--set` takes them."""
        given = [f"{name}={value}" for name, value in self.prepare(data, made).items()]
        return [*given, *(f"steps.{self.step}.{setting}" for setting in self.settings)]


def trec(data: Path, made: Path) -> dict[str, str]:
    """Six coarse kinds of questions, `KIND:detail question` a line, as CSV; in words, that a base can be asked for."""
    paths = {}
    for part in ("train", "test"):
        paths[part] = made / f"trec-{part}.csv"
        lines = (data / "trec" / f"TREC.{part}").read_text("latin-1").splitlines()
        with paths[part].open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", "text"])
            rows.writerows((KINDS[line.partition(":")[0]], line.partition(" ")[2]) for line in lines)
    return {"steps.intents.data": f"{{train: {paths['train']}, test: {paths['test']}}}"}


def banking77(data: Path, made: Path) -> dict[str, str]:
    """77 intents of customers of a bank."""
    folder = data / "banking77"
    return {"steps.intents.data": f"{{train: {folder / 'train.csv'}, test: {folder / 'test.csv'}}}"}


def sms(data: Path, made: Path) -> dict[str, str]:
    """Messages, spam or ham."""
    path = data / "sms-spam" / "SMSSpamCollection.tsv"
    return {"steps.filter.data": f"{{path: {path}, header: [label, text]}}"}


def gsm8k(data: Path, made: Path) -> dict[str, str]:
    """Mathematics at school, with its steps."""
    lines = (data / "gsm8k-train" / "train.jsonl").read_text().splitlines()
    return _assistant([json.loads(line) for line in lines], data, made)


def alpaca(data: Path, made: Path) -> dict[str, str]:
    """Instructions of any kind."""
    return _assistant(json.loads((data / "alpaca" / "alpaca_5000.json").read_text()), data, made)


def _assistant(rows: list[Json], data: Path, made: Path) -> dict[str, str]:
    """The first conversations of a set, and pages of the web in English for what is not to be forgotten."""
    path = made / "conversations.json"
    path.write_text(json.dumps(rows[:CONVERSATIONS]))
    web = ", ".join(f"{{type: jsonl, path: {data / 'web-text' / name}}}" for name in WEB)
    return {
        "steps.assistant.data.path": str(path),
        "steps.general.sources": f"[{web}]",
        "steps.general.rules": f"[{{type: language, languages: [en]}}, {{type: length, {PAGE_BYTES}}}]",
    }


def _classifier(*, asked: int, epochs: int, batch_rows: int, rate: float) -> tuple[str, ...]:
    said = f"epochs: {epochs}, batch_rows: {batch_rows}, optimizer: {{lr: {rate}}}, {LOWERED}"
    return (
        f"method={UPPER_HALF}",
        f"classify.ask_base={asked}",
        f"train={{{said}, seq_len: 128, eval_tokens: 2048}}",
    )


def _assistant_of(*, steps: int, rate: float) -> tuple[str, ...]:
    said = f"steps: {steps}, batch_rows: 8, optimizer: {{lr: {rate}}}, {LOWERED}"
    return (
        "method={type: lora, rank: 8, alpha: 16}",
        f"train={{{said}, seq_len: 512, eval_tokens: 2048}}",
    )


TASKS = {
    "trec": Task(
        "TREC, kinds of questions",
        "intents",
        "intents",
        "better",
        _classifier(asked=200, epochs=2, batch_rows=32, rate=0.002),
        trec,
    ),
    "banking77": Task(
        "BANKING77, intents",
        "intents",
        "intents",
        "better",
        _classifier(asked=25, epochs=2, batch_rows=32, rate=0.003),
        banking77,
    ),
    "sms": Task(
        "SMS spam",
        "spam-filter",
        "filter",
        "not behind",
        _classifier(asked=200, epochs=1, batch_rows=16, rate=0.002),
        sms,
    ),
    "gsm8k": Task(
        "GSM8K", "support-assistant", "assistant", 0.25, _assistant_of(steps=30, rate=0.002), gsm8k
    ),
    "alpaca": Task(
        "Alpaca", "support-assistant", "assistant", 0.08, _assistant_of(steps=60, rate=0.001), alpaca
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with trec/, sms-spam/, gsm8k-train/ and the others"
    )
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), help="these tasks")
    parser.add_argument(
        "--workspace", type=Path, default=ROOT / "build" / "finetune-accuracy", help="where the runs are kept"
    )
    parser.add_argument("--trial", action="store_true", help="write no result file")
    options = parser.parse_args()
    for name in options.only:
        task, workspace = TASKS[name], options.workspace.resolve() / name
        made = workspace / "data"
        made.mkdir(parents=True, exist_ok=True)
        overrides = task.overrides(options.data.resolve(), made)
        arguments = ["--until", task.step, *(f"--set={each}" for each in overrides)]
        with Neighbours() as neighbours:
            finished = run(f"{RECIPES / task.recipe}.yaml", workspace, *arguments)
        manifest = manifest_of(finished, task.step, workspace)
        write_result(
            f"finetune_accuracy_{name}",
            settings={
                "about": task.about,
                "goal": task.goal,
                "recipe": task.recipe,
                "set": list(task.settings),
                "threads": manifest["threads"],
            },
            runs=[{step.name: step.work_seconds for step in finished.steps}],
            figures={**figures_of(manifest), "seconds": sum(step.work_seconds for step in finished.steps)},
            keep=not options.trial,
            other_cores=neighbours.cores,
            disturbed=neighbours.disturbed,
        )


def manifest_of(finished: Finished, step: str, workspace: Path) -> dict[str, Any]:
    """That of the step which learnt, with what its report says under `report`."""
    (artifact,) = (each.artifact for each in finished.steps if each.name == step)
    folder = workspace / "artifacts" / artifact
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    report = folder / "figures.json"
    return manifest | {"report": json.loads(report.read_bytes()) if report.exists() else {}}


def figures_of(manifest: dict[str, Any]) -> dict[str, Json]:
    """What the rows are made of."""
    metrics = manifest["metrics"]
    learnt: dict[str, Json] = {
        "steps": metrics["steps"],
        "tokens": manifest["spent"]["tokens"]["value"],
        "trained parameters": metrics["trainable_parameters"],
        "peak_bytes": metrics["peak_memory_bytes"],
    }
    return learnt | (_told_apart(manifest) if "accuracy" in metrics else _answered(metrics))


def _told_apart(manifest: dict[str, Any]) -> dict[str, Json]:
    report = manifest["report"]
    everyone: dict[str, Json] = {
        name: {
            "examples": said["examples"],
            "accuracy": said["accuracy"],
            "interval": said["accuracy_interval"],
            "calibration_error": said["expected_calibration_error"],
        }
        for name, said in report["contestants"].items()
    }
    against: dict[str, Json] = {
        name: {key: found[key] for key in ("examples", "difference", "interval", "p_value", "verdict")}
        for name, found in report["comparisons"].items()
    }
    return {
        "labels": len(report["labels"]),
        "everyone": everyone,
        "fine-tuned against": against,
        "temperature": report["temperature"],
        "calibration error before": report["uncalibrated"]["expected_calibration_error"],
    }


def _answered(metrics: dict[str, Any]) -> dict[str, Json]:
    loss, before = metrics["held_out_loss"], metrics["held_out_loss_before"]
    general, once = metrics["general_bits_per_byte"], metrics["general_bits_per_byte_before"]
    return {
        "held-out examples": metrics["held_out_examples"],
        "held-out loss on answers": {"before": before, "after": loss, "change": loss / before - 1},
        "general bits per byte": {"before": once, "after": general, "change": general / once - 1},
    }


if __name__ == "__main__":
    main()
