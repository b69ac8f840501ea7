"""What a loss or a gradient that is no number came from: the step, its documents, and the layer.

The batch is computed once more with hooks on every module. In the forward pass the first module to give something that
is not finite is the place; where all of it is finite, the backward pass is followed the same way, from the loss to the
embedding, to the first module that takes a finite gradient and gives one that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ontogeny.core.errors import OntogenyError
from ontogeny.model.transformer import Transformer
from ontogeny.train.objective import BatchT, Objective, summed_loss
from ontogeny.train.precision import rounded_on_cpu

SHOWN_DOCUMENTS = 8


class NotFinite(OntogenyError):
    """A loss or a gradient that is no number."""


def not_finite(
    step: int, documents: Sequence[str], *, loss: float, grad_norm: float, place: str
) -> NotFinite:
    """The error for a step (from 0) whose loss or gradient is not finite; `place` as `find_place` gives it."""
    return NotFinite(
        f"the loss is {loss:g} and the gradient's norm {grad_norm:g} at step {step + 1}; "
        f"documents read: {listed(documents)}; first seen {place}",
        hint="lower `train.optimizer.lr` or lengthen `train.schedule.warmup_steps`; if it is always this step, look at "
        "those documents",
    )


def listed(documents: Sequence[str]) -> str:
    """The first few of them and how many more there are."""
    more = f" and {len(documents) - SHOWN_DOCUMENTS} more" if len(documents) > SHOWN_DOCUMENTS else ""
    return ", ".join(documents[:SHOWN_DOCUMENTS]) + more


def find_place(
    model: Transformer, batches: Sequence[BatchT], objective: Objective[BatchT], *, dtype: torch.dtype
) -> str:
    """Where `batches` first give something that is not finite, in words. Leaves weights alone, drops gradients."""
    spoiled = [name for name, weight in model.named_parameters() if not _finite(weight)]
    if spoiled:
        return f"in the weights of {spoiled[0]}, which the step before left so"
    model.zero_grad(set_to_none=True)
    found: list[str] = []
    try:
        for batch in batches:
            with _watched(model, found):
                loss = summed_loss(model, batch, objective, dtype) / max(1, batch.supervised)
                if not found and not _finite(loss):
                    found.append("forward, in the head and the loss, behind the last norm")
                if not found:
                    with rounded_on_cpu(dtype, model.device.type):
                        loss.backward()  # type: ignore[no-untyped-call]
            found += [
                f"backward, in the gradient of {name}"
                for name, weight in reversed(list(model.named_parameters()))
                if weight.grad is not None and not _finite(weight.grad)
            ]
            if found:
                return found[0]
    finally:
        model.zero_grad(set_to_none=True)
    return "nowhere: computing the batch again gave finite numbers, so look at the machine"


@contextmanager
def _watched(model: nn.Module, found: list[str]) -> Iterator[None]:
    """Tells `found` of every module at which numbers cease to be finite, in the order of computing."""
    handles = []
    for name, module in model.named_modules():
        if name and not isinstance(module, nn.ModuleList):
            handles.append(module.register_forward_hook(_forward_hook(name, found)))
            if not isinstance(module, nn.Embedding):  # what it reads has no gradient
                handles.append(module.register_full_backward_hook(_backward_hook(name, found)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _forward_hook(name: str, found: list[str]) -> Callable[[nn.Module, object, object], None]:
    def look(module: nn.Module, given: object, output: object) -> None:
        if not _all_finite(output):
            found.append(f"forward, in {name}")

    return look


def _backward_hook(name: str, found: list[str]) -> Callable[[nn.Module, object, object], None]:
    def look(module: nn.Module, grad_input: object, grad_output: object) -> None:
        if _all_finite(grad_output) and not _all_finite(grad_input):
            found.append(f"backward, in {name}")

    return look


def _all_finite(values: object) -> bool:
    """Whether every number in a tensor, or in the tensors of a tuple, is finite."""
    if isinstance(values, Tensor):
        return _finite(values)
    return all(_all_finite(each) for each in values) if isinstance(values, (tuple, list)) else True


def _finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(torch.isfinite(value).all())
