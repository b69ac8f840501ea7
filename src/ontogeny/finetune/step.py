"""The step `finetune`: a model and examples to a model that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.train.config import IMMATERIAL, TrainConfig
from ontogeny.train.config_model import check_model
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.instruct import Tuning
    from ontogeny.model.transformer import Transformer
    from ontogeny.tokenizer.codec import Tokenizer

BEFORE_FILE = "before.json"


class FinetuneConfig(StepConfig):
    """Settings of `finetune`. All weights are trained."""

    step: Literal["finetune"] = "finetune"
    model: Annotated[str, Ref("model")]
    """What is tuned."""
    task: Literal["instruct"]
    """What it learns: to answer."""
    data: Annotated[str, Ref("examples")]
    """Conversations to learn from."""
    general: Annotated[str, Ref("tokens", "corpus")] | None = None
    """Held-out text on which forgetting is measured, before and after."""
    general_max_bytes: Annotated[int, Field(ge=1)] | None = None
    """Bytes of it, up to whole documents. None: all."""
    train: TrainConfig
    """How it is trained."""

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.train.processes

    @model_validator(mode="after")
    def _check(self) -> FinetuneConfig:
        if self.general is None and self.general_max_bytes is not None:
            raise ValueError(
                "`general_max_bytes` has no effect without `general`: name a corpus there, or leave both out"
            )
        if self.train.phases or self.train.document_mask:
            raise ValueError(
                "`phases` and `document_mask` are for packed rows of `pretrain`: a row here is one conversation"
            )
        return self


def run(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode, plan, measure, tune, measure again, write a Hugging Face folder."""
    import torch

    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.conversations import encode_conversations, read_examples
    from ontogeny.finetune.instruct import plan_tuning, tune
    from ontogeny.model.formats import huggingface
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.train.packing import PACKING_FILE
    from ontogeny.train.report import write_training_report
    from ontogeny.train.snapshot_folders import snapshots_in

    model = huggingface.load(inputs["model"].path, context.device, dtype=torch.float32)
    tokenizer = Tokenizer.load(inputs["model"].path)
    check_model(config.train, model.config)
    seq_len = config.train.seq_len or model.config.seq_len
    examples = inputs["data"].path
    answers, held_out = (
        encode_conversations(read_examples(examples, split=split), tokenizer, seq_len=seq_len)
        for split in ("train", "held_out")
    )
    tuning = plan_tuning(
        answers, held_out, config=config.train, seq_len=seq_len, seed=derive_seed(context.seed, "order")
    )
    _check_batch(config.train, examples=len(answers))
    measure = _measurements(config, inputs, tuning, model, tokenizer, context.progress)
    before = _once(context.scratch / BEFORE_FILE, measure)
    with memory_is_a_setting(config.train):
        trained = tune(
            model,
            tuning,
            folder=context.scratch,
            progress=context.progress,
            origin=inputs["model"].digest,
            tokenizer=tokenizer,
        )
    after = measure()
    huggingface.save(model, context.payload, tokenizer=tokenizer)
    tuning.plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    figures = {
        **trained.figures,
        **{f"{name}_before": value for name, value in before.items()},
        **after,
        "examples": len(answers),
        "held_out_examples": len(held_out),
        "truncated": answers.truncated + held_out.truncated,
        "without_answer": answers.without_answer + held_out.without_answer,
        "packing_digest": tuning.plan.digest,
    }
    write_training_report(
        context.payload,
        title="Tuning",
        settings=config.model_dump(mode="json", exclude={"train": IMMATERIAL}),
        figures=figures | trained.spent,
        plan=tuning.plan,
        snapshots=snapshots_in(context.payload),
    )
    return Outputs(metrics=figures, spent=trained.spent)


def _check_batch(train: TrainConfig, *, examples: int) -> None:
    """Refuse a batch that would hold an example twice.

    Raises:
        UsageError: says what would fit.
    """
    if train.batch_rows > examples:
        raise UsageError(
            f"a batch has {train.batch_rows:,} rows of one example each, but there are only {examples:,} to learn from",
            where="train",
            hint=f"lower `train.batch_rows` to at most {examples:,}, or bring more examples",
        )


def _measurements(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    tuning: Tuning,
    model: Transformer,
    tokenizer: Tokenizer,
    progress: Progress,
) -> Callable[[], dict[str, float | None]]:
    """What is measured before and after: answers, and text the tuning does not aim at."""
    from ontogeny.finetune.forgetting import general_texts
    from ontogeny.inference.scoring import bits_per_byte

    general = inputs.get("general")
    texts = general_texts(general, max_bytes=config.general_max_bytes) if general is not None else []

    def measure() -> dict[str, float | None]:
        bits = bits_per_byte(model, tokenizer, texts, progress=progress).value if texts else None
        return {"held_out_loss": tuning.held_out_loss(model), "general_bits_per_byte": bits}

    return measure


def _once(path: Path, measure: Callable[[], dict[str, float | None]]) -> dict[str, float | None]:
    """What `measure` gives, kept in `path` so that a resumed step need not repeat it."""
    from ontogeny.core.files import canonical_json, read_json, write_atomic

    if not path.is_file():
        write_atomic(path, canonical_json(measure()))
    measured: dict[str, float | None] = read_json(path)
    return measured


FINETUNE = Step(
    name="finetune",
    version=2,
    config=FinetuneConfig,
    output="model",
    run=run,
    summary=("held_out_loss",),
)
