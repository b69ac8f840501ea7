"""Initial weights: normal, and nothing yet from the layers that write to the residual stream.

GPT-2's scheme (Radford et al. 2019, section 2.3) for every matrix, N(0, 0.02²); the two matrices of a layer that write
to the residual stream, and an untied head, begin at or near zero, so that the first steps learn which layers to use
instead of undoing noise (arXiv 2203.03466, appendix D.2). Where a norm stands behind those matrices they begin like the
others: it undoes any scale, and at zero its gradient is enormous. An embedding that is not also the head begins larger.
Each tensor draws from a generator of its own, named after it: adding a tensor never moves another one's numbers, and
the result is the same on every device.
"""

from __future__ import annotations

import torch

from ontogeny.core.seeds import derive_seed
from ontogeny.model.transformer import Transformer

INIT_STD = 0.02  # GPT-2; also transformers' initializer_range for Qwen3
EMBEDDING_STD = 0.5  # near the size of what layers will add to it; docs/decisions/0007-python-tutor-sizes.md
HEAD_STD = 0.002  # an untied head: nearly even odds for every token, yet no two rows alike
RESIDUAL_WRITERS = ("o_proj.weight", "down_proj.weight")


@torch.no_grad()
def initialise(model: Transformer, seed: int) -> None:
    """Fill the weights of `model` from `seed`: matrices normal or zero, gains one, biases zero."""
    config = model.config
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            is_gain = name.endswith("norm.weight")
            parameter.fill_(1.0 if is_gain and not config.norm_unit_offset else 0.0)
        elif name.endswith(RESIDUAL_WRITERS) and not config.post_norms:
            parameter.zero_()
        else:
            generator = torch.Generator().manual_seed(derive_seed(seed, "init", name))
            std = _std(name, tied=model.lm_head is None)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def _std(name: str, *, tied: bool) -> float:
    if name.startswith("lm_head"):
        return HEAD_STD
    return EMBEDDING_STD if name.startswith("embed_tokens") and not tied else INIT_STD
