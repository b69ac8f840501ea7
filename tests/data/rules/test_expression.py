import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ontogeny.core.errors import RecipeError
from ontogeny.data.rules.expression import Expression, columns_named, groups_needed, judge_expression

COLUMNS = {
    "words": np.array([10, 30, 10, 0]),
    "digit_share": np.array([0.5, 0.5, 0.1, np.nan], dtype=np.float32),
    "quality:news": np.array([0.1, 0.9, 0.5, 0.5]),
}


def dropped(drop: str) -> list[bool]:
    rule = Expression(type="expression", drop=drop, reason="odd")
    return (judge_expression(rule, COLUMNS).code > 0).tolist()


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ("words < 20 and digit_share > 0.3", [True, False, False, False]),
        ("words < 20 or digit_share > 0.3", [True, True, True, True]),
        ("not words >= 20", [True, False, True, True]),
        ("5 < words <= 10", [True, False, True, False]),
        ("max(words, 20) - 2 * 10 == 0", [True, False, True, True]),
        ("log(words) < 3", [True, False, True, True]),
        ("-abs(words - 10) / 2 != 0", [False, True, False, True]),
        ("1 / words > 1", [False, False, False, True]),
        ("`quality:news` < 0.5", [True, False, False, False]),
        ("digit_share == digit_share", [True, True, True, False]),
        ("1 < 2", [True, True, True, True]),
    ],
)
def test_documents_go_where_the_expression_holds(drop: str, expected: list[bool]) -> None:
    assert dropped(drop) == expected


def test_reason_and_score_are_told() -> None:
    rule = Expression(type="expression", drop="words < 20 and digit_share > 0.3", reason="too_numeric")
    judgement = judge_expression(rule, COLUMNS)
    assert judgement.reasons == ("too_numeric",)
    assert judgement.says == ("digit_share, and `words < 20 and digit_share > 0.3` holds",)
    assert judgement.score[0] == 0.5 and np.isnan(judgement.score[1:]).all()


def test_an_expression_tells_the_groups_it_needs() -> None:
    rule = Expression(type="expression", drop="max(words, 3) < 20 and `quality:news` > 0.3", reason="odd")
    assert columns_named(rule) == ("quality:news", "words")
    assert groups_needed(rule, {"words": "words", "quality:news": "quality:news", "lines": "lines"}) == (
        "quality:news",
        "words",
    )


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    rule = Expression(type="expression", drop="wrods < 20", reason="odd")
    with pytest.raises(RecipeError, match=r"no signal is called 'wrods' .* Did you mean 'words'\?") as caught:
        groups_needed(rule, {"words": "words"})
    assert "use one of: words" in str(caught.value)
    with pytest.raises(RecipeError, match="wrods"):
        judge_expression(rule, COLUMNS)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("words <", "is not an expression"),
        ("words = 3", "is not an expression"),
        ("words", "is a number, not a yes or no"),
        ("words + 1", "is a number, not a yes or no"),
        ("words and lines < 3", "both sides of and, or must be comparisons"),
        ("not words", "what follows not must be a comparison"),
        ("(words < 3) + 1 > 0", "cannot stand in an expression"),
        ("-(words < 3) < 1", "cannot stand in an expression"),
        ("(words < 3) == True", "cannot stand in an expression"),
        ("words < True", "cannot stand in an expression"),
        ("words ** 9 ** 9 < 3", "cannot stand in an expression"),
        ("words < 'a'", "cannot stand in an expression"),
        ("words.size < 3", "cannot stand in an expression"),
        ("words[0] < 3", "cannot stand in an expression"),
        ("__import__('os').system('true') < 3", "cannot stand in an expression"),
        ("(lambda: 3)() < 3", "cannot stand in an expression"),
        ("[w for w in words] < 3", "cannot stand in an expression"),
        ("words in lines", "cannot stand in an expression"),
        ("mox(words, 3) < 3", "there is no function 'mox'. Did you mean 'max'?"),
        ("log(words, 3) < 3", "log takes 1 argument, not 2"),
        ("max(words) < 3", "max takes 2 arguments, not 1"),
        ("abs(words < 3) < 3", "abs takes numbers, not comparisons"),
        ("+".join(["words"] * 300) + " < 3", "more than 500 parts"),
        ("(" * 400 + "words" + ")" * 400 + " < 3", "is not an expression"),
    ],
)
def test_anything_else_is_refused(drop: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Expression(type="expression", drop=drop, reason="odd")
    assert message in str(caught.value)


@pytest.mark.parametrize("reason", ["Too Numeric", "", "9lives"])
def test_a_reason_is_a_plain_name(reason: str) -> None:
    with pytest.raises(ValidationError, match="reason"):
        Expression(type="expression", drop="words < 3", reason=reason)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(drop: str) -> None:
    try:
        rule = Expression(type="expression", drop=drop, reason="odd")
    except ValidationError:
        return
    assert all(name in drop for name in columns_named(rule))
