"""Claim: a classifier trained on CPU in seconds tells texts apart as below, with probabilities that mean what they say.

Each task gives two sets of texts; a fifth is held out by content, half to scale by and half to measure on. Toxicity is
measured twice on the same tweets: by the trainable classifier, and by the share of words on the project's list; and the
list on ordinary text, where hardly anything should go. Speed: CPU seconds of one core.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpora import read_texts
from benchmarks.measure import Json, summary, write_result
from ontogeny.data.classifier import train_classifier
from ontogeny.data.classifier_figures import auc
from ontogeny.data.classifier_settings import Training
from ontogeny.data.rules.toxicity import MAX_RATE
from ontogeny.data.signals.toxicity import TOXIC_WORD_RATE, toxicity_signals
from ontogeny.data.texts import Texts

ORDINARY = {
    "books": "books/*.jsonl.gz",
    "linux-docs": "linux-docs/*.jsonl.gz",
    "web-text": "web-text/*.jsonl*",
    "imdb-train": "imdb-train/*.jsonl.gz",
}

Sets = tuple[list[str], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with imdb-train/, sms-spam/, toxicity/, ..."
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    options = parser.parse_args()
    figures: dict[str, Json] = {}
    runs: list[Json] = []
    for name, sets in tasks(options.data).items():
        figure, speeds = trained(sets, options.rounds)
        figures[name] = figure
        runs.append({"task": name, "runs": list(speeds)})
    figures["toxic tweets by word list"] = by_word_list(tasks(options.data)["toxic tweets"])
    figures["ordinary text by word list"] = {
        name: ordinary(read_texts(options.data, pattern)) for name, pattern in ORDINARY.items()
    }
    write_result(
        "classifier_quality",
        settings={"rounds": options.rounds, "training": Training().model_dump(mode="json")},
        runs=runs,
        figures=figures,
        keep=not options.trial,
    )


def tasks(data: Path) -> dict[str, Sets]:
    """Two sets of texts each, the wanted one first."""
    imdb = rows(data / "imdb-train" / "train.jsonl.gz")
    mail = rows(data / "spam-assassin" / "mail.jsonl.gz")
    sms = [
        line.split("\t", 1) for line in (data / "sms-spam" / "SMSSpamCollection.tsv").read_text().splitlines()
    ]
    with (data / "toxicity" / "labeled_data.csv").open(newline="") as lines:
        tweets = [(row["class"], row["tweet"]) for row in csv.DictReader(lines)]
    wiki = (data / "wikitext-2-valid" / "valid.raw.txt").read_text().splitlines()
    return {
        "reviews or Wikipedia": (
            [row["text"] for row in imdb[::8]],
            [line for line in wiki if len(line) > 100],
        ),
        "positive or negative reviews": divided((row["label"] == "pos", row["text"]) for row in imdb),
        "spam or ham messages": divided((label == "spam", text) for label, text in sms),
        "spam or ham mail": divided((row["label"] == "spam", row["text"]) for row in mail),
        "toxic tweets": divided((label != "2", text) for label, text in tweets),
    }


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def divided(pairs: Any) -> Sets:
    sets: Sets = ([], [])
    for wanted, text in pairs:
        sets[0 if wanted else 1].append(text)
    return sets


def trained(sets: Sets, rounds: int) -> tuple[Json, list[dict[str, Json]]]:
    like, unlike = Texts.of(sets[0]), Texts.of(sets[1])
    megabytes = (len(like.data) + len(unlike.data)) / 1e6
    train_classifier(like, unlike)  # compiled, once
    speeds: list[dict[str, float]] = []
    for _ in range(rounds):
        started = time.process_time()
        classifier = train_classifier(like, unlike)
        between = time.process_time()
        classifier.score(like), classifier.score(unlike)
        done = time.process_time()
        speeds.append({"train, s": between - started, "apply, MB/s": megabytes / (done - between)})
    figure: dict[str, Json] = {"like": len(like), "unlike": len(unlike), "megabytes": megabytes}
    figure |= json.loads(json.dumps(asdict(classifier.figures)))
    figure |= {name: summary([run[name] for run in speeds]) for name in speeds[0]}
    return figure, [dict(run) for run in speeds]


def by_word_list(sets: Sets) -> dict[str, Json]:
    """What the rule's default says of all tweets, and how well the rate orders them."""
    toxic, other = (toxicity_signals().compute(Texts.of(each))[TOXIC_WORD_RATE] for each in sets)
    rates = np.concatenate([toxic, other]).astype(np.float64)
    wanted = np.arange(len(rates)) < len(toxic)
    dropped = rates > MAX_RATE
    return {
        "precision": float(wanted[dropped].mean()),
        "recall": float(dropped[wanted].mean()),
        "accuracy": float((dropped == wanted).mean()),
        "auc": auc(rates, wanted),
    }


def ordinary(texts: list[str]) -> dict[str, Json]:
    batch = Texts.of(texts)
    started = time.process_time()
    rates = toxicity_signals().compute(batch)[TOXIC_WORD_RATE]
    seconds = time.process_time() - started
    return {
        "texts": len(texts),
        "dropped": int((rates > np.float32(MAX_RATE)).sum()),
        "with any": int((rates > 0).sum()),
        "MB/s a core": len(batch.data) / 1e6 / seconds,
    }


if __name__ == "__main__":
    main()
