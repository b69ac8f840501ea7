"""What is drawn, what is asked, and that models are asked the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate.runner import Source
from ontogeny.evaluate.samples import prepare, score
from ontogeny.evaluate.suites import SamplesSuite
from tests.evaluate.conftest import FakeReader, document, write_rows

SUITE = SamplesSuite(prompts=("def ",), data="questions", n=4)


def test_held_out_questions_are_drawn_by_the_seed_alone(questions: Source) -> None:
    def drawn(seed: int) -> list[str]:
        material = prepare(SUITE, questions.folder, name=questions.name, limit=None, seed=seed)
        return [question.text for question in material.questions]

    assert len(drawn(1)) == len(set(drawn(1))) == 5
    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(6)}) > 1
    assert set(drawn(1)) - {"def "} <= {f"Question {place}?" for place in range(6)}
    assert drawn(1)[-1] == "def "


def test_references_stand_beside_questions(questions: Source, choices: Source) -> None:
    material = prepare(SUITE, questions.folder, name=questions.name, limit=None, seed=0)
    for question in material.questions[:-1]:
        assert question.reference == question.text.replace("Question", "Answer").replace("?", ".")
    assert material.questions[-1].reference is None
    material = prepare(SUITE, choices.folder, name=choices.name, limit=None, seed=0)
    for question in material.questions[:-1]:
        assert question.reference is not None
        assert question.text.split()[2] in question.reference


def test_caps(questions: Source) -> None:
    assert len(prepare(SUITE, questions.folder, name="q", limit=2, seed=0).questions) == 3
    many = SUITE.model_copy(update={"n": 99})
    assert len(prepare(many, questions.folder, name="q", limit=None, seed=0).questions) == 7


def test_prompts_need_no_data() -> None:
    (question,) = prepare(
        SUITE.model_copy(update={"data": None}), None, name="samples", limit=0, seed=0
    ).questions
    assert question.text == "def "


def test_data_without_held_out_questions_is_refused(
    questions: Source, empty: Callable[[Source], Source]
) -> None:
    with pytest.raises(DataError, match="no held-out question to draw samples from") as caught:
        prepare(SUITE, empty(questions).folder, name="r/questions@1", limit=None, seed=0)
    assert caught.value.where == "r/questions@1"


def test_data_without_questions_is_refused(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "text", [document(0, "held_out", text="t")])
    with pytest.raises(DataError, match="these examples hold no questions"):
        prepare(SUITE, folder, name="r/text@1", limit=None, seed=0)


def test_samples_keep_prompt_output_and_reference(questions: Source) -> None:
    material = prepare(SUITE, questions.folder, name="q", limit=None, seed=0)
    reader = FakeReader()
    scores = score(SUITE, material, reader, model="m", form="plain", seed=0, progress=QuietProgress())
    assert reader.calls == ["write"] * 5
    assert [row.output for row in scores.rows] == [
        f"plain: {question.text[::-1]}" for question in material.questions
    ]
    assert scores.rows[0].reference == material.questions[0].reference
    assert scores.rows[-1].finish_reason == "stop"
    assert scores.metrics == ()
