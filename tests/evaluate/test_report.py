"""The report tells what was measured, shows what was written, and takes nothing for markup."""

from __future__ import annotations

import re

from ontogeny.evaluate.record import record_of, rows_of
from ontogeny.evaluate.report import evaluation_page
from ontogeny.evaluate.runner import Assignment, Source, evaluate
from ontogeny.evaluate.suites import BitsPerByteSuite, MultipleChoiceSuite, SamplesSuite
from ontogeny.evaluate.trust import Contamination, Phrasing, Phrasings, SearchedText, Spotted
from ontogeny.lineage.manifest import Verdict
from tests.evaluate.conftest import FakeReader, subject
from tests.evaluate.records import BASELINE, MODEL, choice_row, compared, comparison, record, result, suite

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
        "n = 24", "paired p", "over r/base@1: ", "answers refused: too few. Held back: small.",
        "a sign-flip test of whole groups",
        "acc[plain]", "4 of the 24 questions, drawn at random", "reference", "its better form", "Detectable",
        "finds easiest, then hardest", "What was found", "Against r/base@1", "How it was made",
        "undecided on 2 of 2 tasks", "Where tutor gained most on base", "blake3:choices",
        "Errors and intervals take into account that items come in 12 groups.",
    ):  # fmt: skip
        assert text in html, text
    assert "<script" not in html
    assert "tpircs" in html, "what the model wrote"


def test_many_tasks_are_counted_on_cards_and_drawn_together() -> None:
    record = compared("better", "worse", "undecided", "better")
    html = evaluation_page(record, [], seed=0).render()
    assert "of 4 tasks, against r/base@1" in html
    for text in ("better by", "no difference", "primary metric of each task", "What was found"):
        assert text in html
    assert html.index("better on 2 of 4 tasks") < html.index("primary metric of each task"), (
        "the answer stands first"
    )


def test_without_a_baseline_cards_count_what_beats_guessing() -> None:
    names = [f"task{number}" for number in range(4)]
    results = tuple(result(name, 0.5 if number else 0.26) for number, name in enumerate(names))
    html = evaluation_page(record(suites=tuple(map(suite, names)), results=results), [], seed=0).render()
    assert re.search(r'better than guessing</dt><dd class="value">3<', html)
    assert "Against" not in html


def test_results_with_and_without_contaminated_items() -> None:
    known = Contamination(
        suite="quiz", model=MODEL, items=600, contaminated=12, passage_only=0, untold=3,
        searched=(SearchedText(name="r/corpus@1", digest="blake3:c", documents=9, bytes=10**6),),
    )  # fmt: skip
    stained = suite(contamination={MODEL: known})
    results = (result(), result("quiz/clean", 0.45, n=588), result("quiz/contaminated", 0.9, n=12))
    seen = Spotted(
        artifact="r/corpus@1", document="d", source="web", verdict="contaminated", share=0.8, answer=True,
        words="what about q1",
    )  # fmt: skip
    row = choice_row("q1", (0.9, 0.1), contaminated=True, spotted=(seen,))
    html = evaluation_page(record(suites=(stained,), results=results), [row], seed=0).render()
    assert "Items that stand in the training data" in html
    counted = "12 of 597; 3 too short to be told"
    for text in (counted, "50.0%", "45.0%", "90.0%", "r/corpus@1, web, 80% of it", "what about q1"):
        assert text in html


def test_items_that_moved_a_gate_are_named() -> None:
    rows = [choice_row("q1", (0.1, 0.9)), choice_row("q2", (0.8, 0.2))]
    refused = VERDICT.model_copy(update={"items": ("q1", "gone")})
    html = evaluation_page(record(verdicts=(refused,)), rows, seed=0).render()
    assert "1 item that moved answers most" in html
    assert "What about q1 then?" in html


def test_a_run_without_anything_scored_has_a_page() -> None:
    html = evaluation_page(record(suites=(), results=()), [], seed=0).render()
    assert "Nothing was scored" in html


def test_a_model_that_never_learnt_to_converse_is_told() -> None:
    html = evaluation_page(record(suites=(suite(untuned=(MODEL,)),)), [], seed=0).render()
    assert f"{MODEL} was never tuned to converse: " in html


def test_truncated_and_left_out_items_are_told(corpus: Source, choices: Source, questions: Source) -> None:
    html = page(corpus, choices, questions, context=len("It is word10 in short!!!"))
    assert "cut at the beginning: longer than the context (" in html
    assert "left out: a text to score is longer than the context (" in html


def test_a_capped_evaluation_says_so(corpus: Source, choices: Source, questions: Source) -> None:
    assert "At most 4 items a suite." in page(corpus, choices, questions, limit=4)


def test_the_same_evaluation_has_the_same_page(corpus: Source, choices: Source, questions: Source) -> None:
    assert page(corpus, choices, questions) == page(corpus, choices, questions)


def cards(html: str) -> list[tuple[str, ...]]:
    """Tone, label, value and note of each."""
    found = re.findall(
        r'<div class="card (\w+)"><dt>(.*?)</dt><dd class="value">(.*?)</dd><dd class="remark">(.*?)</dd>',
        html,
    )
    return [tuple(card) for card in found]


def test_key_figures_have_intervals_and_are_coloured_where_they_are_sure() -> None:
    for value, n, tone in ((0.5, 600, "good"), (0.1, 600, "bad"), (0.28, 40, "plain")):
        found = record(results=(result(value=value, n=n, groups=n),))
        (card,) = cards(evaluation_page(found, [], seed=0).render())
        low, high = f"{100 * value - 4:.1f}", f"{100 * value + 4:.1f}"
        shown = f"{100 * value:.1f}%"
        assert card == (tone, "quiz, acc", shown, f"[{low}, {high}], chance 25.0%, n = {n}")


def test_bits_are_held_against_xz_with_their_interval() -> None:
    bits = suite("text", type="bits-per-byte", primary="bits_per_byte", figures={"xz_bits_per_byte": 2.2})
    for value, tone in ((2.0, "good"), (2.19, "plain"), (2.4, "bad")):
        found = record(suites=(bits,), results=(result("text", value, metric="bits_per_byte"),))
        (card,) = cards(evaluation_page(found, [], seed=0).render())
        assert card[0] == tone and "xz -9e needs 2.200" in card[3]


def test_what_has_no_interval_is_shown_without() -> None:
    one = comparison(ci95=None, detectable=None, verdict="undecided")
    results = (result(ci95=None, stderr=None), result(model=BASELINE, ci95=None, stderr=None))
    found = record(baseline=BASELINE, results=results, comparisons=(one,))
    own, change = cards(evaluation_page(found, [], seed=0).render())
    assert own[3] == "chance 25.0%, n = 600"
    assert change[3].startswith("over r/base@1: undecided")


def test_wordings_show_their_spread_and_keep_their_lines() -> None:
    wordings = (
        Phrasing(prompt="Q: {{q}}\nA:", value=0.5, stderr=0.02),
        Phrasing(prompt="{{q}}", value=0.4, stderr=0.03),
    )
    spread = Phrasings(metric="acc", phrasings=wordings, least=0.4, most=0.5, deviation=0.0707)
    html = evaluation_page(record(suites=(suite(phrasings={MODEL: spread}),)), [], seed=0).render()
    assert '<td class="plain verbatim">Q: {{q}}\nA:</td>' in html
    for text in ("standard deviation", ">7.1%<", ">2.0%<", ">3.0%<"):
        assert text in html


def test_the_only_task_of_a_group_is_not_a_part() -> None:
    alone = evaluation_page(record(results=(result(), result("quiz/only"))), [], seed=0).render()
    assert "By part" not in alone
    parts = (result(), result("quiz/a", n=300), result("quiz/b", n=300))
    assert "By part" in evaluation_page(record(results=parts), [], seed=0).render()


def test_two_models_stand_side_by_side_within_the_page() -> None:
    html = evaluation_page(compared("better", "worse"), [], seed=0).render()
    assert ">60.0%\n[56.0, 64.0]<" in html
    assert '<table class="dense">' in html
