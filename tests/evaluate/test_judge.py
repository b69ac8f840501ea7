"""Judges: verdicts in both orders, what length has to do with them, and who may judge whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.config_gates import Gate
from ontogeny.evaluate.config_judge import CRITERION
from ontogeny.evaluate.gate import decide
from ontogeny.evaluate.judge import Judge
from ontogeny.evaluate.record import record_of, rows_of
from ontogeny.evaluate.report import evaluation_page
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.evaluate.trust import Judged
from ontogeny.tasks.requests import Chat, Generate, Loglikelihood, Rolling, Scored, Written
from ontogeny.tasks.result_names import PREFERRED, PREFERRED_AT_EQUAL_LENGTH
from tests.evaluate.conftest import Advance, FakeReader, nothing, subject

TASK = """
type: generate
data: rows.jsonl
question: q
answer: a
metrics: [exact_match]
"""
Taste = Callable[[str, str], float]
"""How much better the first of two answers is."""


@dataclass
class Writer(FakeReader):
    """Answers every question in its own way."""

    style: Callable[[str], str] = str

    def generate(self, requests: Sequence[Generate], *, advance: Advance = nothing) -> list[Written]:
        advance(len(requests))
        return [Written(self.style(str(request.context)), "stop", 1, 0.5) for request in requests]


@dataclass
class Reading(FakeReader):
    """Reads what a judge is given, and has a taste."""

    taste: Taste = lambda a, b: 0.0
    read: list[str] = field(default_factory=list)

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        advance(len(requests))
        return [self._liked(request) for request in requests]

    def _liked(self, request: Loglikelihood | Rolling) -> Scored:
        assert isinstance(request, Loglikelihood)
        text = request.context.turns[-1].content if isinstance(request.context, Chat) else request.context
        self.read.append(text)
        rest = text.partition("[Answer A]\n")[2]
        a, b = (part.strip() for part in rest.partition("\n\nReply with")[0].split("[Answer B]\n"))
        liking = self.taste(a, b)
        letter = request.continuation.strip()
        return Scored(liking if letter == "A" else -liking, True, 1, len(text) > self.context)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"q": f"Question {n}:", "a": f"right{n}"} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.yaml").write_text(TASK)
    return tmp_path


def judged_by(
    folder: Path,
    taste: Taste,
    *,
    own: Callable[[str], str] = lambda question: f"good {question}",
    other: Callable[[str], str] = lambda question: f"bad {question} {'and so on ' * (len(question) % 3)}",
    context: int = 10_000,
    conversational: bool = True,
) -> tuple[Evaluation, Reading]:
    reading = Reading(taste=taste, context=context)
    suite = TaskSuite.model_validate({"task": str(folder / "own.yaml"), "judge": {"model": "judge"}})
    judge = Judge(subject("r/judge@1", reading, conversational=conversational), CRITERION)
    evaluation = evaluate(
        subject("r/own@1", Writer(style=own)),
        [Assignment(suite, Source(folder, "own", "d"), judge=judge)],
        baseline=subject("r/base@1", Writer(style=other)),
        progress=QuietProgress(),
    )
    return evaluation, reading


def value(evaluation: Evaluation, metric: str, model: str) -> float:
    return next(row.value for row in evaluation.results if (row.metric, row.model) == (metric, model))


def told(evaluation: Evaluation) -> Judged:
    found = evaluation.scores["own"]["r/own@1"].judged
    assert found is not None
    return found


def likes_good(a: str, b: str) -> float:
    return float("good" in a) - float("good" in b)


@pytest.mark.parametrize("conversational", [True, False])
def test_a_judge_that_sees_what_is_better_says_so_in_any_order(folder: Path, conversational: bool) -> None:
    evaluation, reading = judged_by(folder, likes_good, conversational=conversational)
    assert value(evaluation, PREFERRED, "r/own@1") == 1.0
    assert value(evaluation, PREFERRED, "r/base@1") == 0.0
    comparison = next(row for row in evaluation.comparisons if row.metric == PREFERRED)
    assert (comparison.verdict, comparison.difference) == ("better", 1.0)
    found = told(evaluation)
    assert (found.judge, found.pairs, found.agreed, found.first) == ("r/judge@1", 40, 40, 0.5)
    assert not found.is_unsure
    assert len(set(reading.read)) == 80 and all(
        CRITERION in text and "Question " in text for text in reading.read
    )


def test_a_judge_that_goes_by_place_decides_nothing(folder: Path) -> None:
    evaluation, _ = judged_by(folder, lambda a, b: 1.0)
    assert value(evaluation, PREFERRED, "r/own@1") == value(evaluation, PREFERRED, "r/base@1") == 0.5
    found = told(evaluation)
    assert (found.agreed, found.first, found.longer) == (0, 1.0, None) and found.is_unsure
    assert next(row for row in evaluation.comparisons if row.metric == PREFERRED).verdict == "undecided"


def test_a_taste_for_length_is_taken_out(folder: Path) -> None:
    """Our answers are mostly longer and liked for nothing else."""
    long = {f"Question {n}:": n % 4 != 0 for n in range(40)}
    evaluation, _ = judged_by(
        folder,
        lambda a, b: float(len(a) - len(b)),
        own=lambda question: "words " * (4 if long[question] else 1),
        other=lambda question: "terms " * (1 if long[question] else 4),
    )
    assert value(evaluation, PREFERRED, "r/own@1") == 0.75
    assert value(evaluation, PREFERRED_AT_EQUAL_LENGTH, "r/own@1") == pytest.approx(0.5)
    assert value(evaluation, PREFERRED_AT_EQUAL_LENGTH, "r/base@1") == pytest.approx(0.5)
    assert told(evaluation).longer == 1.0


def test_equal_answers_are_ties_and_are_not_asked(folder: Path) -> None:
    same = {f"Question {n}:" for n in range(10)}
    evaluation, reading = judged_by(
        folder,
        likes_good,
        other=lambda question: f"good {question}" if question in same else "bad",
    )
    assert value(evaluation, PREFERRED, "r/own@1") == pytest.approx((30 + 10 / 2) / 40)
    assert (told(evaluation).pairs, told(evaluation).equal) == (30, 10)
    assert len(reading.read) == 4 * 30


def test_what_the_judge_cannot_read_whole_is_in_no_verdict(folder: Path) -> None:
    evaluation, _ = judged_by(
        folder,
        likes_good,
        own=lambda question: "good" + (" and on" * 300 if "3:" in question else ""),
        context=900,
    )
    found = told(evaluation)
    assert (found.pairs, found.unread) == (36, 4)
    (row,) = [row for row in evaluation.results if (row.metric, row.model) == (PREFERRED, "r/own@1")]
    assert row.n == 36
    nowhere, _ = judged_by(folder, likes_good, context=1)
    assert nowhere.scores["own"]["r/own@1"].judged is None
    assert PREFERRED not in {row.metric for row in nowhere.results}
    assert "Task: own" in evaluation_page(record_of(nowhere, ()), rows_of(nowhere), seed=0).render()
    gate = Gate(name="g", metric="own/preferred", better_than="baseline")
    assert "the judge could read no pair of answers" in decide(gate, nowhere).reason


def test_gates_and_the_page_know_the_verdicts(folder: Path) -> None:
    evaluation, _ = judged_by(folder, lambda a, b: 1.0)
    config = EvaluateConfig.model_validate(
        {
            "model": "m",
            "baseline": "b",
            "suites": [{"type": "task", "task": str(folder / "own.yaml"), "judge": {"model": "judge"}}],
            "gates": [{"name": "liked", "metric": "own/preferred", "better_than": "baseline"}],
        }
    )
    assert config.suites[0].primary == PREFERRED
    assert not decide(config.gates[0], evaluation).passed
    record = record_of(evaluation, ())
    page = evaluation_page(record, rows_of(evaluation), seed=0).render()
    assert "The judge" in page and "it goes by the place of an answer as much as by what it says" in page
    shares = [score for row in rows_of(evaluation) for score in row.scores or () if score.metric == PREFERRED]
    assert len(shares) == 80 and {score.top for score in shares} == {0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"baseline": None},
            "the judge of 'own' compares the answers of one model with those of one baseline",
        ),
        ({"model": ["a", "b"]}, "name one of each"),
        ({"checkpoints": True}, "'own' stands for what a judge says, who sees no snapshots; set primary"),
        (
            {"gates": [{"name": "g", "metric": "own/preferred", "better_than": "old"}]},
            "judges compare with the baseline alone, not with 'old'",
        ),
    ],
)
def test_a_judge_needs_one_of_each(folder: Path, changes: dict[str, object], message: str) -> None:
    suite = {"type": "task", "task": str(folder / "own.yaml"), "judge": {"model": "judge"}}
    with pytest.raises(ValueError, match=message):
        EvaluateConfig.model_validate({"model": "m", "baseline": "b", "suites": [suite], **changes})


def test_a_judge_reads_what_is_written(folder: Path) -> None:
    (folder / "choosing.yaml").write_text(
        "type: multiple-choice\ndata: rows.jsonl\nquestion: q\nchoices: [x, y]\nanswer: 0\n"
    )
    with pytest.raises(ValueError, match="a judge reads what models write, and in this task they choose"):
        TaskSuite.model_validate({"task": str(folder / "choosing.yaml"), "judge": {"model": "judge"}})
