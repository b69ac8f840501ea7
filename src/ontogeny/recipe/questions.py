"""What `ontogeny estimate` is asked, turned into a setup and answered.

Sizes come from a recipe, a model or a name; the device from the table of GPUs, or this machine, measured; what is left
open is chosen. What is given on the command line goes before what a recipe says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ontogeny.core import hardware
from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.estimate.choice import choose
from ontogeny.estimate.devices import Device, cpu, gpu, gpu_called
from ontogeny.estimate.figures import (
    Estimate,
    Prices,
    compute_optimal_tokens,
    estimate_serving,
    estimate_training,
)
from ontogeny.estimate.phases import Phase, tokens_of
from ontogeny.estimate.serving import ServingSetup, check_serving
from ontogeny.estimate.setup import OptimizerName, TrainingSetup, check
from ontogeny.estimate.shapes import shape_of
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelConfig
from ontogeny.model.flops import parameter_count
from ontogeny.model.formats.companions import is_gguf
from ontogeny.model.outside.at_hand import config_in_file
from ontogeny.recipe.estimates import Here
from ontogeny.recipe.located import training_at_its_line
from ontogeny.recipe.models import is_outside, locate_model, open_artifact
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.sizes import Untold, sizes_of, step_to_estimate
from ontogeny.recipe.table import STEPS
from ontogeny.train.config import check_dtype

BATCH_TOKENS = ((1e9, 2**19), (float("inf"), 2**22))
"""Tokens of an update where none are given: half a million up to a billion weights (GPT-3's smallest, arXiv 2005.14165,
table 2.1), four million above (Llama 2, arXiv 2307.09288, table 1)."""
TUNING_BATCH_TOKENS = 2**16
"""The same for fine-tuning: 32 rows of 2,048."""
SEQ_LEN = 4096  # where a model allows for more and nobody says


@dataclass(frozen=True)
class TrainingQuestion:
    """The options of `estimate pretrain` and `finetune`; None is left open."""

    kind: Literal["pretrain", "finetune"]
    recipe: Path | None
    overrides: Sequence[str]
    step: str | None
    size: str | None
    model: str | None
    gpus: int | None
    gpu: str | None
    nodes: int | None
    network_gbps: float | None
    tokens: float | None
    seq_len: int | None
    micro_batch: int | None
    batch_tokens: int | None
    tensor_parallel: int | None
    recompute: bool | None
    optimizer: str | None
    lora_rank: int | None
    vocab_size: int
    price_per_hour: float | None
    price_per_kwh: float | None


@dataclass(frozen=True)
class ServingQuestion:
    """The options of `estimate serve`."""

    size: str | None
    model: str | None
    weight_type: str
    batch: int
    context: int
    prompt: int
    gpus: int | None
    gpu: str | None
    vocab_size: int
    price_per_hour: float | None


def answer_training(question: TrainingQuestion, workspace: Workspace) -> Estimate:
    """The estimate.

    Raises:
        UsageError: options that cannot be meant, together or alone, or a size that cannot be told yet.
    """
    _check_options(question)
    device = _device(question.gpu, question.network_gbps)
    gpus = question.gpus if question.nodes is None else question.nodes * device.per_node
    if device.kind == "cpu" and gpus is not None and gpus > 1:
        raise UsageError(
            f"{gpus} GPUs of which kind?",
            hint="name it: --gpu h100; processes on a CPU are a recipe's `train.processes`",
        )
    of = _of_size if question.recipe is None else _of_recipe
    asked = of(question, workspace, device, gpus)
    if question.tokens is not None:
        asked = asked.reading(question.tokens)
    calibration = Here(workspace, device.kind).calibration(asked.phases, device)
    return estimate_training(
        question.kind,
        asked.name,
        asked.phases,
        tokens_rule=asked.tokens_rule,
        tokens_source=asked.tokens_source,
        calibration=calibration,
        prices=Prices(question.price_per_hour, question.price_per_kwh),
    )


@dataclass(frozen=True)
class _Asked:
    """What a question comes to."""

    name: str
    phases: tuple[Phase, ...]
    tokens_rule: str = ""
    tokens_source: str = ""

    def reading(self, tokens: float) -> _Asked:
        """The same on `tokens`, each phase with its share."""
        whole = tokens_of(self.phases)
        shares = [1.0 if whole is None else (phase.tokens or 0.0) / whole for phase in self.phases]
        phases = tuple(
            dataclasses.replace(phase, tokens=share * tokens)
            for phase, share in zip(self.phases, shares, strict=True)
        )
        return _Asked(self.name, phases, "as given", "--tokens")


def answer_serving(question: ServingQuestion, workspace: Workspace) -> Estimate:
    """The estimate.

    Raises:
        UsageError: options that cannot be meant.
    """
    name, config = _model(question.size, question.model, question.vocab_size, workspace)
    setup = ServingSetup(
        config,
        _device(question.gpu, None),
        weight_type=question.weight_type,
        batch=question.batch,
        context=question.context,
        prompt=question.prompt,
        gpus=question.gpus or 1,
    )
    check_serving(setup)
    return estimate_serving(name, setup, prices=Prices(question.price_per_hour))


def _check_options(question: TrainingQuestion) -> None:
    """Refuse options that exclude each other.

    Raises:
        UsageError: names them.
    """
    sources = {"a recipe": question.recipe, "--size": question.size, "--model": question.model}
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            f"{' and '.join(given)} exclude each other" if given else "nothing says which model",
            hint="give one: a recipe, --size such as 7b, or --model",
        )
    for option, value in (("--step", question.step), ("--set", question.overrides)):
        if value and question.recipe is None:
            raise UsageError(
                f"{option} is for a recipe, and there is none", hint="give a recipe, or leave it out"
            )
    if question.gpus is not None and question.nodes is not None:
        raise UsageError(
            "--gpus and --nodes exclude each other", hint="--nodes 8 is 64 GPUs of the usual machine"
        )
    if question.network_gbps is not None and question.gpu is None:
        raise UsageError("--network-gbps is for GPUs, and none is named", hint="name one: --gpu h100")
    if question.optimizer not in (None, "adamw", "muon"):
        raise UsageError(f"there is no optimizer {question.optimizer!r}", hint="it is adamw or muon")
    if question.lora_rank is not None and question.kind == "pretrain":
        raise UsageError(
            "--lora is for fine-tuning: pretraining moves every weight",
            hint="`ontogeny estimate finetune --lora N`, or leave it out",
        )
    if question.price_per_kwh is not None and question.gpu in (None, "cpu"):
        raise UsageError("--price-per-kwh needs a device whose power is known", hint="name a GPU: --gpu h100")


def _device(name: str | None, network_gbps: float | None) -> Device:
    """The GPU of this name; without one, this machine's GPU where the table has it, else its processor, measured."""
    if name is not None and name != "cpu":
        found = gpu(name)
        return (
            found
            if network_gbps is None
            else dataclasses.replace(found, network_bandwidth=network_gbps * 1e9 / 8)
        )
    if name is None and hardware.resolve_device("auto") == "cuda":
        import torch

        present = gpu_called(torch.cuda.get_device_name())
        if present is None:
            raise UsageError(
                f"there is no data on this machine's {torch.cuda.get_device_name()}",
                hint="name one like it (--gpu h100), or --gpu cpu",
            )
        return present
    return this_processor()


def this_processor() -> Device:
    """This machine's processor; measuring it takes under a second."""
    import torch

    from ontogeny.estimate.probe import memory_bandwidth
    from ontogeny.train.precision import matmul_flops_per_second

    return cpu(
        matmul_flops=matmul_flops_per_second("cpu", torch.float32),
        memory_bandwidth=memory_bandwidth(),
        memory_bytes=float(hardware.describe()["memory_bytes"]),
    )


def _of_recipe(question: TrainingQuestion, workspace: Workspace, device: Device, gpus: int | None) -> _Asked:
    """The run of a step, with what was given on top; all of it stays as the recipe has it otherwise."""
    assert question.recipe is not None
    recipe = load_recipe(question.recipe, STEPS, overrides=question.overrides)
    resolve(recipe, workspace, STEPS)  # refuses what `run` would refuse
    step = step_to_estimate(recipe, question.kind, question.step)
    try:
        sizes = sizes_of(recipe, step, workspace)
    except Untold as untold:
        raise UsageError(
            f"the size of {step} cannot be told before {untold.needs} is there",
            hint=f"make it, which trains nothing: ontogeny run {question.recipe} --until {untold.needs}; or give "
            "--size instead of a recipe",
        ) from untold
    with training_at_its_line(recipe, step):
        check_dtype(sizes.train.dtype, device.kind)
    phases = tuple(_changed(phase, question, gpus) for phase in sizes.phases(device))
    return _Asked(f"{recipe.name}/{step}", phases, sizes.tokens_rule, sizes.tokens_source)


def _changed(phase: Phase, question: TrainingQuestion, gpus: int | None) -> Phase:
    """A phase with the options of the command line, reading as many tokens as before."""
    seq_len = question.seq_len or phase.setup.seq_len
    changes = {
        "gpus": gpus,
        "seq_len": question.seq_len,
        "batch_rows": None if question.batch_tokens is None else max(1, question.batch_tokens // seq_len),
        "tensor_parallel": question.tensor_parallel,
        "recompute": question.recompute,
        "optimizer": question.optimizer,
        "lora_rank": question.lora_rank,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    setup: TrainingSetup = dataclasses.replace(phase.setup, **given)  # type: ignore[arg-type]
    share = max(1, setup.batch_rows // max(1, setup.groups))
    setup = dataclasses.replace(setup, micro_batch=question.micro_batch or min(setup.micro_batch, share))
    check(setup)
    return Phase(setup, phase.tokens)


def _of_size(question: TrainingQuestion, workspace: Workspace, device: Device, gpus: int | None) -> _Asked:
    """A run of usual proportions on a model of this size; what is left open is chosen."""
    name, config = _model(question.size, question.model, question.vocab_size, workspace)
    seq_len = question.seq_len or min(SEQ_LEN, config.seq_len)
    usual = next(tokens for most, tokens in BATCH_TOKENS if parameter_count(config) <= most)
    batch_tokens = question.batch_tokens or (usual if question.kind == "pretrain" else TUNING_BATCH_TOKENS)
    gpus, parts = gpus or 1, question.tensor_parallel or 1
    groups = max(1, gpus // parts)
    rows = max(1, batch_tokens // seq_len)
    micro_batch = question.micro_batch or 1
    if question.batch_tokens is None or rows >= groups:
        # Every group has as many rows: a batch that they cannot share evenly is made whole.
        rows = groups * micro_batch * max(1, round(rows / (groups * micro_batch)))
    setup = TrainingSetup(
        config=config,
        device=device,
        seq_len=seq_len,
        micro_batch=micro_batch,
        batch_rows=rows,
        gpus=gpus,
        tensor_parallel=parts,
        precision="float32" if device.kind == "cpu" else "bfloat16",
        optimizer=cast(OptimizerName, question.optimizer or "adamw"),
        lora_rank=question.lora_rank,
    )
    check(setup)
    setup = choose(setup, micro_batch=question.micro_batch, recompute=question.recompute)
    if question.kind == "finetune":
        return _Asked(name, (Phase(setup),))
    tokens = compute_optimal_tokens(setup.parameters)
    return _Asked(name, (Phase(setup, tokens),), "20 a parameter", "arXiv 2203.15556, table 3")


def _model(
    size: str | None, model: str | None, vocab_size: int, workspace: Workspace
) -> tuple[str, ModelConfig]:
    """The name and shape that --size or --model means."""
    if (size is None) == (model is None):
        raise UsageError(
            "--size and --model exclude each other" if size else "nothing says which model",
            hint="give one: --size 7b, or --model python-tutor/base",
        )
    if size is not None:
        return shape_of(size, vocab_size=vocab_size)
    assert model is not None
    return model, _config_of_model(model, workspace)


def _config_of_model(model: str, workspace: Workspace) -> ModelConfig:
    """The shape of a model here, or of an outside one, whose weights need not be there."""
    path = Path(model).expanduser()
    if path.suffix != ".json" and not is_gguf(path):
        if not is_outside(model):
            path = open_artifact(model, workspace).path
        elif not (path / "config.json").is_file():
            path = locate_model(model, workspace).folder
        path = path / "config.json"
    try:
        return config_in_file(path)
    except ArtifactError as error:
        raise UsageError(
            f"{path} cannot be read", hint="name a model, its config.json or a .gguf file"
        ) from error
