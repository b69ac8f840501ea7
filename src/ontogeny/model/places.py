"""Where the tokens of one call stand, and what each of them may look at.

B rows, T new tokens, S tokens read in all (a cache's and the new ones). A row may hold padding anywhere: padding has no
place in the text, nobody looks at it, and the logits of the other tokens are those of the row without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.model.branches import Family
from ontogeny.model.packed import DocumentBounds


class Places(NamedTuple):
    """What attention needs to know of positions; the same for all layers of a kind."""

    cos: Tensor | None
    """Tables of RoPE, (T, D/2), or (B, T, D/2) with padding or documents; None where positions are learned."""
    sin: Tensor | None
    visible: Tensor | None
    """(T, S) or (B, 1, T, S), True where a token may look; None: at itself and everything left of it."""
    bounds: DocumentBounds | None = None
    """Where documents begin, for the kernel that needs no mask."""
    families: Sequence[Family] = ()
    """What is computed at once where texts that begin alike share their beginning."""
    at: Tensor | None = None
    """(P,), the new tokens that look; all T of them when None. What is visible has P rows then."""


def positions_of(real: Tensor) -> Tensor:
    """Place of every token in its text (B, S), `real` telling tokens from padding; padding gets some valid place."""
    return (real.long().cumsum(dim=1) - 1).clamp_(min=0)


def visible_tokens(
    new: int,
    read: int,
    *,
    real: Tensor | None,
    window: int | None,
    device: torch.device,
    at: Tensor | None = None,
) -> Tensor | None:
    """What the last `new` of `read` tokens may look at; None when that is everything left of them.

    Args:
        real: (B, S), True for tokens and False for padding; None without padding.
        window: how many tokens are seen, the current one included.
        at: (P,), those of the new tokens that look; all of them when not given.
    """
    narrow = window is not None and window < read
    if real is None and not narrow and (new == 1 or (new == read and at is None)):
        return None
    keys = torch.arange(read, device=device)
    looking = keys[read - new :] if at is None else keys[read - new :][at]
    queries = looking[:, None]
    visible = keys <= queries  # (T, S)
    if real is None:
        return visible & (keys > queries - window) if narrow and window is not None else visible
    visible = visible & real[:, None, :]  # (B, T, S)
    if window is not None:
        places = positions_of(real)
        visible &= places[:, None, :] > places[:, looking, None] - window
    # Padding sees itself, so that no row of scores is empty, which would be NaN and spoil every gradient.
    return (visible | (keys == queries)).unsqueeze(1)


def positions_in_documents(documents: Tensor) -> Tensor:
    """Place of every token in its document (B, T); `documents` (B, T) has a number for each, equal in neighbours."""
    places = torch.arange(documents.shape[1], device=documents.device).expand_as(documents)
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return places - torch.where(begins, places, 0).cummax(dim=1).values


def visible_in_documents(documents: Tensor, *, window: int | None) -> Tensor:
    """What tokens of packed rows may look at, (B, 1, T, T): their own document, up to themselves.

    Args:
        documents: (B, T), a number for the document of each token.
        window: how many tokens are seen, the current one included.
    """
    keys = torch.arange(documents.shape[1], device=documents.device)
    queries = keys[:, None]
    reach = keys <= queries if window is None else (keys <= queries) & (keys > queries - window)
    return ((documents[:, None, :] == documents[:, :, None]) & reach).unsqueeze(1)
