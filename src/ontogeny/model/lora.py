"""Adapters on the linear layers of a frozen model: LoRA (arXiv 2106.09685), rsLoRA (2312.03732), DoRA (2402.09353).

    attach(model, Lora(rank=8), seed=...)     # freezes; the outputs are still those of the model
    ...                                       # train: only adapters have gradients
    merge(model)                              # plain linear layers again, with the adapters within their weights

With W (out, in) frozen, perhaps in codes (QLoRA, 2305.14314), A (r, in) and B (out, r) the adapted weight is

    V = W + scale · B A,    and for DoRA    m · V / |V|,  rows by their norms, which have no gradient (its section 4.3).

In training on the CPU, plain LoRA goes through the same functions as layers without adapters (`model.matrix`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.core.errors import UsageError, nearest
from ontogeny.core.seeds import derive_seed
from ontogeny.model.config_lora import ALL_LINEAR, Lora, is_meant
from ontogeny.model.frozen import FrozenLinear
from ontogeny.model.matrix import HALF, Matrix, times
from ontogeny.model.norm import has_cpu_gradient

ADAPTED_PART = "layers."  # tables, head and norms have no adapters

Adaptable: TypeAlias = nn.Linear | FrozenLinear
"""What adapters are put on."""


class Dropout:
    """Sets a share of numbers to zero where there are gradients; what it draws follows from seed and step alone.

    It is a hook of a training, and a part of its checkpoints, which tell it the step.
    """

    def __init__(self, share: float, *, seed: int, device: torch.device) -> None:
        self._share, self._seed, self._step = share, seed, 0
        self._generator = torch.Generator(device)
        self._begin(0)

    def __call__(self, x: Tensor) -> Tensor:
        """`x` with zeros, the others scaled so that the mean stays."""
        if not torch.is_grad_enabled():
            return x
        kept = torch.rand(x.shape, generator=self._generator, device=x.device) >= self._share
        return x * kept / (1 - self._share)

    def __deepcopy__(self, _: object) -> Dropout:
        return self  # all layers of all copies draw from one

    def after_step(self, state: object, result: object) -> None:
        """Go to the draws of the next step."""
        self._begin(self._step + 1)

    def tensors(self) -> dict[str, Tensor]:
        """Nothing large."""
        return {}

    def state(self) -> int:
        """Steps done."""
        return self._step

    def restore(self, tensors: dict[str, Tensor], state: int | None) -> None:
        """Go back to a checkpoint, or to the beginning."""
        self._begin(state or 0)

    def _begin(self, step: int) -> None:
        self._step = step
        self._generator.manual_seed(derive_seed(self._seed, "dropout", step))


class AdaptedLinear(FrozenLinear):
    """A frozen linear layer with an adapter; `weight` and `bias` are those of the layer. B is zero at the beginning.

    A begins as PyTorch begins a layer, uniform within 1 / sqrt(in), as PEFT has it.
    """

    def __init__(
        self, layer: Adaptable, settings: Lora, *, seed: int, dropout: Dropout | None = None
    ) -> None:
        super().__init__(layer.weight, layer.bias)
        assert self.weight.is_floating_point(), "adapters come before codes"
        out, width = self.weight.shape
        self.scale, self.b_rate, self.dropout = settings.scale, settings.b_rate, dropout
        like = self.weight.new_empty(0, dtype=torch.float32 if self.weight.dtype in HALF else None)
        drawn = torch.rand(settings.rank, width, generator=torch.Generator().manual_seed(seed))
        self.lora_A = nn.Parameter(((2 * drawn - 1) / math.sqrt(width)).to(like))
        self.lora_B = nn.Parameter(like.new_zeros(out, settings.rank))
        norms = _row_norms(self.base.whole().detach()) if settings.dora else None
        self.lora_magnitude = None if norms is None else nn.Parameter(norms)

    @property
    def is_plain(self) -> bool:
        """Whether `matrix` is all there is to it."""
        return self.bias is None and self.dropout is None and self.lora_magnitude is None

    @property
    def matrix(self) -> Matrix:
        """The weight with its thin factors."""
        return self.base._replace(a=self.lora_A, b=self.scale * self.lora_B)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        if self.is_plain and has_cpu_gradient(x):
            return times(x, self.matrix)
        entering = x if self.dropout is None else self.dropout(x)
        as_it_is = self.weight.dtype == self.lora_A.dtype
        unadapted = F.linear(x, self.weight) if as_it_is else times(x, self.base)
        out = unadapted + self.scale * F.linear(F.linear(entering, self.lora_A), self.lora_B)
        if self.lora_magnitude is not None:
            with torch.no_grad():
                norms = _row_norms(self.matrix.whole())
            out = out * (self.lora_magnitude / norms)
        return out if self.bias is None else out + self.bias

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The layer with its adapter within the weight, which must be of float32 or float64, and not in codes."""
        assert self.weight.dtype in (torch.float32, torch.float64), "rounding would eat the adapter"
        whole = self.matrix.whole()
        if self.lora_magnitude is not None:
            whole *= (self.lora_magnitude / _row_norms(whole)).unsqueeze(1)
        out, width = whole.shape
        with torch.device("meta"):
            layer = nn.Linear(width, out, bias=self.bias is not None)
        layer.weight = nn.Parameter(whole)
        layer.bias = self.bias  # type: ignore[assignment]
        return layer


def _row_norms(weight: Tensor) -> Tensor:
    """(out,) of a weight (out, in)."""
    norms: Tensor = torch.linalg.vector_norm(weight, dim=1)
    return norms


def attach(model: nn.Module, settings: Lora, *, seed: int) -> dict[str, AdaptedLinear]:
    """Freeze `model` and adapt the layers that `settings.targets` means; these, by name.

    Raises:
        UsageError: a pattern that means no layer, or a rank above a side of a matrix.
    """
    chosen = _chosen(linear_layers(model), settings)
    for name, layer in chosen.items():
        if settings.rank > min(layer.weight.shape):
            raise UsageError(
                f"`rank` ({settings.rank}) is above the smaller side of {name} {list(layer.weight.shape)}, where an "
                "adapter can change everything already",
                where="method",
                hint=f"lower it to at most {min(min(each.weight.shape) for each in chosen.values())}",
            )
    return adapt(model, chosen, settings, seed=seed)


def adapt(
    model: nn.Module, layers: Mapping[str, Adaptable], settings: Lora, *, seed: int
) -> dict[str, AdaptedLinear]:
    """Freeze `model` and adapt `layers` of it, whatever `settings.targets`; these, by name."""
    model.requires_grad_(requires_grad=False)
    device = next(model.parameters()).device
    dropout = Dropout(settings.dropout, seed=seed, device=device) if settings.dropout else None
    for name, layer in layers.items():
        own = derive_seed(seed, "lora", name)
        model.set_submodule(name, AdaptedLinear(layer, settings, seed=own, dropout=dropout))
    return adapters(model)


def adapters(model: nn.Module) -> dict[str, AdaptedLinear]:
    """The adapted layers of `model`, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, AdaptedLinear)}


def dropout_of(model: nn.Module) -> Dropout | None:
    """What all adapters of `model` draw from."""
    return next((layer.dropout for layer in adapters(model).values()), None)


def merge(model: nn.Module) -> None:
    """Make every adapter a part of its layer's weight; afterwards all weights can be trained."""
    for name, layer in adapters(model).items():
        model.set_submodule(name, layer.merged())
    model.requires_grad_(requires_grad=True)


def linear_layers(model: nn.Module) -> dict[str, Adaptable]:
    """Those that can be adapted, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if type(module) in (nn.Linear, FrozenLinear) and name.startswith(ADAPTED_PART)
    }


def frozen_layers(model: nn.Module) -> dict[str, FrozenLinear]:
    """All linear layers of `model`, which is frozen but for its adapters, by name; such as have none are made ones that
    stay so."""
    for name, layer in linear_layers(model).items():
        if isinstance(layer, nn.Linear):
            model.set_submodule(name, FrozenLinear(layer.weight, layer.bias))
    return {name: module for name, module in model.named_modules() if isinstance(module, FrozenLinear)}


def weight_count(model: nn.Module) -> int:
    """Weights of `model` with its adapters, each counted once, in whatever form they are kept."""
    count = sum(weight.numel() for weight in model.parameters())
    for layer in model.modules():
        if isinstance(layer, FrozenLinear):
            count += layer.out_features * layer.in_features
            count -= sum(part.numel() for part in layer.base if part is not None)
    return count


def _chosen(layers: Mapping[str, Adaptable], settings: Lora) -> dict[str, Adaptable]:
    if settings.targets == ALL_LINEAR:
        return dict(layers)
    kinds = sorted({name.rpartition(".")[2] for name in layers})
    for pattern in settings.targets:
        if not any(is_meant(pattern, name) for name in layers):
            raise UsageError(
                f"`targets` has {pattern!r}, which is no layer of this model.{nearest(pattern, kinds)}",
                where="method",
                hint=f"layers are named like {next(iter(layers))} and end in {', '.join(kinds)}; or give {ALL_LINEAR}",
            )
    return {
        name: layer
        for name, layer in layers.items()
        if any(is_meant(pattern, name) for pattern in settings.targets)
    }
