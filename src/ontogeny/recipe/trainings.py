"""What only a plan can tell of a training: whether its settings fit its model, its data and this machine.

Looked at before anything runs, as far as it is known by then; the step looks again, at what was made.
"""

from __future__ import annotations

from collections.abc import Iterable

from ontogeny.core import hardware
from ontogeny.core.errors import OntogenyError, UsageError
from ontogeny.estimate.devices import cpu
from ontogeny.estimate.memory import training_memory
from ontogeny.estimate.phases import largest
from ontogeny.finetune.step import FinetuneConfig
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.cluster import Cluster
from ontogeny.recipe.launch import check_processes_there
from ontogeny.recipe.located import training_at_its_line
from ontogeny.recipe.plan import Planned
from ontogeny.recipe.schema import Recipe
from ontogeny.recipe.sizes import Untold, sizes_of
from ontogeny.report import numbers
from ontogeny.train.config import check_dtype
from ontogeny.train.config_model import check_model
from ontogeny.train.config_ranks import check_parts
from ontogeny.train.config_watching import check_measured, check_trackers
from ontogeny.train.out_of_memory import what_to_lower
from ontogeny.train.size import shape_of
from ontogeny.train.step import PretrainConfig

TRAININGS = (PretrainConfig, FinetuneConfig)
ANY_VOCABULARY = 1  # for sizes that no vocabulary changes
MEMORY_MARGIN = (
    1.25  # how far formulas must miss the memory there is: more than a test lets them err by, which is 10%
)


def check_trainings(planned: Iterable[Planned], recipe: Recipe, workspace: Workspace, *, device: str) -> None:
    """Refuse trainings whose settings cannot serve; those whose result is reused are not asked.

    Raises:
        RecipeError: says which, with its line.
    """
    for one in planned:
        config = one.node.config
        if one.status == "reused" or not isinstance(config, TRAININGS):
            continue
        with training_at_its_line(recipe, one.node.name):
            check_trackers(config.train.trackers)
            check_dtype(config.train.dtype, device)
            _check_held_out(config, recipe, workspace)
            _check_model(one.node.name, config, recipe, workspace)


def check_here(
    planned: Iterable[Planned], recipe: Recipe, workspace: Workspace, *, device: str, cluster: Cluster | None
) -> None:
    """Refuse trainings for which this machine, or `cluster`, is too small; a plan may be made anywhere.

    Raises:
        RecipeError: says which, with its line.
    """
    for one in planned:
        with training_at_its_line(recipe, one.node.name):
            check_processes_there(one.node.config.processes, device, cluster)
            if device == "cpu" and cluster is None:
                _check_memory(one, recipe, workspace)


def _check_memory(one: Planned, recipe: Recipe, workspace: Workspace) -> None:
    """The system ends a process that takes too much memory of the processors without a word; a GPU says so itself."""
    if not isinstance(one.node.config, PretrainConfig):
        return  # rows of tuning are as long as its conversations, which only they tell
    try:
        sizes = sizes_of(recipe, one.node.name, workspace)
    except Untold:
        return
    total = float(hardware.describe()["memory_bytes"])
    memory = training_memory(largest(sizes.phases(cpu(matmul_flops=1.0, memory_bytes=total))))
    if memory.peak > MEMORY_MARGIN * memory.usable:
        raise UsageError(
            f"training takes about {numbers.size(memory.peak)} a process, and this machine has "
            f"{numbers.size(memory.usable)} for each: {sizes.train.rows_at_once:,} rows are computed at once",
            where="train",
            hint=what_to_lower(sizes.train),
        )


def _check_held_out(config: PretrainConfig | FinetuneConfig, recipe: Recipe, workspace: Workspace) -> None:
    if isinstance(config, PretrainConfig):
        names = [config.tokens] if isinstance(config.tokens, str) else [part.tokens for part in config.tokens]
        measured = any(_holds_out(name, recipe, workspace) for name in names)
        check_measured(config.train.early_stopping, config.train.keep, measured=measured)
    elif not _holds_out(config.data, recipe, workspace):
        raise UsageError(
            "no example is held out, so nothing could be measured",
            where="data",
            hint=f"raise `held_out_fraction` of {config.data}",
        )


def _holds_out(name: str, recipe: Recipe, workspace: Workspace) -> bool:
    """Whether a step or artifact may have held-out documents; it may where that cannot be told yet."""
    config = recipe.steps.get(name)
    if config is None:
        try:
            metrics = workspace.open(name).manifest.metrics
        except OntogenyError:
            return True
        return bool(metrics.get("held_out_tokens", True))
    corpus = getattr(config, "corpus", None)
    if isinstance(corpus, str):  # tokens hold out what their corpus does
        return _holds_out(corpus, recipe, workspace)
    return bool(getattr(config, "held_out_fraction", True))


def _check_model(
    name: str, config: PretrainConfig | FinetuneConfig, recipe: Recipe, workspace: Workspace
) -> None:
    try:
        sizes = sizes_of(recipe, name, workspace)
    except Untold:
        if isinstance(config, PretrainConfig) and config.init is None:
            _check_new_model(config)
        return
    check_model(sizes.train, sizes.config)


def _check_new_model(config: PretrainConfig) -> None:
    """What can be said of a new model whose vocabulary is not known yet."""
    if (
        config.size is not None and config.size.tokens is None
    ):  # how much is trained depends on the vocabulary
        check_parts(shape_of(config.size).resolve(ANY_VOCABULARY), config.train.tensor_parallel)
        return
    sized, _ = config.sized(ANY_VOCABULARY)
    assert sized.model is not None  # given, or what `size` comes to
    check_model(sized.training, sized.model.resolve(ANY_VOCABULARY))
