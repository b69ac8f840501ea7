"""Probable label errors: found where they were planted, written for people."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from ontogeny.data.corrections import read_corrections
from ontogeny.finetune.judged import Judged
from ontogeny.finetune.labels import (
    COLUMNS,
    LABEL_ERRORS_FILE,
    LabelError,
    confident_classes,
    find_label_errors,
    write_label_errors,
)

NAMES = ("ham", "spam", "news")


def planted(errors: int, *, noise: float = 0.0) -> tuple[Judged, set[str]]:
    """300 examples that a fair classifier judged, of which the first labels were then changed."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    raised = 0.1 + noise * rng.random((300, 3)) + np.eye(3)[truth]
    gold = truth.copy()
    gold[:errors] = (gold[:errors] + 1) % 3
    ids = tuple(f"{number:032x}" for number in range(300))
    part = Judged(ids, ids, gold, raised / raised.sum(1, keepdims=True), NAMES)
    return part, set(ids[:errors])


def test_changed_labels_are_found_with_their_truth() -> None:
    part, changed = planted(15)
    found = find_label_errors(part)
    assert {each.doc_id for each in found} == changed
    for each in found:
        row = part.doc_ids.index(each.doc_id)
        assert each.suggested == NAMES[int(part.probabilities[row].argmax())] != each.label
        assert each.probability == part.probabilities[row].max()


def test_what_was_labelled_well_is_not_accused() -> None:
    assert find_label_errors(planted(0, noise=0.3)[0]) == []


def test_the_clearest_come_first_over_all_parts() -> None:
    part, changed = planted(15, noise=0.3)
    even, odd = part.take(part.doc_ids[::2]), part.take(part.doc_ids[1::2])
    found = find_label_errors(even, odd)
    margin = {
        doc_id: row.max() - row[label]
        for doc_id, row, label in zip(part.doc_ids, part.probabilities, part.gold, strict=True)
    }
    margins = [margin[each.doc_id] for each in found]
    assert margins == sorted(margins, reverse=True)
    accused = {each.doc_id for each in found}
    assert len(accused) >= 5 and accused <= changed  # those that reach the mean of their class: about half


def test_classes_are_counted_as_a_loop_counts_them() -> None:
    rng = np.random.default_rng(1)
    probabilities, gold = rng.dirichlet(np.ones(4), 100), rng.integers(0, 3, 100)  # none is labelled 3
    threshold = [probabilities[gold == label, label].mean() for label in range(3)]
    expected = []
    for row in probabilities:
        reached = [label for label in range(3) if row[label] >= threshold[label]]
        expected.append(max(reached, key=lambda label: row[label]) if reached else -1)
    assert confident_classes(probabilities, gold).tolist() == expected


def test_a_classifier_that_cannot_tell_accuses_nobody() -> None:
    part, _ = planted(15)
    assert find_label_errors(replace(part, probabilities=np.full((300, 3), 1 / 3))) == []


def test_a_file_comes_back_as_it_was_corrected(tmp_path: Path) -> None:
    path = tmp_path / LABEL_ERRORS_FILE
    errors = [
        LabelError("a1", '=HYPERLINK("x"), "quoted"; and\na second line', "ham", "spam", 0.91),
        LabelError("b2", "Grüße \N{EURO SIGN}", "spam", "news", 0.5),
    ]
    write_label_errors(path, errors)
    assert read_corrections(path).label_of == {"a1": "ham", "b2": "spam"}
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(keepends=True)))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1][1].startswith("'=HYPERLINK")  # which a spreadsheet then does not compute
    rows[1][2] = "spam"
    with path.open("w", encoding="utf-8", newline="") as file:  # as a spreadsheet in Europe writes it
        csv.writer(file, delimiter=";").writerows(rows)
    assert read_corrections(path).label_of == {"a1": "spam", "b2": "spam"}
