"""The tables of figures in README.md, made from benchmarks/results/*.json so that no figure there is typed by hand.

python -m benchmarks.figures            print them
python -m benchmarks.figures --write    put them into README.md, between the two markers
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from benchmarks import figures_curation as curation
from benchmarks import figures_documents as documents
from benchmarks import figures_evaluation as evaluation
from benchmarks import figures_finetune_speed as tuning
from benchmarks import figures_finetuning as finetuning
from benchmarks import figures_life as life
from benchmarks import figures_pretraining as pretraining
from benchmarks import figures_qlora as qlora
from benchmarks import figures_tokenizers as tokenizers
from benchmarks.figure_table import HEAD, Result, Row
from benchmarks.measure import RESULTS, ROOT

README = ROOT / "README.md"
BEGIN = "<!-- figures: begin (make bench) -->"
END = "<!-- figures: end -->"
NOTHING_YET = "No results yet: `make bench` measures them and fills this table."

RowsOf: TypeAlias = Callable[[Result], Sequence[Row]]
TABLES: dict[str, dict[str, RowsOf]] = {
    "A whole life": {
        "demo": life.demo,
        "cli_startup": life.start_up,
        "overhead": life.overhead,
        "lifecycle_kills": life.kills,
        "gguf_fuzz": life.damaged_files,
    },
    "Curation": {
        "rules_datatrove": curation.rules,
        "curate_end_to_end": curation.end_to_end,
        "extraction": documents.extraction,
        "language_quality": documents.languages,
        "classifier_quality": documents.classifiers,
        "pii_quality": documents.personal_data,
        "dedup_quality": curation.copies,
        "dedup_speed": curation.speed_over_copies,
        "decontamination": curation.decontamination,
    },
    "Tokenizers": {"tokenizer_encode": tokenizers.encoding, "tokenizer_train": tokenizers.training},
    "Pretraining": {
        "time_to_loss": pretraining.race,
        "pretrain_throughput": pretraining.throughput,
        "pretrain_throughput_10m-16k": pretraining.throughput,
        "pretrain_throughput_30m": pretraining.throughput,
        "pretrain_throughput_10m-16k_bfloat16": pretraining.throughput,
        "pretrain_throughput_30m_bfloat16": pretraining.throughput,
        "checkpoint_cost": pretraining.checkpoints,
    },
    "Fine-tuning": {
        "finetune_accuracy_trec": finetuning.classifier,
        "finetune_accuracy_banking77": finetuning.classifier,
        "finetune_accuracy_sms": finetuning.classifier,
        "finetune_accuracy_gsm8k": finetuning.assistant,
        "finetune_accuracy_alpaca": finetuning.assistant,
        "finetune_speed": tuning.speed,
        "qlora": qlora.base_in_codes,
    },
    "Evaluation": {"evaluate_parity": evaluation.parity, "evaluate_speed": evaluation.speed},
}
"""By subject, what a result file becomes."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        README.write_text(with_figures(README.read_text(), render(RESULTS)))
    else:
        print(render(RESULTS))


def with_figures(text: str, tables: str) -> str:
    """`text` with the part between the markers replaced by `tables`."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def render(results: Path) -> str:
    """Markdown: a table for each subject that has a result file, and below it the commands."""
    tables = [table(title, rows, results) for title, rows in TABLES.items()]
    return "\n\n".join(filter(None, tables)) or NOTHING_YET


def table(title: str, rows_of: Mapping[str, RowsOf], results: Path) -> str:
    """The rows of the results that exist, with what was measured; an older result may lack some, or all."""
    lines: list[str] = []
    sources: dict[str, None] = {}  # a command that wrote several results stands there once
    for name, rows_from in rows_of.items():
        path = results / f"{name}.json"
        if not path.exists():
            continue
        result = Result(json.loads(path.read_bytes()))
        if rows := [row for row in rows_from(result) if row.ours is not None]:
            lines += [str(row.below(above)) for above, row in pairwise([None, *rows]) if row is not None]
            sources[f"- {result.source}"] = None
    if not lines:
        return ""
    return "\n".join([f"### {title}", "", *HEAD, *lines, "", "Measured by", "", *sources])


if __name__ == "__main__":
    main()
