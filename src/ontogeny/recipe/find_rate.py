"""The learning-rate range test of a step of a recipe, on its own data and model; nothing is published."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.core.errors import UsageError, nearest
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.located import training_at_its_line
from ontogeny.recipe.plan import Node, gather_inputs, make_plan, with_ancestors
from ontogeny.recipe.schema import Recipe
from ontogeny.train.config import TrainConfig, check_dtype
from ontogeny.train.config_optimizer import OptimizerConfig
from ontogeny.train.step import PretrainConfig

if TYPE_CHECKING:
    from ontogeny.train.rate_finder import Found

RATES = ("lr", "adam_lr", "embedding_lr")  # of optimizers, those that one has


def step_to_try(nodes: Sequence[Node], name: str | None) -> Node:
    """The `pretrain` step of that name, or the only one.

    Raises:
        UsageError: no such step, one of another kind, or several to choose from.
    """
    able = [node for node in nodes if isinstance(node.config, PretrainConfig)]
    known = ", ".join(node.name for node in able) or "none"
    if name is None:
        if len(able) == 1:
            return able[0]
        raise UsageError(
            f"the recipe has {len(able)} `pretrain` steps",
            hint=f"name the one to try: {known}" if able else None,
        )
    for node in able:
        if node.name == name:
            return node
    if any(node.name == name for node in nodes):
        raise UsageError(f"{name} is no `pretrain` step", hint=f"rates can be tried for: {known}")
    said = nearest(name, [node.name for node in able])
    raise UsageError(f"there is no step {name!r}.{said}", hint=f"rates can be tried for: {known}")


def find_step_rate(
    recipe: Recipe,
    nodes: Sequence[Node],
    node: Node,
    workspace: Workspace,
    *,
    device: str,
    steps: int,
    low: float,
    high: float,
    progress: Progress,
) -> tuple[Found, dict[str, float]]:
    """Try `steps` rates from `low` to `high` on a step whose inputs are made; what was found, and what sets it.

    All rates of an optimizer rise together in the trial, so all are set: by the paths of their fields in the recipe.
    The trial has no phases: what they do to the rate goes by the batch that `train` itself has.

    Raises:
        UsageError: an input that is not made yet, or a training of too few steps.
        OntogenyError: as the step itself would.
    """
    import torch

    from ontogeny.train.loop import TrainState
    from ontogeny.train.objective import next_token
    from ontogeny.train.optim import Optimizer
    from ontogeny.train.precision import resolve_dtype
    from ontogeny.train.pretrain import batches_of
    from ontogeny.train.rate_finder import LEAST_STEPS, find_rate, ramp
    from ontogeny.train.step import prepare

    assert isinstance(node.config, PretrainConfig)  # as `step_to_try` chose it
    with training_at_its_line(recipe, node.name):
        check_dtype(node.config.train.dtype, device)
    inputs = _inputs(recipe, nodes, node, workspace, device)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        context = Context(place, place, node.seed, device, progress, cache=workspace.root / "cache")
        ready = prepare(_without_phases(node.config), inputs, context)
        config = ready.config.training
        steps = min(steps, ready.plan.order.steps)
        if steps < LEAST_STEPS:
            raise UsageError(
                f"a trial of {steps} steps shows nothing",
                hint=f"give it, and the training, at least {LEAST_STEPS}",
            )
        with torch.enable_grad():
            found = find_rate(
                TrainState(ready.model, Optimizer(ready.model, config.optimizer)),
                batches_of(ready.plan, ready.shards, config, device),
                partial(next_token, z_loss=config.z_loss),
                ramp(low, high, steps),
                clip_grad_norm=config.clip_grad_norm,
                dtype=resolve_dtype(config.dtype, device),
                progress=progress,
            )
        return found, _fields_of(node, config.optimizer, found.suggested)


def _without_phases(config: PretrainConfig) -> PretrainConfig:
    if not isinstance(config.train, TrainConfig):
        return config
    return config.model_copy(update={"train": config.train.model_copy(update={"phases": ()})})


def _fields_of(node: Node, optimizer: OptimizerConfig, suggested: float | None) -> dict[str, float]:
    """The fields of the recipe that hold the rates, and the rates that `suggested`, one for the matrices, comes to."""
    if suggested is None:
        return {}
    assert isinstance(node.config, PretrainConfig)
    place = "train.optimizer" if node.config.size is None else "size"
    held = {name: getattr(optimizer, name, None) for name in RATES}
    return {
        f"steps.{node.name}.{place}.{name}": rate * suggested / optimizer.lr
        for name, rate in held.items()
        if rate is not None
    }


def _inputs(
    recipe: Recipe, nodes: Sequence[Node], node: Node, workspace: Workspace, device: str
) -> dict[str, Artifact]:
    before = [each for each in with_ancestors(nodes, [node]) if each.name != node.name]
    planned = make_plan(before, workspace, device=device)
    made = {each.node.name: each.artifact for each in planned if each.artifact is not None}
    inputs = gather_inputs(node, made)
    if inputs is None:
        missing = [use.step for use in node.uses if use.step is not None and use.step not in made]
        raise UsageError(
            f"{node.name} needs {missing[0]}, which is not made yet",
            hint=f"make it first: ontogeny run {recipe.source.path if recipe.source else 'RECIPE.yaml'} "
            f"--until {missing[0]}",
        )
    for artifact in inputs.values():
        artifact.check(content=True)
    return inputs
