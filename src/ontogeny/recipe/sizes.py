"""What a recipe, or a run that was recorded, says about the size of a training step.

Sizes may stand in other steps (the vocabulary in the tokenizer's, the model in the one that is tuned), in artifacts, or
in outside models; what cannot be told before something else has run is `Untold`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ontogeny.core.errors import OntogenyError, UsageError, nearest
from ontogeny.core.files import read_json
from ontogeny.estimate.devices import Device
from ontogeny.estimate.phases import Phase
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.finetune.step import FinetuneConfig
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelConfig
from ontogeny.model.config_lora import BaseForm, Lora
from ontogeny.model.outside.at_hand import config_at_hand
from ontogeny.recipe.schema import Recipe
from ontogeny.train.config import TrainConfig
from ontogeny.train.phases import Stretch, stretches_of
from ontogeny.train.size import Size
from ontogeny.train.step import PretrainConfig

TRAINING_STEPS = ("pretrain", "finetune")
CONFIG_FILE = "config.json"


class Untold(Exception):
    """A size depends on what `needs` names, which has yet to be made."""

    def __init__(self, needs: str) -> None:
        super().__init__(needs)
        self.needs = needs


@dataclass(frozen=True)
class Sizes:
    """A training step: what is trained, how, in rows of how many tokens, and in how many steps, if that can be told."""

    kind: str
    config: ModelConfig
    train: TrainConfig
    seq_len: int
    steps: int | None
    tokens_rule: str = ""
    """How the number of tokens follows, in words."""
    tokens_source: str = ""
    """Where what it follows from stands."""
    lora_rank: int | None = None
    """Rank of adapters, all else frozen; None: every weight is trained."""
    base: BaseForm = "float32"
    """Under adapters, how the frozen matrices of the layers are kept."""

    def phases(self, device: Device) -> tuple[Phase, ...]:
        """As an estimate takes it; one phase where batches and rows never change."""
        if device.kind == "cpu":
            device = device.shared(self.train.processes)
        if self.steps is None:
            return (Phase(self._setup(Stretch(0, self.train.batch_rows, self.seq_len), device)),)
        found, begin = [], 0
        for stretch in stretches_of(self.train, seq_len=self.seq_len, steps=self.train.steps or self.steps):
            end = min(stretch.end, self.steps)  # a recorded run may have ended early
            if end > begin:
                tokens = float((end - begin) * stretch.batch_rows * stretch.seq_len)
                found.append(Phase(self._setup(stretch, device), tokens))
            begin = max(begin, end)
        return tuple(found)

    def _setup(self, stretch: Stretch, device: Device) -> TrainingSetup:
        train = self.train
        low = device.kind == "cuda" if train.dtype == "auto" else train.dtype == "bfloat16"
        groups = max(1, train.processes // train.tensor_parallel)
        return TrainingSetup(
            config=self.config,
            device=device,
            seq_len=stretch.seq_len,
            micro_batch=max(1, min(train.rows_at_once, stretch.batch_rows // groups)),
            batch_rows=stretch.batch_rows,
            gpus=train.processes,
            tensor_parallel=train.tensor_parallel,
            recompute=train.recompute,
            precision="bfloat16" if low and device.kind == "cuda" else "float32",
            rounded=low and device.kind == "cpu",
            optimizer=train.optimizer.type,
            lora_rank=self.lora_rank,
            base=self.base,
            document_mask=train.document_mask,
        )


def step_to_estimate(recipe: Recipe, kind: str, name: str | None) -> str:
    """The step of this kind that is meant: the one named, or the only one there is.

    Raises:
        UsageError: no such step, or several and none named.
    """
    fitting = [known for known, config in recipe.steps.items() if config.step == kind]
    if name is not None:
        if name not in fitting:
            raise UsageError(
                f"the recipe has no {kind} step {name!r}.{nearest(name, fitting)}",
                hint=f"its {kind} steps: {', '.join(fitting) or 'none'}",
            )
        return name
    if len(fitting) != 1:
        raise UsageError(
            f"the recipe has {len(fitting) or 'no'} {kind} steps" + (f": {', '.join(fitting)}" if fitting else ""),
            hint="name one: --step NAME" if fitting else f"give a recipe with one, or --size, to estimate {kind}",
        )  # fmt: skip
    return fitting[0]


def sizes_of(recipe: Recipe, name: str, workspace: Workspace) -> Sizes:
    """Sizes of the step `name`, a `pretrain` or `finetune`.

    Raises:
        Untold: they depend on what has yet to be made.
        UsageError: what `size` comes to does not fit together.
    """
    config = recipe.steps[name]
    model = model_of(recipe, name, workspace)
    train: TrainConfig
    if isinstance(config, FinetuneConfig):
        train, seq_len = config.train, config.train.seq_len or model.seq_len
        rule = "at most steps x full rows"
        return Sizes("finetune", model, train, seq_len, train.steps, rule, "the recipe", *_adapters(config))
    assert isinstance(config, PretrainConfig)
    train = config.sized(model.vocab_size)[0].training
    seq_len = train.seq_len or model.seq_len
    if train.steps is not None:
        rule = "steps x batch_rows x seq_len"
        return Sizes("pretrain", model, train, seq_len, train.steps, rule, "the recipe")
    made = _made(recipe, _first_tokens(config), workspace)
    if made is None or "tokens" not in made.manifest.metrics:
        return Sizes("pretrain", model, train, seq_len, None)
    read = made.manifest.metrics["tokens"] - made.manifest.metrics.get("held_out_tokens", 0)
    steps = max(1, -int(-train.epochs * read // (seq_len * train.batch_rows)))  # type: ignore[operator]
    return Sizes("pretrain", model, train, seq_len, steps, "epochs x training tokens", made.name)


def sizes_of_run(manifest: Manifest, folder: Path) -> Sizes | None:
    """Sizes of a training run that was recorded, whose model lies in `folder`; None where they cannot be read."""
    known: dict[str, type[PretrainConfig | FinetuneConfig]] = {
        "pretrain": PretrainConfig,
        "finetune": FinetuneConfig,
    }
    model, kind = _model_in(folder), known.get(manifest.step_type)
    if model is None or kind is None:
        return None
    try:
        config = kind.model_validate(manifest.config)
        if isinstance(config, PretrainConfig):
            config, _ = _as_it_was(config, manifest.metrics).sized(model.vocab_size)
    except (ValidationError, OntogenyError):  # written by another version
        return None
    begun = model
    if isinstance(config, PretrainConfig) and config.model is not None:
        begun = config.model.resolve(model.vocab_size)  # phases may have made its context longer since
    train = cast(TrainConfig, config.train)
    steps = manifest.metrics.get("steps_run", manifest.metrics.get("steps"))
    if not isinstance(steps, int) or steps < 1:
        return None
    rank, base = _adapters(config)
    seq_len = train.seq_len or begun.seq_len
    return Sizes(manifest.step_type, begun, train, seq_len, steps, lora_rank=rank, base=base)


def _adapters(config: PretrainConfig | FinetuneConfig) -> tuple[int | None, BaseForm]:
    """Their rank, where a step trains such, and how their base is kept."""
    method = getattr(config, "method", None)
    return (method.rank, method.base) if isinstance(method, Lora) else (None, "float32")


def _as_it_was(config: PretrainConfig, metrics: Mapping[str, Any]) -> PretrainConfig:
    """`config` with the values that `size` came to in that run: the rules may have changed since."""
    if config.size is None:
        return config
    derived = {each["name"]: each["value"] for each in metrics.get("size", ())}
    given = {name: value for name, value in derived.items() if name in Size.model_fields}
    return config.model_copy(update={"size": config.size.model_copy(update=given)})


def model_of(recipe: Recipe, reference: str, workspace: Workspace) -> ModelConfig:
    """The shape of the model that a step of the recipe makes, or an artifact holds.

    Raises:
        Untold: it depends on what has yet to be made.
        UsageError: what `size` comes to does not fit together.
    """
    config = recipe.steps.get(reference)
    if isinstance(config, PretrainConfig):
        if config.init is not None:
            return model_of(recipe, config.init, workspace)
        vocab_size = _vocabulary(recipe, _first_tokens(config), workspace)
        shape = config.sized(vocab_size)[0].model
        assert shape is not None  # given, or what `size` comes to
        return shape.resolve(vocab_size)
    if isinstance(config, FinetuneConfig):
        return model_of(recipe, config.model, workspace)
    made = _made(recipe, reference, workspace)
    found = None if made is None else _model_in(made.path)
    if found is None and config is not None and config.step == "import-model":
        found = config_at_hand(str(config.path))  # type: ignore[attr-defined]
    if found is None:
        raise Untold(reference)
    return found


def _model_in(folder: Path) -> ModelConfig | None:
    """The model whose `config.json` lies in `folder`; None where there is none that can be read."""
    return config_at_hand(str(folder.absolute()))


def _made(recipe: Recipe, reference: str, workspace: Workspace) -> Artifact | None:
    """The newest result of a step, unless it was brought in from another path; or the artifact of that name."""
    config = recipe.steps.get(reference)
    try:
        found = workspace.open(reference if config is None else f"{recipe.name}/{reference}")
    except OntogenyError:
        return None
    path = getattr(config, "path", None)
    return found if path is None or found.manifest.config.get("path") == path else None


def _first_tokens(config: PretrainConfig) -> str:
    """The tokens a `pretrain` step reads; of a mixture the first, since all have one tokenizer."""
    return config.tokens if isinstance(config.tokens, str) else config.tokens[0].tokens


def _vocabulary(recipe: Recipe, reference: str, workspace: Workspace) -> int:
    """Entries of the tokenizer that a step makes, uses or holds; of one that is yet to be trained, at most.

    Raises:
        Untold: it depends on what has yet to be made.
    """
    config = recipe.steps.get(reference)
    if config is not None and config.step == "train-tokenizer":
        return int(config.vocab_size)  # type: ignore[attr-defined]
    if config is not None and config.step == "tokenize":
        return _vocabulary(recipe, str(config.tokenizer), workspace)  # type: ignore[attr-defined]
    if config is not None and config.step != "import-tokenizer":
        return model_of(recipe, reference, workspace).vocab_size
    made = _made(recipe, reference, workspace)
    recorded = None if made is None else _recorded_vocabulary(made)
    if recorded is None:
        raise Untold(reference)
    return recorded


def _recorded_vocabulary(artifact: Artifact) -> int | None:
    recorded = artifact.manifest.metrics.get("vocab_size")
    if isinstance(recorded, int):
        return recorded
    for file in (
        artifact.path / CONFIG_FILE,
        artifact.path / "tokenizer" / "tokenizer.json",
        artifact.path / "tokenizer.json",
    ):
        if not file.is_file():
            continue
        value = read_json(file)
        if file.name == CONFIG_FILE:
            return int(value["vocab_size"])
        entries = {int(number) for number in value["model"]["vocab"].values()}
        return len(entries | {int(token["id"]) for token in value.get("added_tokens", ())})
    return None
