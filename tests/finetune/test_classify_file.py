"""Files of texts: every row that can be read comes back with its label, or nothing is written at all."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune import classify_file
from ontogeny.finetune.classifier import Classifier
from ontogeny.finetune.classify_file import check_output, count_rows, text_column, write_classified
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.test_classifier import make_classifier

TEXTS = ["the names", "a list", 'one, "two"\nlines', "one number", "größer"]


@pytest.fixture
def classifier(tokenizer: Tokenizer) -> Classifier:
    return make_classifier(tokenizer)


def write_csv(path: Path, header: list[str], rows: list[list[str]], *, bom: bool = False) -> Path:
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        csv.writer(file, delimiter=";" if bom else ",").writerows([header, *rows])
    return path


def classified(classifier: Classifier, source: Path, target: Path, *, column: str = "text") -> list[str]:
    rows = count_rows(source, column=column, note=lambda _: None)
    write_classified(classifier, source, target, rows, column=column, progress=QuietProgress())
    return list(rows.notes())


@pytest.mark.parametrize("bom", [False, True])
def test_csv_with_the_columns_added(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch, *, bom: bool
) -> None:
    monkeypatch.setattr(classify_file, "ROWS_AT_ONCE", 2)
    source = write_csv(
        tmp_path / "in.csv", ["id", "body"], [[str(n), text] for n, text in enumerate(TEXTS)], bom=bom
    )
    assert classified(classifier, source, tmp_path / "out.csv", column="body") == []
    with (tmp_path / "out.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["body"] for row in found] == TEXTS
    for row, said in zip(found, classifier.classify(TEXTS), strict=True):
        assert row["label"] == said.label
        assert float(row["probability"]) == pytest.approx(said.probability, abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_json_lines_keep_what_they_hold(tmp_path: Path, classifier: Classifier) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "the names", "more": {"a": [1, null]}}\n{"text": "a list"}\n')
    classified(classifier, source, tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found[0]["more"] == {"a": [1, None]}
    assert set(found[1]) == {"text", "label", "probability", "probabilities"}
    assert sum(found[1]["probabilities"].values()) == pytest.approx(1)
    classified(classifier, source, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["more"] for row in csv.DictReader(file)] == ['{"a": [1, null]}', ""]


def test_columns_of_the_input_are_never_overwritten(tmp_path: Path, classifier: Classifier) -> None:
    source = write_csv(tmp_path / "in.csv", ["text", "label"], [["the names", "mine"]])
    notes = classified(classifier, source, tmp_path / "out.jsonl")
    assert "ours are predicted_label and predicted_probability" in notes[0]
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert row["label"] == "mine"
    assert row["predicted_label"] in classifier.description.labels


def test_rows_that_cannot_be_read_are_counted_and_told(tmp_path: Path, classifier: Classifier) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "the names"}\nnot json\n{"text": 5}\n{"txt": "a"}\n{"text": "a list"}\n')
    (note,) = classified(classifier, source, tmp_path / "out.jsonl")
    assert note.startswith("3 of 5 rows cannot be read and are left out; the first: ")
    assert "not_json" in note
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def computed(monkeypatch: pytest.MonkeyPatch, *, stop_after: int | None = None) -> list[str]:
    """The texts that are computed from now on; the user stops it after so many calls."""
    plain, texts_of, calls = Classifier.probabilities, list[str](), itertools.count()

    def watched(self: Classifier, texts: Any, **settings: Any) -> Any:
        if next(calls) == stop_after:
            raise KeyboardInterrupt
        texts_of.extend(texts)
        return plain(self, texts, **settings)

    monkeypatch.setattr(Classifier, "probabilities", watched)
    return texts_of


def test_an_interrupted_run_writes_nothing_and_goes_on_where_it_was(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(tmp_path / "in.csv", ["text"], [[text] for text in TEXTS])
    classified(classifier, source, tmp_path / "whole.csv")
    target = tmp_path / "out.csv"
    target.write_text("before")
    monkeypatch.setattr(classify_file, "ROWS_AT_ONCE", 2)
    with monkeypatch.context() as patch:
        computed(patch, stop_after=1)
        with pytest.raises(KeyboardInterrupt):
            classified(classifier, source, target)
    assert target.read_text() == "before"
    kept = tmp_path / ".out.csv.answers"
    assert sorted(path.name for path in tmp_path.iterdir()) == [kept.name, "in.csv", "out.csv", "whole.csv"]
    kept.write_bytes(kept.read_bytes() + b"cut off")
    with monkeypatch.context() as patch:
        again = computed(patch)
        classified(classifier, source, target)
    assert again == TEXTS[2:]
    whole, found = ((tmp_path / name).read_text().splitlines() for name in ("whole.csv", "out.csv"))
    for one, other in zip(whole[1:], found[1:], strict=True):
        assert one.split(",")[:-1] == other.split(",")[:-1]
    assert not kept.exists()


def test_what_another_classifier_left_does_not_count(
    tmp_path: Path, classifier: Classifier, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(tmp_path / "in.csv", ["text"], [[text] for text in TEXTS])
    with monkeypatch.context() as patch:
        computed(patch, stop_after=0)
        with pytest.raises(KeyboardInterrupt):
            classified(make_classifier(tokenizer, "ordinal"), source, tmp_path / "out.csv")
    assert (tmp_path / ".out.csv.answers").is_file()
    again = computed(monkeypatch)
    classified(classifier, source, tmp_path / "out.csv")
    assert again == TEXTS


def test_a_text_is_computed_once(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classify_file, "ROWS_AT_ONCE", 3)
    source = write_csv(tmp_path / "in.csv", ["text"], [[text] for text in TEXTS * 3])
    texts = computed(monkeypatch)
    classified(classifier, source, tmp_path / "out.csv")
    assert sorted(texts) == sorted(TEXTS)
    with (tmp_path / "out.csv").open(newline="") as file:
        found = [(row["text"], row["label"], row["probability"]) for row in csv.DictReader(file)]
    assert found == found[:5] * 3


def test_a_column_that_is_missing(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["id", "texts"], [["1", "the names"]])
    with pytest.raises(UsageError, match=r"no column 'text'.*Did you mean 'texts'") as caught:
        count_rows(source, column="text", note=lambda _: None)
    assert caught.value.hint == "say which column holds the texts: --column NAME"


def test_files_without_rows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        count_rows(tmp_path / "in.csv", column="text", note=lambda _: None)
    (tmp_path / "in.jsonl").write_text("not json\n")
    with pytest.raises(DataError, match=r"no row can be read; the first: .*not_json"):
        count_rows(tmp_path / "in.jsonl", column="text", note=lambda _: None)


def test_outputs_that_are_not_written(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["text"], [["the names"]])
    with pytest.raises(UsageError, match="it would replace the input"):
        check_output(source, source)
    with pytest.raises(UsageError, match=r"out.parquet is not written"):
        check_output(source, tmp_path / "out.parquet")
    with pytest.raises(UsageError, match="there is no folder"):
        check_output(source, tmp_path / "away" / "out.csv")


def test_the_column_is_found_by_its_plain_name(tmp_path: Path) -> None:
    told: list[str] = []
    kaggle = write_csv(tmp_path / "in.csv", ["v1", "v2"], [["ham", "the names"]])
    assert text_column(kaggle, told.append) == "v2"
    assert told == ["in.csv: text: the column 'v2'"]
    both = write_csv(tmp_path / "both.csv", ["message", "text"], [["a", "b"]])
    assert text_column(both, told.append) == "text"
    unclear = write_csv(tmp_path / "unclear.csv", ["message", "review"], [["a", "b"]])
    assert (
        text_column(unclear, told.append) == "text"
    )  # which is not there, and is refused with the names that are
    assert len(told) == 1


def test_blank_texts_are_left_out_and_told(tmp_path: Path, classifier: Classifier) -> None:
    source = write_csv(tmp_path / "in.csv", ["text"], [["the names"], ["  "], ["a list"]])
    notes = classified(classifier, source, tmp_path / "out.csv")
    assert notes == [
        "1 of 3 rows cannot be read and are left out; the first: " + notes[0].partition("first: ")[2]
    ]
    assert "'text' is empty" in notes[0]
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ["the names", "a list"]
