"""The names of divergences between a student and its teacher: light, for configurations (see `model.divergence`)."""

from __future__ import annotations

from typing import Literal, TypeAlias

DivergenceKind: TypeAlias = Literal["forward-kl", "reverse-kl", "jsd"]
