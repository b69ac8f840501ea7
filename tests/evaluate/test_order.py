"""Rotated choices: the same question in another order, and what models that like a letter are worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import task
from ontogeny.evaluate.order import rotations_of
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.tasks.requests import Chat, Item, Loglikelihood, Rolling, Scored
from ontogeny.tasks.result_names import ALL_ROTATIONS
from tests.evaluate.conftest import Advance, FakeReader, nothing, subject

LETTERS = ["A", "B", "C", "D"]
LETTERED = """
type: multiple-choice
data: rows.jsonl
question: "{{q}}\\nA. {{c[0]}}\\nB. {{c[1]}}\\nC. {{c[2]}}\\nD. {{c[3]}}\\nAnswer:"
choices: ["A", "B", "C", "D"]
answer: a
examples: 1
metrics: [acc]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """12 questions whose right choice names the question's number, some with a list in the question itself."""
    rows = [
        {
            "q": f"Question {n}" + ("\nA. is a letter\nB. too" if n % 3 == 0 else ""),
            "c": [f"right{n}" if place == n % 4 else f"wrong {place}\nof {n}" for place in range(4)],
            "a": n % 4,
        }
        for n in range(12)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "exam.yaml").write_text(LETTERED)
    return tmp_path


def suite_of(folder: Path, file: str = "exam", **options: object) -> TaskSuite:
    return TaskSuite.model_validate({"task": str(folder / f"{file}.yaml"), "rotations": True, **options})


def asked(item: Item) -> str:
    request = item.requests[0]
    assert isinstance(request, Loglikelihood)
    return request.context.turns[-1].content if isinstance(request.context, Chat) else request.context


def chosen_text(item: Item, place: int) -> str:
    """What the letter at `place` names in the prompt."""
    listed = asked(item).rpartition("\nA. ")[2].removesuffix("\nAnswer:")
    for letter in LETTERS[1:]:
        listed = listed.replace(f"\n{letter}. ", "\0")
    return listed.split("\0")[place]


@dataclass
class Letters(FakeReader):
    """Likes one letter, or knows the right choice."""

    likes: str | None = None

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        return [Scored(self._value(request), False, 1) for request in requests]

    def _value(self, request: Loglikelihood | Rolling) -> float:
        assert isinstance(request, Loglikelihood)
        assert isinstance(request.context, str)
        letter = request.continuation.strip()
        if self.likes is not None:
            return float(letter == self.likes)
        question = request.context.rpartition("\nAnswer:")[0].rpartition("Question ")[2]
        return float(f"\n{letter}. right" in question)


def run(folder: Path, reader: FakeReader) -> Evaluation:
    suite = suite_of(folder)
    return evaluate(subject("r/m@1", reader), [Assignment(suite, Source(Path(), suite.task, "blake3:d"))])


@pytest.mark.parametrize("form", ["plain", "chat"])
def test_rotating_moves_choices_and_the_right_letter_with_them(form: str, folder: Path) -> None:
    material = task.prepare(suite_of(folder, form=form), limit=None, progress=QuietProgress())
    assert list(material.perturbed) == ["rotated-1", "rotated-2", "rotated-3"]
    for by, items in enumerate(material.perturbed.values(), 1):
        for plain, rotated in zip(material.items, items, strict=True):
            assert (rotated.id, rotated.choices) == (plain.id, plain.choices)
            assert sorted(asked(plain)) == sorted(asked(rotated))
            assert asked(plain).rpartition("\nA. ")[0] == asked(rotated).rpartition("\nA. ")[0]
            for place in range(4):
                assert chosen_text(rotated, place) == chosen_text(plain, (place + by) % 4)
            assert chosen_text(rotated, rotated.gold[0]) == chosen_text(plain, plain.gold[0])


def test_a_whole_turn_changes_nothing(folder: Path) -> None:
    items = task.prepare(suite_of(folder), limit=None, progress=QuietProgress()).items
    once = rotations_of(items, suite="exam")
    back = rotations_of(once["rotated-1"], suite="exam")["rotated-3"]
    assert back == items


def test_a_model_that_likes_a_letter_is_never_right_in_all_orders(folder: Path) -> None:
    evaluation = run(folder, Letters(likes="B"))
    order = evaluation.scores["exam"]["r/m@1"].order
    assert order is not None
    assert order.accuracy == (0.25, 0.25, 0.25, 0.25)
    assert (order.all_right, order.same_answer, order.items) == (0.0, 0.0, 12)
    assert order.letters == {"A": 0.0, "B": 1.0, "C": 0.0, "D": 0.0}
    values = {row.metric: row.value for row in evaluation.results if row.task == "exam"}
    assert values == {"acc": 0.25, ALL_ROTATIONS: 0.0}


def test_a_model_that_knows_is_right_in_all_orders(folder: Path) -> None:
    evaluation = run(folder, Letters())
    order = evaluation.scores["exam"]["r/m@1"].order
    assert order is not None
    assert (order.accuracy, order.all_right, order.same_answer) == ((1.0,) * 4, 1.0, 1.0)
    assert order.letters == dict.fromkeys(LETTERS, 0.25)
    (row,) = [row for row in evaluation.results if row.metric == ALL_ROTATIONS]
    assert (row.value, row.n) == (1.0, 12)


def test_items_with_fewer_choices_have_fewer_rotations(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    question = "{{q}}\\nA. {{c[0]}}\\nB. {{c[1]}}{% if a == 2 %}\\nC. {{c[2]}}{% endif %}\\nAnswer:"
    (folder / "mixed.yaml").write_text(
        f'type: multiple-choice\ndata: rows.jsonl\nquestion: "{question}"\nanswer: a\nmetrics: [acc]\n'
        "choices: \"{{['A', 'B', 'C'] if a == 2 else ['A', 'B']}}\"\n"
    )
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row["a"] < 3))
    material = task.prepare(suite_of(folder, "mixed"), limit=None, progress=QuietProgress())
    assert {kind: len(items) for kind, items in material.perturbed.items()} == {
        "rotated-1": 9,
        "rotated-2": 3,
    }


def test_choices_that_are_not_shown_by_letters_are_refused(folder: Path) -> None:
    (folder / "cloze.yaml").write_text(
        "type: multiple-choice\ndata: rows.jsonl\nquestion: q\nchoices: c\nanswer: a\nmetrics: [acc]\n"
    )
    (folder / "bare.yaml").write_text(
        'type: multiple-choice\ndata: rows.jsonl\nquestion: q\nchoices: ["C", "D", "E", "F"]\nanswer: a\n'
    )
    for name in ("cloze", "bare"):
        with pytest.raises(UsageError, match="does not show its choices by letters") as caught:
            task.prepare(suite_of(folder, name), limit=None, progress=QuietProgress())
        assert caught.value.hint == "leave `rotations` out for this task"


def test_rotations_need_a_task_that_measures_accuracy(folder: Path) -> None:
    (folder / "write.yaml").write_text("type: generate\ndata: rows.jsonl\nquestion: q\nanswer: a\n")
    with pytest.raises(ValueError, match="rotations are judged by 'acc', which the task does not measure"):
        suite_of(folder, "write")
