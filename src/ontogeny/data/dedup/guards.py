"""Alarms over what would be removed: a source that empties, a cluster that swallows everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.data.dedup.near import NearDedup

SHOWN = 5
"""Documents of a cluster that an alarm names."""


@dataclass(frozen=True)
class Alarm:
    """Something that should not be removed unasked, and the setting that allows it."""

    message: str
    setting: str


def alarms(
    settings: NearDedup,
    *,
    removed: npt.NDArray[np.bool_],
    source: npt.NDArray[np.integer],
    source_names: Sequence[str],
    cluster: npt.NDArray[np.int64],
    name_of: Callable[[int], str],
) -> list[Alarm]:
    """What is wrong with removing `removed` (n,) of the documents.

    `source` (n,) indexes `source_names`; `cluster` (n,) is -1 outside clusters; `name_of` names a document by its row.
    """
    return [
        *_source_alarms(settings, removed, source, source_names),
        *_cluster_alarms(settings, cluster, name_of),
    ]


def raise_or_return(found: list[Alarm], settings: NearDedup) -> list[Alarm]:
    """`found`, for the report. DataError where the settings say stop and there is anything."""
    if settings.on_alarm == "stop":
        stop_for(
            found,
            "look at these documents first. If they are duplicates indeed, raise dedup.near.{setting} or set "
            "dedup.near.on_alarm to report; if not, raise dedup.near.containment or lower dedup.near.max_own_words",
        )
    return found


def stop_for(found: list[Alarm], hint: str) -> None:
    """DataError where there is anything; `{setting}` in `hint` stands for what allows it."""
    if found:
        also = f" ({len(found) - 1} more alarms)" if len(found) > 1 else ""
        raise DataError(found[0].message + also, hint=hint.format(setting=found[0].setting))


def _source_alarms(
    settings: NearDedup,
    removed: npt.NDArray[np.bool_],
    source: npt.NDArray[np.integer],
    source_names: Sequence[str],
) -> list[Alarm]:
    if settings.max_source_loss is None:
        return []
    documents = np.bincount(source, minlength=len(source_names))
    lost = np.bincount(source[removed], minlength=len(source_names))
    found = []
    for number, name in enumerate(source_names):
        share = lost[number] / max(documents[number], 1)
        if documents[number] >= settings.min_source_documents and share > settings.max_source_loss:
            message = (
                f"near-duplicate removal would take {lost[number]:,} of the {documents[number]:,} documents of source "
                f"{name!r} ({share:.0%}, more than max_source_loss {settings.max_source_loss:.0%})"
            )
            found.append(Alarm(message, "max_source_loss"))
    return found


def _cluster_alarms(
    settings: NearDedup, cluster: npt.NDArray[np.int64], name_of: Callable[[int], str]
) -> list[Alarm]:
    if settings.max_cluster_documents is None:
        return []
    inside = cluster[cluster >= 0]
    sizes = np.bincount(inside) if len(inside) else np.zeros(0, dtype=np.int64)
    found = []
    for number in np.flatnonzero(sizes > settings.max_cluster_documents):
        shown = ", ".join(name_of(int(row)) for row in np.flatnonzero(cluster == number)[:SHOWN])
        message = (
            f"near-duplicate removal found a cluster of {sizes[number]:,} documents (more than max_cluster_documents "
            f"{settings.max_cluster_documents:,}), among them {shown}"
        )
        found.append(Alarm(message, "max_cluster_documents"))
    return found
