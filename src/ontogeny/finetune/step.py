"""The step `finetune`: a model and examples to a model that answers, or that tells labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from ontogeny.core.errors import UsageError
from ontogeny.finetune.config_classify import ClassifySettings, check_training
from ontogeny.finetune.config_conversations import ConversationSettings
from ontogeny.finetune.config_distil import DistilSettings, check_distilling
from ontogeny.finetune.config_guards import GuardSettings
from ontogeny.finetune.config_training import TuneConfig
from ontogeny.finetune.methods import Method, check_method, check_method_of_model
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.model.config_lora import Lora

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer


class FinetuneConfig(ConversationSettings, GuardSettings, StepConfig):
    """Settings of `finetune`."""

    step: Literal["finetune"] = "finetune"
    model: Annotated[str, Ref("model", "adapter")]
    """What is tuned; an adapter counts as the model that it makes of its base."""
    task: Literal["instruct", "classify", "distil"]
    """What it learns: to answer, to tell labels, or to answer as a teacher would."""
    classify: ClassifySettings | None = None
    """`classify`: which kind of labels, and how texts are read. None: the defaults of these."""
    distil: DistilSettings | None = None
    """`distil`: who teaches, and how."""
    data: Annotated[str, Ref("examples")]
    """Conversations, or labelled texts, to learn from."""
    method: Method = "full"
    """What of it is trained: `full` (all weights), {type: last-blocks, blocks: N} or {type: lora, rank: R, ...}, whose
    result is an adapter beside its base."""
    train: TuneConfig
    """How it is trained."""

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.train.processes

    @property
    def makes(self) -> str | None:
        """Adapters stay beside their base; a classifier is one however it was trained."""
        if self.task == "classify":
            return "classifier"
        return "adapter" if isinstance(self.method, Lora) else None

    @property
    def held_back(self) -> Mapping[tuple[str | int, ...], tuple[str, ...]]:
        """By the gate on forgetting."""
        return {} if self.forgetting is None else {("forgetting", "blocks"): self.forgetting.blocks}

    @model_validator(mode="after")
    def _check(self) -> FinetuneConfig:
        check_method(self.method, self.train)
        if self.task == "classify":
            check_training(self.train)
            if changed := self.changed():
                raise ValueError(f"`{changed[0]}` has no effect on `task: classify`: leave it out")
        elif self.classify is not None:
            raise ValueError(f"`classify` has no effect on `task: {self.task}`: leave it out")
        if self.task == "distil":
            check_distilling(self.distil, self.train, learning_curve=self.learning_curve)
        elif self.distil is not None:
            raise ValueError(f"`distil` has no effect on `task: {self.task}`: leave it out")
        if self.learning_curve and self.train.processes > 1:
            raise ValueError(
                "`learning_curve` trains in one process: leave `train.processes` out, or `learning_curve`"
            )
        if self.train.phases or self.train.document_mask:
            raise ValueError(
                "`phases` and `document_mask` are for packed rows of `pretrain`: a row here is one conversation"
            )
        return self


def run(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """What the task asks for."""
    if config.task == "classify":
        from ontogeny.finetune.step_classify import run_classify

        return run_classify(config, inputs, context)
    if config.task == "distil":
        from ontogeny.finetune.step_distil import run_distil

        return run_distil(config, inputs, context)
    from ontogeny.finetune.step_instruct import run_instruct

    return run_instruct(config, inputs, context)


def template_files(config: FinetuneConfig) -> list[Path]:
    """The files outside the workspace that hold a chat template."""
    return config.template_files()


def model_to_tune(method: Method, base: Artifact, device: str) -> Transformer:
    """The model in `base`, in float32, with adapters that it may have merged; what `method` will keep in codes stays in
    its file until then.

    Raises:
        UsageError: adapters on adapters: the model in between would be in no folder.
    """
    import torch

    from ontogeny.model.formats import frozen, huggingface, stored

    if isinstance(method, Lora) and base.kind == "adapter":
        raise UsageError(
            f"{base.name} is an adapter itself, and adapters need a whole model below them",
            where="method",
            hint="export it (`ontogeny export`, which merges) and import that, or train all weights of it",
        )
    if isinstance(method, Lora) and method.base != "float32":
        check_method_of_model(method, huggingface.read_config(base.path))
        return frozen.load(base.path, device)
    return stored.load(base.path, device, dtype=torch.float32)


FINETUNE = Step(
    name="finetune",
    version=4,
    config=FinetuneConfig,
    output="model",
    run=run,
    external_files=template_files,
    summary=("accuracy", "held_out_loss"),
)
