"""Small trainings that several processes do together: started by `tests.train.test_ranks` under torchrun.

    torchrun ... -m tests.train.ranks_job CASES.json

Every case trains in a folder of its own; the first process leaves `weights.safetensors`, `figures.json` and `payload`
there, with what the run publishes beside the model.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ontogeny.core.progress import QuietProgress
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.train import training
from ontogeny.train.batches import Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.objective import next_token
from ontogeny.train.packing import pack_text
from ontogeny.train.ranks import OnlyFirstGoesOn, meet, whole_model_device
from ontogeny.train.training import HeldOut, train
from tests.random_weights import randomise
from tests.train.conftest import VOCAB_SIZE, Shards, Unlike, make_tiny_model, tiny_documents
from tests.train.stop_at import StopAt, Stopped

STEPS = 20
WEIGHTS_FILE = "weights.safetensors"
FIGURES_FILE = "figures.json"


def make_model(case: dict[str, Any]) -> Transformer:
    """The model of a case, always with the same weights."""
    if "shape" not in case:
        return make_tiny_model(tie_embeddings=case.get("tie", True))
    model = Transformer(ModelShape.model_validate(case["shape"]).resolve(VOCAB_SIZE))
    randomise(model, 3)
    return model


def run_case(case: dict[str, Any]) -> None:
    """Train as `case` says: `folder`; where they differ `train`, `tie` or `shape`, `double`, `stop_at`, `unlike`."""
    torch.set_num_threads(1)
    folder = Path(case["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model(case)
    if case.get("double"):
        model.double()
    settings = {
        "steps": STEPS,
        "batch_rows": 5,  # no number of processes divides it
        "micro_batch_rows": 1,
        "schedule": {"warmup_steps": 3},
        "clip_grad_norm": 0.5,
        "log_every": 1,
        "eval_every": 5,
        "checkpoint_seconds": 0 if "stop_at" in case else 3600,
        **case.get("train", {}),
    }
    documents = tiny_documents()
    plan = pack_text(documents, seq_len=12, batch_rows=5, steps=STEPS, seed=1)
    held_out = pack_text(documents.take(plan.row[:3]), seq_len=12, batch_rows=1, seed=1)
    shards = Shards(600)
    measured = Unlike() if case.get("unlike") else shards
    model = model.to(whole_model_device("cpu", processes=case.get("train", {}).get("processes", 1)))
    training.matmul_flops_per_second = lambda device, dtype: 1e9  # type: ignore[assignment]
    trained = train(
        model,
        Batches(plan, shards, micro_batch_rows=settings["micro_batch_rows"], masked=shards),
        config=TrainConfig.model_validate(settings),
        folder=folder,
        progress=QuietProgress(),
        label="test",
        device="cpu",
        held_out=HeldOut(Batches(held_out, measured, micro_batch_rows=2), tokens_per_byte=0.5),
        objective=StopAt(case["stop_at"]) if "stop_at" in case else next_token,
    )
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    save_file(weights, folder / WEIGHTS_FILE)
    (folder / FIGURES_FILE).write_text(json.dumps(trained.figures))
    (folder / "payload").mkdir()
    trained.publish(folder / "payload")


def main() -> None:
    """Every case in turn; an error of any is that of the job."""
    with meet("cpu"):
        for case in json.loads(Path(sys.argv[1]).read_text()):
            with suppress(OnlyFirstGoesOn, Stopped):
                run_case(case)


if __name__ == "__main__":
    main()
