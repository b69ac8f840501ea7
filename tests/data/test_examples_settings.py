"""How sources of examples may be written, and what cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.data.examples_settings import ExamplesConfig


def config(source: object, task: str = "classify", **settings: Any) -> ExamplesConfig:
    return ExamplesConfig.model_validate({"source": source, "task": task, **settings})


@pytest.mark.parametrize(
    ("path", "type"),
    [
        ("a.csv", "csv"),
        ("a.TSV", "csv"),
        ("./x/*.jsonl.gz", "jsonl"),
        ("a.json", "jsonl"),
        ("s3://b/a.parquet", "parquet"),
        ("mail/*/*.txt", "text"),
    ],
)
def test_the_type_is_told_from_the_suffix(path: str, type: str) -> None:
    (source,) = config({"path": path}).source
    assert source.type == type


def test_three_spellings_of_sources() -> None:
    assert config({"path": "a.csv"}) == config([{"path": "a.csv"}])
    parts = {"train": "a.csv", "test": "b.jsonl", "columns": {"text": "body"}, "name": "mail"}
    assert config(parts) == config(
        [
            {"path": "a.csv", "part": "train", "name": "mail-train", "columns": {"text": "body"}},
            {"path": "b.jsonl", "part": "test", "name": "mail-test", "columns": {"text": "body"}},
        ]
    )


def test_what_was_resolved_means_the_same_again() -> None:
    first = config({"train": "a.csv", "validation": "b.csv"}, labels=["a", 1])
    assert ExamplesConfig.model_validate(first.model_dump(mode="json")) == first


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"source": {"path": "a.xyz"}}, "'a.xyz' does not tell how it is read: write `type:` jsonl, csv"),
        ({"source": []}, "at least 1 item"),
        ({"source": {"test": "a.csv"}}, "`train: PATH` is missing"),
        (
            {"source": {"train": "a.csv", "path": "b.csv"}},
            "write `path`, or a path for each of train, validation, test",
        ),
        ({"source": {"path": "a.csv", "part": "test"}}, "no source is for training"),
        ({"source": [{"path": "a.csv"}, {"path": "b/a.csv"}]}, "two sources are named 'a'"),
        (
            {"source": {"train": "a.csv", "test": "b.csv"}, "test_fraction": 0.1},
            "`test_fraction` has no effect",
        ),
        (
            {"source": {"train": "a", "validation": "b", "type": "csv"}, "held_out_fraction": 0.2},
            "`held_out_fraction`",
        ),
        (
            {"source": {"path": "a.csv"}, "task": "instruct", "labels": ["a", "b"]},
            "`labels` is for `task: classify`",
        ),
        ({"source": {"path": "a.csv"}, "task": "instruct", "test_fraction": 0.5}, "`test_fraction` is for"),
        ({"source": {"path": "*.txt"}, "task": "instruct"}, "`type: text` is for `task: classify`"),
        ({"source": {"path": "a.txt"}}, "a.txt is one text, .* or `type: lines` where each line is a label"),
        ({"source": {"type": "python-docs-questions"}}, "these questions have answers, not labels"),
        ({"source": {"path": "a.csv"}, "labels": ["a"]}, "at least two names"),
        ({"source": {"path": "a.csv"}, "labels": ["a", "a"]}, "at least two names that differ"),
        (
            {"source": {"path": "a.csv"}, "labels": [True, False]},
            "YAML reads this word as true: put it in quotes",
        ),
        ({"source": {"path": "a.jsonl", "header": ["a"]}}, "`header` names the columns of CSV and TSV files"),
        ({"source": {"path": "a.txt", "columns": {"text": "a"}}}, "a file of text has no columns"),
        (
            {"source": {"path": "a", "type": "lines", "columns": {"text": "a"}}},
            "a file of lines has no columns",
        ),
        ({"source": {"path": "a.jsonl", "encoding": "latin-1"}}, "`encoding` has no effect on jsonl"),
        ({"source": {"path": "a.csv", "encoding": "latin-l"}}, "no encoding is named 'latin-l'"),
        (
            {"source": {"path": "a.csv", "columns": {"label": ["a", "b"]}}},
            "only `text` is joined from several",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ExamplesConfig.model_validate({"task": "classify", **settings})


def test_a_fifth_is_for_testing_where_nothing_else_is_said() -> None:
    assert config({"path": "a.csv"}).test_share == 0.2
    assert config({"path": "a.csv"}, test_fraction=0).test_share == 0
    assert config({"train": "a.csv", "test": "b.csv"}).test_share == 0
    assert config({"path": "a.csv"}, "instruct").test_share == 0
