"""Alarms before a source empties or a cluster swallows a corpus."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.dedup.guards import Alarm, alarms, raise_or_return
from ontogeny.data.dedup.near import NearDedup


def found(settings: NearDedup, *, removed: int = 60, cluster: int = 0) -> list[Alarm]:
    gone = np.arange(200) < removed
    source = (np.arange(200) >= 100).astype(np.int64)
    clusters = np.where(np.arange(200) < cluster, 0, -1)
    names = ["books", "web"]
    return alarms(
        settings,
        removed=gone,
        source=source,
        source_names=names,
        cluster=clusters,
        name_of=lambda row: f"doc{row}",
    )


def test_a_source_that_loses_too_much_stops_the_run() -> None:
    settings = NearDedup()
    with pytest.raises(DataError) as error:
        raise_or_return(found(settings), settings)
    assert error.value.message == (
        "near-duplicate removal would take 60 of the 100 documents of source 'books' "
        "(60%, more than max_source_loss 50%)"
    )
    assert "raise dedup.near.max_source_loss" in str(error.value.hint)


def test_a_cluster_that_grows_too_large_stops_the_run() -> None:
    settings = NearDedup(max_cluster_documents=30)
    with pytest.raises(DataError) as error:
        raise_or_return(found(settings, removed=0, cluster=31), settings)
    assert error.value.message == (
        "near-duplicate removal found a cluster of 31 documents (more than max_cluster_documents 30), "
        "among them doc0, doc1, doc2, doc3, doc4"
    )
    assert "raise dedup.near.max_cluster_documents" in str(error.value.hint)


def test_more_than_one_alarm_is_said() -> None:
    settings = NearDedup(max_cluster_documents=30)
    with pytest.raises(DataError, match=r"\(1 more alarms\)"):
        raise_or_return(found(settings, cluster=31), settings)


def test_alarms_may_be_for_the_report_only() -> None:
    settings = NearDedup(on_alarm="report")
    assert [alarm.setting for alarm in raise_or_return(found(settings), settings)] == ["max_source_loss"]


@pytest.mark.parametrize(
    "settings",
    [
        NearDedup(max_source_loss=0.6),
        NearDedup(max_source_loss=None, max_cluster_documents=None),
        NearDedup(min_source_documents=101),
    ],
)
def test_what_is_allowed_is_no_alarm(settings: NearDedup) -> None:
    assert raise_or_return(found(settings, cluster=200), settings) == []
