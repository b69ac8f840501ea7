"""Data for the tasks of the shipped suites: a few rows each, in the form that each file has."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ontogeny.tasks.catalogue import find_tasks

CHOOSING = {"choices": ["water", "sand", "fire", "salt"]}
SCHEMA = {"context_options": ["The cup", "The jug"], "continuation": "is full.", "gold": 1}
ROWS = 12  # one, and ten examples before it
LINES: Mapping[str, list[dict[str, Any]]] = {
    **{
        f"icl-tasks/{name}.jsonl": [{**CHOOSING, "query": f"Question: {n}?", "gold": n % 4} for n in range(ROWS)]
        for name in ("arc_easy", "arc_challenge", "openbook_qa")
    },
    "icl-tasks/commonsense_qa.jsonl": [
        {"query": f"Question: {n}?\nAnswer:", "choices": [*"ABCD"], "gold": 2} for n in range(ROWS)
    ],
    "icl-tasks/boolq.jsonl": [
        {"query": f"Passage: It is {n}.\nQuestion: is it?", "choices": ["no", "yes"], "gold": 1} for n in range(ROWS)
    ],
    "icl-tasks/copa.jsonl": [{"query": f"It rained {n}, so", "choices": ["wet", "dry"], "gold": 0} for n in (1, 2)],
    "icl-tasks/lambada_openai.jsonl": [{"context": f"At {n} the cup is", "continuation": "full"} for n in (1, 2)],
    "icl-tasks/winograd_wsc.jsonl": [SCHEMA, {**SCHEMA, "gold": 0}],
    "icl-tasks/winogrande.jsonl": [SCHEMA, {**SCHEMA, "gold": 0}],
    "piqa/valid.jsonl": [{"goal": f"Fill {n}", "sol1": "pour", "sol2": "burn"} for n in range(ROWS)],
    "gsm8k-train/train.jsonl": [{"question": f"{n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(7)],
    "mt-bench/mt_bench/question.jsonl": [
        {"question_id": n, "category": "writing", "turns": [f"Write {n} words.", "Again."]} for n in (1, 2)
    ],
    "hh-rlhf-harmless/harmless-base-312.jsonl.gz": [
        {"chosen": f"\n\nHuman: do harm {n}\n\nAssistant: No.\n\nHuman: ok\n\nAssistant: Bye."} for n in (1, 2)
    ],
    "ifeval/input_data.jsonl": [
        {"key": n, "prompt": "No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
        for n in (1, 2)
    ],
    "humaneval/HumanEval.jsonl.gz": [
        {
            "task_id": f"HumanEval/{n}", "prompt": "def one():\n", "entry_point": "one",
            "canonical_solution": "    return 1\n",
            "test": "def check(candidate):\n    assert candidate() == 1\n",
        }
        for n in (1, 2)
    ],
}  # fmt: skip
TEXTS = {
    "wikitext-2-valid/valid.raw.txt": " \n = Cups = \n \n A cup . \n \n = Jugs = \n \n A jug . \n",
    "hellaswag/hellaswag-val.txt": "".join(f"A cup {n}\n0\nis\nwas\nwill\nhad\n" for n in range(ROWS)),
    "piqa/valid-labels.lst": "0\n" * ROWS,
    "sst-2/stsa.binary.train": "1 good cups\n0 bad jugs\n",
    "sst-2/stsa.binary.dev": "1 good jugs\n0 bad cups\n",
    "sst-2/stsa.binary.test": "1 fine jugs\n0 poor cups\n",
    "ag-news-test/test.csv": '"3","Cups","They sell."\n"2","Jugs","They win."\n',
    "truthfulqa/TruthfulQA.csv": (
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        "A,Cups,Are cups wet?,Some,Some; Not all,All; None,x\nA,Jugs,Are jugs big?,Some,Some,All; None,x\n"
    ),
    "alpaca/alpaca_5000.json": json.dumps(
        [{"instruction": "Say cup.", "input": "", "output": "a"}, {"instruction": "Say", "input": "b", "output": ""}]
    ),
}  # fmt: skip


def write_task_data(root: Path) -> None:
    """Every file that the suites `foundation` and `aligned` and the task `core` read, below `root`."""
    for name, rows in LINES.items():
        _write(root / name, "".join(json.dumps(row) + "\n" for row in rows))
    for name, text in TEXTS.items():
        _write(root / name, text)
    for path in _files_of("blimp"):
        rows = [{"sentence_good": f"Cup {n} is.", "sentence_bad": f"Cup {n} are."} for n in (1, 2)]
        _write(root / path, "".join(json.dumps(row) + "\n" for row in rows))
    for path in _files_of("mmlu"):
        header = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
        rows_of_csv = [header, *([f"Is {n} a cup?", "yes", "no", "so", "then", 1] for n in range(6))]
        out = io.StringIO()
        csv.writer(out).writerows(rows_of_csv)
        _write(root / path, out.getvalue())


def _files_of(group: str) -> Iterable[str]:
    for task in find_tasks(group).tasks:
        files = task.definition.dataset_kwargs.data_files
        assert isinstance(files, dict)
        for path in files.values():
            yield str(path).removeprefix("${DATA}/")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
