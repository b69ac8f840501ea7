"""Alarms before a source empties or a cluster swallows a corpus."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.dedup.guards import Alarm, Loss, cluster_alarms, source_alarms, stop_or_say
from ontogeny.data.dedup.near import ExactDedup, NearDedup

LOSSES = {"web": Loss(100, 0, 0), "books": Loss(100, 60, 45)}


def clusters(settings: NearDedup, size: int) -> list[Alarm]:
    return cluster_alarms(settings, np.where(np.arange(200) < size, 0, -1), lambda row: f"doc{row}")


def said(alarms: list[Alarm], settings: ExactDedup | NearDedup) -> list[str]:
    notes: list[str] = []
    stop_or_say(alarms, settings, notes.append)
    return notes


@pytest.mark.parametrize("settings", [NearDedup(), ExactDedup()])
def test_a_source_that_loses_too_much_stops_the_run(settings: ExactDedup | NearDedup) -> None:
    with pytest.raises(DataError) as error:
        said(source_alarms(settings, LOSSES), settings)
    assert error.value.message == (
        "removing copies would take 60 of the 100 documents of source 'books' "
        "(60%, more than max_source_loss 50%); 45 of them are exact copies"
    )
    assert f"write dedup: {{type: {settings.type}, max_source_loss: ...}}" in str(error.value.hint)
    assert ("max_own_words" in str(error.value.hint)) == (settings.type == "near")


def test_a_cluster_that_grows_too_large_stops_the_run() -> None:
    settings = NearDedup(max_cluster_documents=30)
    with pytest.raises(DataError) as error:
        said(clusters(settings, 31), settings)
    assert error.value.message == (
        "near-duplicate removal found a cluster of 31 documents (more than max_cluster_documents 30), "
        "among them doc0, doc1, doc2, doc3, doc4"
    )
    assert "max_cluster_documents: ...}" in str(error.value.hint)
    assert clusters(settings, 30) == clusters(NearDedup(max_cluster_documents=None), 200) == []


def test_more_than_one_alarm_is_said() -> None:
    with pytest.raises(DataError, match=r"\(1 more alarms\)"):
        said(source_alarms(ExactDedup(), {**LOSSES, "again": Loss(20, 19, 19)}), ExactDedup())


def test_alarms_may_be_notes() -> None:
    settings = NearDedup(on_alarm="report")
    (note,) = said(source_alarms(settings, LOSSES), settings)
    assert "source 'books'" in note


@pytest.mark.parametrize(
    "settings",
    [
        NearDedup(max_source_loss=0.6),
        ExactDedup(max_source_loss=None),
        ExactDedup(min_source_documents=101),
    ],
)
def test_what_is_allowed_is_no_alarm(settings: ExactDedup | NearDedup) -> None:
    assert source_alarms(settings, LOSSES) == []
