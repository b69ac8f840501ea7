"""The page of a classifier: what it answers, and that it holds what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontogeny.finetune.baselines import LINEAR, MAJORITY
from ontogeny.finetune.judged import Judged
from ontogeny.finetune.labels import find_label_errors
from ontogeny.finetune.report import classification_page, write_classification_report
from ontogeny.finetune.report_figures import Findings, classification_figures, headline
from ontogeny.statistics.learning_curve import Measured, extrapolate

TUNED = "this model"


def judged(seed: int, *, skill: float, classes: int = 3, examples: int = 200) -> Judged:
    rng = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(0, classes, examples)
    raised = rng.random((examples, classes)) ** 4 + skill * np.eye(classes)[gold]
    ids = tuple(f"{number:032x}" for number in range(examples))
    texts = tuple(f"text <b>{number}</b>" for number in range(examples))
    names = tuple(f"label_{number}" for number in range(classes))
    return Judged(ids, texts, gold, raised / raised.sum(1, keepdims=True), names)


def findings(*, skill: float = 1.0, linear: float = 0.3, classes: int = 3) -> Findings:
    test = {
        TUNED: judged(1, skill=skill, classes=classes),
        MAJORITY: judged(2, skill=0.0, classes=classes),
        LINEAR: judged(3, skill=linear, classes=classes),
    }
    few = judged(4, skill=0.1, classes=classes)
    test["the base, 8 examples"] = few.take(few.doc_ids[:40])
    uncalibrated = judged(5, skill=0.4, classes=classes)
    return Findings(
        title="Classifier",
        test=test,
        temperature=1.25,
        uncalibrated=uncalibrated,
        label_counts={name: {"train": 90, "held_out": 10, "test": 20} for name in few.names},
        lengths={"train": [5, 6, 7] * 90, "held_out": [5, 8] * 15, "test": [9, 3] * 100},
        seq_len=64,
        cut=3,
        seed=1,
        label_errors=find_label_errors(uncalibrated),
        lines=[
            {"step": step, "loss": 2 / step, "lr": 1e-3, "tokens": step, "held_out_loss": 2.1 / step}
            for step in range(1, 30)
        ],
        examples={
            "copies": {"train": 4},
            "leaks": {"test": 7},
            "groups_in_two_parts": 0,
            "conflicts": {"texts": 2},
        },
        growth=extrapolate(
            [Measured(n, right, 200) for n, right in ((60, 120), (120, 150), (240, 170))], seed=1
        ),
        settings={"task": "classify"},
    )


@pytest.mark.parametrize(
    ("skill", "linear", "said", "tone"),
    [
        (1.5, 0.2, "Fine-tuning was worth it: it gets ", "good"),
        (0.2, 1.5, "Fine-tuning was not worth it: it gets ", "bad"),
        (0.5, 0.5, "Undecided whether fine-tuning was worth it: ", "plain"),
    ],
)
def test_the_headline_says_whether_it_was_worth_it(skill: float, linear: float, said: str, tone: str) -> None:
    found = findings(skill=skill, linear=linear)
    answer = headline(found)
    assert answer.text.startswith(said) and answer.tone == tone
    assert f"{100 * found.tuned.scores.accuracy:.1f}% of 200 test examples right, {LINEAR}" in answer.text
    assert ("cannot tell differences" in answer.text) == (tone == "plain")
    assert ("or bring more examples" in answer.text) == (tone == "bad")


def test_without_the_linear_model_the_best_other_is_the_rival() -> None:
    found = findings()
    rest = {name: each for name, each in found.test.items() if name != LINEAR}
    assert "right, label" not in headline(replace(found, test=rest)).text
    assert headline(replace(found, test={TUNED: found.tuned})).text == "There is nothing to compare with."


def test_mistakes_are_those_it_was_surest_of() -> None:
    found = findings(skill=0.3)
    wrong = [row for row in range(200) if not found.tuned.right[row]]
    surest = sorted(wrong, key=lambda row: -found.tuned.confidence[row])[:20]
    assert found.mistakes == surest and len(surest) == 20
    for gold, said, count in found.confusions:
        assert found.tuned.confusion[gold, said] == count and gold != said
    assert sum(count for _, _, count in found.confusions) == len(wrong)


def test_the_page_shows_all_that_was_found() -> None:
    found = findings(skill=0.5)
    html = classification_page(found).render()
    for expected in (
        *found.test, "label_2", "temperature of 1.25", "Twice the data (480 examples)", "label_errors.csv",
        "3 texts of 500 had more than", "texts of the test part that", "taken for", "Brier", "learns by heart",
    ):  # fmt: skip
        assert expected in html
    assert "<b>1" not in html and "&lt;b&gt;" in html  # texts are text
    assert html == classification_page(found).render()


def test_figures_hold_the_numbers_of_the_page() -> None:
    found = findings()
    figures = json.loads(json.dumps(classification_figures(found), allow_nan=False))
    assert figures["contestants"][TUNED]["accuracy"] == found.tuned.scores.accuracy
    assert figures["comparisons"][LINEAR]["verdict"] == found.comparisons[LINEAR].verdict
    assert figures["comparisons"]["the base, 8 examples"]["examples"] == 40
    assert np.array(figures["confusion"]).sum() == 200
    assert figures["per_class"]["label_1"]["support"] == found.tuned.scores.per_class[1].support
    assert figures["headline"] == headline(found).text
    assert figures["tokens"]["test"]["most"] == 9
    assert figures["found_before_training"] == {
        "copies": 4,
        "near_copies": 0,
        "leaks_of_test": 7,
        "leaks_of_held_out": 0,
        "near_leaks": 0,
        "groups_in_two_parts": 0,
        "texts_of_two_labels": 2,
    }


def test_the_files_lie_together(tmp_path: Path) -> None:
    found = findings()
    write_classification_report(tmp_path, found)
    assert found.label_errors
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "figures.json", "label_errors.csv"}
    assert json.loads((tmp_path / "figures.json").read_text())["label_errors"] == len(found.label_errors)


def test_many_labels_and_no_mistake_are_a_page_too() -> None:
    many = findings(classes=77)
    html = classification_page(many).render()
    assert "The 30 of 77 labels with the most mistakes" in html
    perfect = replace(many.tuned, probabilities=np.eye(77)[many.tuned.gold])
    html = classification_page(
        replace(many, test={TUNED: perfect}, label_errors=(), growth=None, lines=())
    ).render()
    assert "There is no mistake among the test examples" in html
    assert "label_errors.csv" not in html


def test_uneven_labels_are_told() -> None:
    found = findings()
    counts = {name: {"train": count} for name, count in zip(found.tuned.names, (900, 20, 300), strict=True)}
    assert "Labels are uneven: 900" in classification_page(replace(found, label_counts=counts)).render()
    assert "Labels are uneven" not in classification_page(found).render()
