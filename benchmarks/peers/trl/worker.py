"""TRL's `SFTTrainer` on conversations, and transformers' `Trainer` on labelled texts, both with PEFT's LoRA.

What they are given: float32 without gradient checkpointing (slower, and TRL's default), scaled-dot-product attention,
the fused AdamW, the loss on the answers alone. Variants of the one: `bfd` packs whole conversations, which do not see
each other (TRL's default); `wrapped` cuts the stream of conversations into rows, whose parts do. Of the other, which
pads each batch to its longest text: `random` batches (its default), or such that are grouped by length,
`group_by_length`.
"""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import datasets
import peft
import torch
import transformers
import trl

from benchmarks.peers.finetune_job import (
    ALPHA,
    BETAS,
    CLIP_NORM,
    EPS,
    LEARNING_RATE,
    RANK,
    STEPS,
    FinetuneJob,
    job_of_arguments,
    messages,
)
from benchmarks.peers.turns import Turns

SAMPLERS = ("random", "group_by_length")
UNLEARNT = -100  # the label that transformers' losses pass over


class TakeTurns(transformers.TrainerCallback):
    """Ends our turn after so many steps and waits for the next; the first step is the warm-up."""

    def __init__(self, turns: Turns, steps_a_turn: int) -> None:
        self.turns = turns
        self.left = self.steps_a_turn = steps_a_turn
        self.ready = False
        self.counts: dict[str, float] = {}

    def on_step_end(
        self, args: object, state: object, control: object, model: torch.nn.Module, **_: object
    ) -> None:
        if not self.ready:
            self.turns.announce(**facts(model))
            self.ready = True
        else:
            self.left -= 1
            if self.left:
                return
            self.turns.done(**self.counts)
        self.left = self.steps_a_turn
        self.turns.wait()
        self.counts = {"tokens": 0, "examples": 0, "supervised": 0, "loss": 0.0}

    def count(self, inputs: dict[str, torch.Tensor], loss: torch.Tensor) -> None:
        """Add a batch: tokens without padding."""
        if not self.ready:
            return
        idx, labels = inputs["input_ids"], inputs["labels"]
        mask = inputs.get("attention_mask")
        self.counts["tokens"] += idx.numel() if mask is None else int(mask.sum())
        self.counts["examples"] += len(labels)
        self.counts["supervised"] += int((labels != UNLEARNT).sum())
        self.counts["loss"] = float(loss)


def facts(model: torch.nn.Module) -> dict[str, object]:
    packages = (torch, transformers, trl, peft, datasets)
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "trainable_parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "versions": {package.__name__: package.__version__ for package in packages},
    }


def counting(kind: type[transformers.Trainer], taking_turns: TakeTurns) -> type[transformers.Trainer]:
    """A trainer of `kind` that tells of every batch."""

    class Counting(kind):  # type: ignore[valid-type, misc]
        def training_step(self, model: object, inputs: dict[str, Any], *more: object, **named: object) -> Any:
            loss = super().training_step(model, inputs, *more, **named)
            taking_turns.count(inputs, loss)
            return loss

    return Counting


def main() -> None:
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    warnings.simplefilter("ignore", FutureWarning)  # the libraries' own
    job = job_of_arguments()
    turns = Turns()
    torch.set_num_threads(job.threads)
    taking_turns = TakeTurns(turns, job.steps_a_turn)
    with tempfile.TemporaryDirectory() as folder:
        make = classifying if job.variant in SAMPLERS else instructing
        make(job, settings(folder), taking_turns).train()


def settings(folder: str) -> dict[str, Any]:
    """Of both trainers."""
    return {
        "output_dir": folder,
        "max_steps": STEPS,
        "learning_rate": LEARNING_RATE,
        "adam_beta1": BETAS[0],
        "adam_beta2": BETAS[1],
        "adam_epsilon": EPS,
        "max_grad_norm": CLIP_NORM,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def adapters(task: str) -> peft.LoraConfig:
    """On all linear layers but the head."""
    return peft.LoraConfig(task_type=task, r=RANK, lora_alpha=ALPHA, target_modules="all-linear")


def instructing(job: FinetuneJob, common: dict[str, Any], taking_turns: TakeTurns) -> transformers.Trainer:
    rows = [dict(zip(("prompt", "completion"), messages(example), strict=True)) for example in job.read()]
    arguments = trl.SFTConfig(
        **common,
        packing=True,
        packing_strategy=job.variant,
        max_length=job.seq_len,
        per_device_train_batch_size=job.packed_rows,
        dataset_num_proc=None,
    )
    trainer: transformers.Trainer = counting(trl.SFTTrainer, taking_turns)(
        model=transformers.AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=transformers.AutoTokenizer.from_pretrained(job.model),
        peft_config=adapters("CAUSAL_LM"),
        callbacks=[taking_turns],
    )
    return trainer


def classifying(job: FinetuneJob, common: dict[str, Any], taking_turns: TakeTurns) -> transformers.Trainer:
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.model)
    examples = job.read()
    labels = sorted({example["label"] for example in examples})
    rows = [
        {
            "input_ids": tokenizer(example["text"], truncation=True, max_length=job.seq_len).input_ids,
            "labels": labels.index(example["label"]),
        }
        for example in examples
    ]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        job.model, num_labels=len(labels), dtype=torch.float32, pad_token_id=tokenizer.pad_token_id
    )
    arguments = transformers.TrainingArguments(
        **common,
        per_device_train_batch_size=job.rows,
        train_sampling_strategy=job.variant,
    )
    trainer: transformers.Trainer = counting(transformers.Trainer, taking_turns)(
        model=peft.get_peft_model(model, adapters("SEQ_CLS")),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        callbacks=[taking_turns],
    )
    return trainer


if __name__ == "__main__":
    main()
