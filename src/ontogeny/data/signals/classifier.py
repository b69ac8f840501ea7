"""Signal groups of trained classifiers: one column, `quality:<name>`, the probability of being like the first set."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    from ontogeny.data.classifier import Classifier


def quality_column(name: str) -> str:
    """The group and the column of the classifier that a recipe calls `name`."""
    return f"quality:{name}"


def classifier_signals(name: str, folder: Path) -> SignalGroup:
    """The group of the classifier in `folder`; its version follows from the classifier's files.

    Raises:
        DataError: a file is missing.
    """
    from ontogeny.data.classifier import classifier_version

    column, version = quality_column(name), classifier_version(folder)
    compute = functools.partial(_compute, folder=folder, version=version, column=column)
    return SignalGroup(column, version, (column,), compute)


def _compute(texts: Texts, folder: Path, version: int, column: str) -> Columns:
    return {column: _loaded(folder, version).score(texts)}


@functools.lru_cache(maxsize=8)
def _loaded(folder: Path, version: int) -> Classifier:
    """Kept between batches; `version` tells one trained anew in the same folder."""
    from ontogeny.data.classifier import load_classifier

    return load_classifier(folder)
