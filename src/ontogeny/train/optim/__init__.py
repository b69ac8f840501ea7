"""Optimizers: which weight goes where, one learning-rate dial, and state that can be stored by name."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import Parameter

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.model.lora import adapters
from ontogeny.train.config_optimizer import AdamWConfig, OptimizerConfig
from ontogeny.train.optim.adamw import AdamW
from ontogeny.train.optim.group import Group, Part
from ontogeny.train.optim.muon import Muon


@dataclass(frozen=True)
class Weights:
    """The parameters of a model by what they are; a tied head counts once, as an embedding."""

    matrices: list[Parameter]
    """Two-dimensional weights inside the blocks."""
    embeddings: list[Parameter]
    """Input embedding and output head: one row a token."""
    inputs: list[Parameter]
    """Those of them that are not the head."""
    gains: list[Parameter]
    """Gains of norms, biases."""
    faster: dict[float, list[Parameter]]
    """Matrices of adapters that move with so many times the rate (`model.lora`), which are not among `matrices`."""


def trained_weights(model: nn.Module) -> dict[str, Parameter]:
    """Those of `model` that have gradients, by name; the others are frozen."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def sort_weights(model: nn.Module) -> Weights:
    """Split the trainable parameters of `model`."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    inputs = set[int]()
    if isinstance(head := getattr(model, "lm_head", None), nn.Linear):
        inputs = tables - {id(head.weight)}
        tables.add(id(head.weight))
    trained = trained_weights(model).values()
    faster: dict[float, list[Parameter]] = {}
    for layer in adapters(model).values():
        if layer.b_rate != 1.0:
            faster.setdefault(layer.b_rate, []).append(layer.lora_B)
    apart = tables | {id(weight) for weights in faster.values() for weight in weights}
    return Weights(
        matrices=[p for p in trained if p.ndim == 2 and id(p) not in apart],
        embeddings=[p for p in trained if id(p) in tables],
        inputs=[p for p in trained if id(p) in inputs],
        gains=[p for p in trained if p.ndim != 2],
        faster=faster,
    )


class Optimizer:
    """One or two optimizers that together hold every weight of a model once."""

    def __init__(self, model: nn.Module, config: OptimizerConfig) -> None:
        self._names: dict[Parameter, str] = {parameter: name for name, parameter in model.named_parameters()}
        self._parts = _build(sort_weights(model), config)
        self._groups = [group for part in self._parts for group in part.groups]
        self._peaks = [group.lr for group in self._groups]

    @property
    def parameters(self) -> list[Parameter]:
        """Every trained weight."""
        return [weight for group in self._groups for weight in group.weights]

    @property
    def lr(self) -> float:
        """The rate of the first group now: of the matrices."""
        return self._groups[0].lr

    def set_lr(self, multiplier: float) -> None:
        """Set every group to `multiplier` of its peak rate."""
        for group, peak in zip(self._groups, self._peaks, strict=True):
            group.lr = peak * multiplier

    def step(self) -> None:
        """Move the weights along their gradients, and drop the gradients."""
        for part in self._parts:
            part.step()
        self.drop_gradients()

    def drop_gradients(self) -> None:
        """Forget the gradients; the weights stay."""
        for weight in self.parameters:
            weight.grad = None

    def state(self) -> dict[str, Tensor]:
        """Everything the next step depends on, by `parameter name/state name`."""
        return {
            f"{self._names[parameter]}/{key}": value
            for part in self._parts
            for parameter, state in part.state.items()
            for key, value in state.items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `state` gave.

        Raises:
            ArtifactError: a tensor belongs to no weight of this model.
        """
        parameters = {name: parameter for parameter, name in self._names.items()}
        owner = {weight: part for part in self._parts for weight in part.state}
        for name, value in tensors.items():
            parameter_name, _, key = name.rpartition("/")
            parameter = parameters.get(parameter_name)
            if parameter is None or parameter not in owner:
                raise ArtifactError(
                    f"the optimizer's state names {parameter_name!r}, which is no weight of this model"
                )
            owner[parameter].state[parameter][key] = value.to(parameter.device)


def _build(weights: Weights, config: OptimizerConfig) -> list[Part]:
    if isinstance(config, AdamWConfig):
        decayed = weights.matrices + (weights.embeddings if config.decay_embeddings else [])
        kept = weights.gains + ([] if config.decay_embeddings else weights.embeddings)
        groups = [Group(decayed, config.lr, config.weight_decay), Group(kept, config.lr)]
        groups += [
            Group(of_adapters, times * config.lr, config.weight_decay)
            for times, of_adapters in weights.faster.items()
        ]
        return [AdamW([group for group in groups if group.weights], betas=config.betas, eps=config.eps)]
    muon = Muon(
        Group(weights.matrices, config.lr, config.weight_decay),
        momentum=config.momentum,
        newton_schulz_steps=config.newton_schulz_steps,
        cautious=config.cautious,
    )
    apart = weights.inputs if config.embedding_lr is not None else []
    others = [table for table in weights.embeddings if not any(table is each for each in apart)]
    groups = [Group(weights.gains + others, config.adam_lr)]
    if config.embedding_lr is not None:
        if not apart:
            raise UsageError(
                "`embedding_lr` has no effect: the embedding of this model is its head as well",
                where="train.optimizer",
                hint="give `adam_lr`, which is that of both",
            )
        groups.append(Group(apart, config.embedding_lr))
    return [muon, AdamW(groups, betas=config.adam_betas, eps=config.adam_eps)]
