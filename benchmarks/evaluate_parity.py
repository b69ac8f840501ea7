"""Claim: on the same tasks, every metric equals lm-evaluation-harness's to 1e-4, and the log-probability of every
request to 1e-3; what is written is the same text.

SmolLM2-135M-Instruct and a model of our own, trained for a moment here, with a tokenizer of its own. harness reads the
same task definitions, and the model from the same folder, with its Hugging Face backend in float32. Chosen are tasks of
every kind: multiple choice with and without examples, where choices stand before what is scored, and in chat; last
words; whole texts; what is written until a stop text, with filters.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks.contestants import SETTINGS, peer_python
from benchmarks.harness_tasks import single_task, write_for_harness
from benchmarks.measure import ROOT, Neighbours, write_result
from benchmarks.real_model import CACHE, REAL
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import task as tasks
from ontogeny.evaluate.scores import Scores
from ontogeny.evaluate.subject import ModelReader
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.inference.loading import load_model
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.init import initialise
from ontogeny.model.outside.fetched import fetch
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.templates import with_template
from ontogeny.tokenizer.train import train_bpe

OWN = "own"
WIKITEXT = "wikitext"
ARTICLE = re.compile(r"= [^=].*[^=] =")  # a heading of the first order
METRIC_BOUND, LOGPROB_BOUND = 1e-4, 1e-3
BATCH_SIZE = 8  # harness's; its numbers move with it by less than our bounds
OWN_SHAPE = ModelShape(d_model=192, n_layers=4, n_heads=6, n_kv_heads=2, seq_len=1024)
OWN_VOCABULARY, OWN_STEPS, OWN_ROWS, OWN_LENGTH = 2048, 150, 8, 128
ARTICLE_CHARACTERS = 6_000  # two windows of our own model; harness holds the logits of all tokens at once
WRITING = {"max_gen_toks": 48, "until": ["Question:"], "do_sample": False}


@dataclass(frozen=True)
class Asked:
    """A task, and how much of it."""

    task: str
    limit: int
    num_fewshot: int | None = None
    chat: bool = False
    changes: tuple[tuple[str, Any], ...] = ()
    """Keys of the definition that differ from the shipped ones."""

    @property
    def called(self) -> str:
        shots = "" if self.num_fewshot is None else f"-{self.num_fewshot}shot"
        return f"{self.task.replace('/', '-')}{shots}{'-chat' if self.chat else ''}"


CHOICES = (("metric_list", ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "brier_score"]),)
ASKED = (
    Asked("hellaswag", 24, changes=CHOICES),
    Asked("arc_easy", 24, num_fewshot=2),
    Asked("boolq", 12),
    Asked("winogrande", 30),
    Asked("mmlu/mmlu_anatomy", 8),
    Asked("blimp/blimp_npi_present_1", 24),
    Asked("lambada_openai", 40),
    Asked("gsm8k_train", 4, num_fewshot=2, changes=(("generation_kwargs", WRITING),)),
    Asked("arc_easy", 16, num_fewshot=1, chat=True),
    Asked(WIKITEXT, 3),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with icl-tasks/, hellaswag/ and others"
    )
    parser.add_argument("--models", nargs="+", choices=(REAL, OWN), default=[OWN, REAL])
    parser.add_argument("--tasks", nargs="+", help="only these, by their names here")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    asked = [one for one in ASKED if wanted.tasks is None or one.called in wanted.tasks]
    runs: dict[str, dict[str, Any]] = {}
    with Neighbours() as neighbours:
        for model in wanted.models:
            with tempfile.TemporaryDirectory() as folder:
                runs[model] = compare(model, asked, Path(folder), wanted.data, wanted.threads)
    found = [one for tasks in runs.values() for one in tasks.values()]
    write_result(
        "evaluate_parity",
        settings={"threads": wanted.threads, "dtype": "float32", "harness batch size": BATCH_SIZE},
        runs=runs,
        figures={
            "models": len(runs),
            "tasks": len(asked),
            "metrics": sum(len(one["metrics"]) for one in found),
            "requests": sum(one["requests"] for one in found),
            "largest difference of a metric": max(one["metric difference"] for one in found),
            "largest difference of a log-probability": max(one["logprob difference"] for one in found),
            "written texts that differ": sum(one["texts that differ"] for one in found),
            "greedy verdicts that differ": sum(one["greedy that differ"] for one in found),
            "goals": {"metric": METRIC_BOUND, "log-probability": LOGPROB_BOUND},
        },
        keep=not wanted.trial,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def compare(model: str, asked: Sequence[Asked], folder: Path, data: Path, threads: int) -> dict[str, Any]:
    """Each task's figures beside harness's."""
    place, written = folder / "model", folder / "tasks"
    place.mkdir()
    written.mkdir()
    if model == REAL:
        unpack(fetch(REAL, CACHE).path, place)
    else:
        train_own(data, place)
    files = {one.called: write_task(one, data, written) for one in asked}
    plan = {
        "model": str(place), "threads": threads, "batch_size": BATCH_SIZE,
        "tasks": [{"task": one.called, "limit": one.limit, "chat": one.chat} for one in asked],
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    ask_harness(folder)
    theirs = json.loads((folder / "harness.json").read_text())
    reader = ModelReader(load_model(place, "cpu"), name=model)
    found = {}
    for one in asked:
        found[one.called] = beside(scored(files[one.called], one, reader), theirs[one.called])
        print(model, one.called, json.dumps(found[one.called]), flush=True)
    return found


def write_task(one: Asked, data: Path, folder: Path) -> Path:
    """The file that both read."""
    if one.task == WIKITEXT:
        return write_wikitext(data, folder)
    task = single_task(one.task, data, one.num_fewshot)
    written = write_for_harness(task, folder, called=one.called)
    values = json.loads(written.read_text()) | {
        key: [{"metric": name} for name in value] if key == "metric_list" else value for key, value in one.changes
    }  # fmt: skip
    written.write_text(json.dumps(values, indent=1))
    return written


def write_wikitext(data: Path, folder: Path) -> Path:
    """Articles of WikiText-2, a row each, in harness's form of its task."""
    lines = (data / "wikitext-2-valid" / "valid.raw.txt").read_text().splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if ARTICLE.fullmatch(line.strip())]
    articles = ["".join(lines[begin:end]) for begin, end in pairwise([*begins, len(lines)])]
    pages = [article[:ARTICLE_CHARACTERS] for article in articles]
    rows = folder / f"{WIKITEXT}.jsonl"
    rows.write_text("".join(json.dumps({"page": page}) + "\n" for page in pages))
    metrics = ("word_perplexity", "byte_perplexity", "bits_per_byte")
    values = {
        "task": WIKITEXT, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test", "output_type": "loglikelihood_rolling", "doc_to_text": "",
        "doc_to_target": "{{page}}", "metric_list": [{"metric": name} for name in metrics],
    }  # fmt: skip
    written = folder / f"{WIKITEXT}.yaml"
    written.write_text(json.dumps(values, indent=1))
    return written


def ask_harness(folder: Path) -> None:
    """Run the peer in its environment, offline, its caches in `folder`."""
    environment = {
        **os.environ, **SETTINGS, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"),
    }  # fmt: skip
    command = [str(peer_python("lm_eval")), "-m", "benchmarks.peers.lm_eval.parity_worker", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def scored(file: Path, one: Asked, reader: ModelReader) -> Scores:
    """Ours, by the way that `ontogeny evaluate` goes."""
    suite = TaskSuite.model_validate({"task": str(file), "form": "chat" if one.chat else "plain"})
    material = tasks.prepare(suite, limit=one.limit, progress=QuietProgress())
    return tasks.score(suite, material, reader, model=one.called, seed=0, progress=QuietProgress())


def beside(ours: Scores, theirs: dict[str, Any]) -> dict[str, Any]:
    """How far apart metrics, log-probabilities and texts are."""
    metrics = {metric.name: metric.value for metric in ours.metrics}
    paired = {name: (value, theirs["results"][_theirs(name)]) for name, value in metrics.items()}
    logprobs, greedy, texts, requests = 0.0, 0, 0, 0
    for row, responses in zip(ours.rows, theirs["responses"], strict=True):
        requests += len(responses)
        if row.outputs is not None:
            texts += sum(text != each[0] for text, each in zip(row.outputs, responses, strict=True))
            continue
        values = [*(row.logprobs or ()), *(row.neutral_logprobs or ())]
        answers = [each[0] if isinstance(each[0], list) else each for each in responses]
        logprobs = max(logprobs, *(abs(value - one[0]) for value, one in zip(values, answers, strict=True)))
        told = [one[1] for one in answers if len(one) > 1]
        greedy += sum(one != other for one, other in zip(row.greedy or (), told, strict=bool(told)))
    return {
        "requests": requests,
        "metrics": {name: list(pair) for name, pair in paired.items()},
        "metric difference": max(apart(*pair) for pair in paired.values()),
        "logprob difference": logprobs,
        "texts that differ": texts,
        "greedy that differ": greedy,
    }


def apart(ours: float, theirs: float) -> float:
    """Absolute below one; perplexities, which go to thousands, by their ratio."""
    return abs(ours - theirs) / max(1.0, math.fabs(theirs))


def _theirs(name: str) -> str:
    return name if "," in name else f"{name},none"


def train_own(data: Path, folder: Path) -> None:
    """A small Qwen3 of our own and its tokenizer, after some steps over Wikipedia articles."""
    text = (data / "wikitext-2-valid" / "valid.raw.txt").read_text()
    tokenizer = with_template(train_bpe(text.splitlines(), vocab_size=OWN_VOCABULARY), "chatml")
    model = Transformer(OWN_SHAPE.resolve(tokenizer.vocab_size))
    initialise(model, seed=0)
    ids = torch.tensor(tokenizer.encode(text))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(OWN_STEPS):
        starts = torch.randint(len(ids) - OWN_LENGTH - 1, (OWN_ROWS,), generator=generator)
        rows = torch.stack([ids[start : start + OWN_LENGTH + 1] for start in starts.tolist()])
        loss = torch.nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"own model: loss {loss.item():.2f} after {OWN_STEPS} steps", flush=True)
    huggingface.save(model, folder)
    tokenizer.save(folder)


if __name__ == "__main__":
    main()
