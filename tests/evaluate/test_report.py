"""The report tells what was measured, shows what was written, and takes nothing for markup."""

from __future__ import annotations

from ontogeny.evaluate.record import record_of, rows_of
from ontogeny.evaluate.report import evaluation_page
from ontogeny.evaluate.runner import Assignment, Source, evaluate
from ontogeny.evaluate.suites import BitsPerByteSuite, MultipleChoiceSuite, SamplesSuite
from ontogeny.lineage.manifest import Verdict
from tests.evaluate.conftest import FakeReader, subject

VERDICT = Verdict(
    gate="answers",
    passed=False,
    reason="too few",
    model_digest="blake3:a",
    suite_digest="blake3:b",
    blocks=("small",),
)


def page(
    corpus: Source, choices: Source, questions: Source, *, context: int = 1_000, limit: int | None = None
) -> str:
    evaluation = evaluate(
        subject("r/tutor@1", FakeReader(skill=5.0, context=context)),
        [
            Assignment(BitsPerByteSuite(data="corpus"), corpus),
            Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices),
            Assignment(SamplesSuite(prompts=("<script>",), data="questions", n=2), questions),
        ],
        baseline=subject("r/base@1", conversational=False),
        limit=limit,
    )
    return evaluation_page(record_of(evaluation, [VERDICT]), rows_of(evaluation), seed=0).render()


def test_everything_is_there(corpus: Source, choices: Source, questions: Source) -> None:
    html = page(corpus, choices, questions)
    for text in (
        "Evaluation of r/tutor@1", "against r/base@1", "bits per byte", "xz -9e needs", "choices right", "chance 33.3%",
        "n = 24", "paired p", "answers refused: too few. Held back: small.", "sign flip",
        "acc[plain]", "6 of the 24 questions, drawn at random:", "reference", "its better form", "Detectable",
        "finds easiest, then hardest", "Errors and intervals take into account that items come in 12 groups.",
    ):  # fmt: skip
        assert text in html, text
    assert "<script" not in html
    assert "tpircs" in html, "what the model wrote"


def test_truncated_and_left_out_items_are_told(corpus: Source, choices: Source, questions: Source) -> None:
    html = page(corpus, choices, questions, context=len("It is word10 in short!!!"))
    assert "prompts were longer than its context and lost their beginning" in html
    assert "items were left out, since a choice alone is longer than its context" in html


def test_a_capped_evaluation_says_so(corpus: Source, choices: Source, questions: Source) -> None:
    assert "At most 4 items a suite." in page(corpus, choices, questions, limit=4)


def test_the_same_evaluation_has_the_same_page(corpus: Source, choices: Source, questions: Source) -> None:
    assert page(corpus, choices, questions) == page(corpus, choices, questions)
