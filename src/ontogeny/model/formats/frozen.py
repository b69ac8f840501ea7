"""A model read to be frozen in part: the matrices of its layers stay in their file, and are float32 for a product only.

    model = load(folder)              # needs memory for tables, head and norms
    ...                               # adapters, and what is to be measured of the model as it is
    with kept(model, "nf4", folder):  # the matrices in codes, made one by one
        ...                           # tune
    ...                               # measure, on the matrices of the file again

Only pages of files are in memory beside, which the system takes away when it needs their place. Tables, head and norms
stay float32, as QLoRA leaves them (arXiv 2305.14314, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats.huggingface import read_config, read_weights
from ontogeny.model.frozen import FrozenLinear
from ontogeny.model.lora import frozen_layers, linear_layers
from ontogeny.model.quantised_kinds import QuantisedForm
from ontogeny.model.transformer import Transformer


def load(folder: Path, device: str = "cpu") -> Transformer:
    """Read the whole model in `folder` for `device`; not one of GPT-2's family.

    Raises:
        ModelFormatError: as `huggingface.load`.
    """
    model = Transformer.without_weights(read_config(folder))
    layers = linear_layers(model)
    others: dict[str, Tensor] = {}
    for name, stored in read_weights(folder):
        layer = layers.get(name.removesuffix(".weight"))
        if layer is None:
            others[name] = stored.to(
                device, torch.float32, copy=True
            )  # a part in use keeps its file in memory
        else:
            weight = nn.Parameter(_as_stored(stored, device), requires_grad=False)
            model.set_submodule(name.removesuffix(".weight"), FrozenLinear(weight, layer.bias))
    model.load_state_dict(others, strict=False, assign=True)  # the matrices of layers are in place
    model.make_tables(device)
    return model.eval()


@contextmanager
def kept(model: Transformer, form: QuantisedForm, folder: Path) -> Iterator[None]:
    """Keep the matrices of the layers of `model`, which is frozen but for adapters, in `form` within the context; then
    they are those in `folder` again, from which it was loaded.

    Raises:
        ModelFormatError: a matrix that is not of finite numbers.
        UsageError: a form that a matrix cannot be kept in.
    """
    layers = frozen_layers(model)
    for name, layer in layers.items():
        layer.keep_in(form)
        if layer.scales is None or not layer.scales.isfinite().all():
            raise ModelFormatError(
                f"tensor {name}.weight holds values that are not finite",
                where=str(folder),
                hint="the model is broken: train or fetch it again",
            )
    yield
    for name, stored in read_weights(folder):
        if (found := layers.get(name.removesuffix(".weight"))) is not None:
            found.give_back(_as_stored(stored, str(model.device)))


def _as_stored(weight: Tensor, device: str) -> Tensor:
    """In its type, unless that is wider than float32."""
    return weight.to(device, torch.float32 if weight.dtype == torch.float64 else weight.dtype)
