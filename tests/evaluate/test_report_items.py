"""Single items: drawn without a look at scores, the worst and the best by what the model made of them."""

from __future__ import annotations

import re

from ontogeny.evaluate.report_items import PROMPT_CHARS, add_choices, add_written, last_line
from ontogeny.evaluate.scores import ItemRow, ItemScore
from ontogeny.report.page import Page
from tests.evaluate.records import BASELINE, choice_row, suite

NAMES = ("tutor", "base")


def choices_page(rows: list[ItemRow], others: list[ItemRow] | None = None) -> str:
    page = Page("t")
    add_choices(page.section("s"), suite(), rows, others or [], names=NAMES, seed=0)
    return page.render()


def under(html: str, heading: str) -> list[str]:
    """Titles of the items under a heading."""
    part = html.split(f"<h3>{heading}")[1].split("<h3>")[0]
    return re.findall(r"<summary>(.*?)</summary>", part)


def test_the_most_surely_wrong_come_first() -> None:
    rows = [choice_row(f"q{number}", (0.05 * number, 1 - 0.05 * number)) for number in range(1, 9)]
    titles = under(choices_page(rows), "Most surely wrong")
    assert [title.split()[2] for title in titles] == ["q1", "q2", "q3"]
    assert titles[0] == "What about q1 then? — wrong, sure to 95%, the right choice has 5%"


def test_items_are_drawn_whatever_their_scores() -> None:
    rows = [choice_row(f"q{number}", (0.6, 0.4)) for number in range(50)]
    turned = [choice_row(f"q{number}", (0.4, 0.6)) for number in range(50)]
    asked = [
        [title.split(" — ")[0] for title in under(choices_page(each), "4 of the 50 questions")]
        for each in (rows, turned)
    ]
    assert asked[0] == asked[1] and len(asked[0]) == 4


def test_where_two_models_differ_most() -> None:
    rows = [choice_row("q1", (0.9, 0.1)), choice_row("q2", (0.2, 0.8)), choice_row("q3", (0.7, 0.3))]
    others = [
        choice_row("q1", (0.3, 0.7), model=BASELINE), choice_row("q2", (0.95, 0.05), model=BASELINE),
        choice_row("q3", (0.7, 0.3), model=BASELINE),
    ]  # fmt: skip
    html = choices_page(rows, others)
    (lost,) = under(html, "Where tutor lost most against base")
    (gained,) = under(html, "Where tutor gained most on base")
    assert "q2" in lost and "q1" in gained
    assert "right · tutor chose it, 90% · base 30%" in html
    assert (
        "wrong · tutor 10% · base chose it, 70%" in html or "choice · tutor 10% · base chose it, 70%" in html
    )


def test_what_is_long_is_cut_where_the_question_is_not() -> None:
    row = choice_row("q1", (0.5, 0.5), prompt="<b>" + "example " * 1000 + "\n\nAnd this is asked?\nAnswer:")
    html = choices_page([row])
    assert "And this is asked?\nAnswer:" in html and "&lt;b&gt;" not in html
    assert len(html) < 30 * PROMPT_CHARS
    assert last_line(row) == "And this is asked?"


def written_row(item: str, right: float, **changes: object) -> ItemRow:
    fields: dict[str, object] = {
        "suite": "sums", "type": "task", "model": "r/tutor@1", "form": "plain", "item": item, "group": item,
        "prompt": f"What is the sum {item}?", "output": "12", "outputs": (f"It is 12 ({item}).",),
        "references": ("13",), "finish_reason": "length",
        "scores": (ItemScore(metric="exact_match", top=right, bottom=1.0),),
    }  # fmt: skip
    return ItemRow(**(fields | changes))  # type: ignore[arg-type]


def written_page(rows: list[ItemRow], others: list[ItemRow], primary: str = "exact_match") -> str:
    page = Page("t")
    asked = suite("sums", primary=primary, figures={})
    add_written(page.section("s"), asked, rows, others, names=NAMES, seed=0)
    return page.render()


def test_written_answers_are_shown_with_what_was_taken_from_them() -> None:
    rows = [written_row("a", 0.0), written_row("b", 1.0, outputs=("  ",), output="  ")]
    others = [written_row("a", 1.0, model=BASELINE), written_row("b", 1.0, model=BASELINE)]
    html = written_page(rows, others)
    assert "tutor, cut at its length" in html and "It is 12 (a)." in html
    assert "tutor, taken as the answer</dt>" in html
    assert "(nothing)" in html
    assert under(html, "Worst") == ["What is the sum a? — exact_match 0.0%"]
    assert under(html, "Best") == ["What is the sum b? — exact_match 100.0%"]
    assert under(html, "Where tutor lost most against base") == ["What is the sum a? — exact_match 0.0%"]


def test_all_alike_has_no_worst_and_no_best() -> None:
    html = written_page([written_row("a", 1.0), written_row("b", 1.0)], [])
    assert "<h3>Worst" not in html and "<h3>Best" not in html


def test_a_metric_of_the_whole_ranks_no_item() -> None:
    html = written_page([written_row("a", 0.0), written_row("b", 1.0)], [], primary="mcc")
    assert "<h3>Worst" not in html


def test_continuations_are_ranked_by_their_probability() -> None:
    rows = [
        written_row(
            str(number), 0.0, output=None, outputs=None, logprobs=(-float(number),), tokens=(2,),
            greedy=(number == 1,), scores=(),
        )
        for number in range(1, 5)
    ]  # fmt: skip
    html = written_page(rows, [], primary="perplexity")
    assert under(html, "Worst")[0].startswith("What is the sum 4?")
    assert "log-probability −1.00 nats over 2 tokens; it would have written just this" in html
