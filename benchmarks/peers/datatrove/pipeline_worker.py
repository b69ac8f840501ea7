"""datatrove from raw input to token shards, as its examples do it: filters, four MinHash stages, tokens.

    jsonl   JSON lines -> Gopher repetition and quality, C4, FineWeb -> MinHash -> tokens
    warc    WARC -> trafilatura -> Gopher repetition and quality, C4, FineWeb -> MinHash -> tokens

One task, one process: what is compared is CPU seconds.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
from pathlib import Path
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.tokens import DocumentTokenizer
from datatrove.pipeline.writers import JsonlWriter


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("jsonl", "warc"))
    parser.add_argument("input", type=Path, help="a folder")
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("work", type=Path)
    job = parser.parse_args()
    shutil.rmtree(job.work, ignore_errors=True)
    work = {name: str(job.work / name) for name in ("kept", "sigs", "buckets", "removed", "unique", "tokens")}
    config = MinhashConfig()

    stages = itertools.count()

    def run(*pipeline: Any, tasks: int = 1) -> None:
        logs = str(
            job.work / "logs" / str(next(stages))
        )  # of its own: a stage that logged its end is not run again
        LocalPipelineExecutor(pipeline=list(pipeline), tasks=tasks, workers=1, logging_dir=logs).run()

    reading = (
        [JsonlReader(str(job.input))] if job.kind == "jsonl" else [WarcReader(str(job.input)), Trafilatura()]
    )
    run(
        *reading,
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        JsonlWriter(work["kept"], compression=None),
    )
    if not any(Path(work["kept"]).iterdir()):
        return
    run(JsonlReader(work["kept"]), MinhashDedupSignature(work["sigs"], config=config))
    run(MinhashDedupBuckets(work["sigs"], work["buckets"], config=config), tasks=config.num_buckets)
    run(MinhashDedupCluster(work["buckets"], work["removed"], config=config))
    run(
        JsonlReader(work["kept"]),
        MinhashDedupFilter(work["removed"]),
        JsonlWriter(work["unique"], compression=None),
    )
    run(
        JsonlReader(work["unique"]),
        DocumentTokenizer(
            work["tokens"], str(job.tokenizer), eos_token="<|endoftext|>", shuffle_documents=False
        ),
    )


if __name__ == "__main__":
    main()
