"""The charts of the page say what the record says."""

from __future__ import annotations

import pytest

from ontogeny.evaluate import report_figures as charts
from ontogeny.evaluate.scores import ItemRow
from tests.evaluate.records import BASELINE, MODEL, choice_row, compared, comparison, record, result, suite

MODELS = {MODEL: "tutor", BASELINE: "base"}


def test_tasks_are_drawn_with_both_models_and_chance() -> None:
    svg = charts.tasks_chart(compared("better", "worse"), MODELS)
    for text in ("task0", "task1", "tutor", "base", "chance"):
        assert f">{text}<" in svg
    assert svg.count("<circle") == 4 + 2


def test_metrics_that_are_no_shares_stay_out() -> None:
    bits = suite("text", primary="bits_per_byte", figures={})
    made = record(suites=(suite(), bits), results=(result(), result("text", 2.2, metric="bits_per_byte")))
    assert ">text<" not in charts.tasks_chart(made, {MODEL: "tutor"})
    assert charts.metrics_chart([result(metric="perplexity", value=9.0)], suite(), MODELS) is None
    assert charts.parts_chart([result("text/a", 2.2)], bits, MODELS) is None


def test_better_is_to_the_right_even_where_less_is_better() -> None:
    row = comparison(metric="bits_per_byte", difference=-0.2, ci95=(-0.3, -0.1))
    assert "nothing to draw" in charts.differences_chart([row]), "it is no share"
    shares = comparison(metric="cut_short", difference=-0.2, ci95=(-0.3, -0.1))
    assert "better by: quiz 0.2" in charts.differences_chart([shares])


def test_parts_are_named_without_their_suite() -> None:
    svg = charts.parts_chart(
        [result("quiz/language=de"), result("quiz/language=en")], suite(), {MODEL: "tutor"}
    )
    assert svg is not None and ">language=de<" in svg and "quiz/" not in svg


def test_probabilities_are_shares_among_the_choices() -> None:
    row = choice_row("q", (0.2, 0.6), gold=0)
    assert charts.choice_probabilities(row) == pytest.approx([0.25, 0.75])
    assert charts.right_probability(row) == pytest.approx(0.25)
    assert charts.choice_probabilities(row.model_copy(update={"logprobs": (float("-inf"), -1.0)})) is None
    assert charts.right_probability(row.model_copy(update={"choices": None})) is None


def rows(count: int) -> list[ItemRow]:
    """Sure to 80%, and right so often."""
    return [choice_row(f"q{number}", (0.8, 0.2), gold=0 if number % 5 else 1) for number in range(count)]


def test_calibration_of_a_model_that_knows_what_it_knows() -> None:
    (only,) = charts.calibration_bins(rows(200))
    assert (only.count, only.probability, only.wanted) == (200, pytest.approx(0.8), pytest.approx(0.8))
    assert "160 right" in charts.calibration_chart([only])


def test_few_items_have_no_calibration() -> None:
    assert charts.calibration_bins(rows(charts.LEAST_CALIBRATED - 1)) == ()
    assert charts.calibration_bins([]) == ()


def test_questions_are_counted_by_who_was_right() -> None:
    sure, unsure = (0.9, 0.1), (0.3, 0.7)
    pairs = [
        (choice_row(str(number), a), choice_row(str(number), b, model=BASELINE))
        for number, (a, b) in enumerate([(sure, sure), (sure, unsure), (sure, unsure), (unsure, sure)])
    ]
    svg = charts.choices_scatter(pairs, ("tutor", "base"), seed=0)
    assert "both right 1, only tutor 2, only base 1, neither 0" in svg


def test_of_many_questions_some_are_drawn() -> None:
    row = choice_row("q", (0.9, 0.1))
    svg = charts.choices_scatter([(row, row)] * (charts.MOST_POINTS + 500), ("a", "b"), seed=0)
    assert svg.count("<circle") == charts.MOST_POINTS
    assert f"both right {charts.MOST_POINTS + 500}" in svg, "all of them are counted"


def test_documents_are_counted_by_who_needs_less() -> None:
    def document(model: str, bits: float) -> ItemRow:
        return ItemRow(
            suite="t", type="bits-per-byte", model=model, form=None, item="d", group="d", bits=bits, bytes=100
        )

    pairs = [(document(MODEL, own), document(BASELINE, 200.0)) for own in (150.0, 200.0, 250.0, 260.0)]
    svg = charts.bits_scatter(pairs, ("tutor", "base"), seed=0)
    assert "fewer by tutor 1, fewer by base 2" in svg


def test_chance_is_marked_where_it_is_that_metrics() -> None:
    both = [result(), result(metric="acc_all_rotations", value=0.1)]
    assert charts.metrics_chart(both, suite(), MODELS) is not None
    for rows, marks in ((both[1:], 0), (both[:1], 1), (both, 1)):
        svg = charts.metrics_chart(rows, suite(), MODELS)
        assert svg is not None and svg.count('stroke-dasharray="3 2"') == (marks + 1 if marks else 0), (
            "and the legend"
        )


def test_parts_have_their_own_chance() -> None:
    parted = suite(figures={"chance": 0.25, "chance/a": 0.5})
    svg = charts.parts_chart([result("quiz/a"), result("quiz/b")], parted, {MODEL: "tutor"})
    assert svg is not None and ">chance<" in svg
