import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ontogeny.core.errors import RecipeError
from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.rules.expression import (
    Expression,
    columns_named,
    groups_needed,
    judge_expression,
    refuse_unknown,
)

COLUMNS = {
    "words": np.array([10, 30, 10, 0]),
    "digit_share": np.array([0.5, 0.5, 0.1, np.nan], dtype=np.float32),
    "quality:news": np.array([0.1, 0.9, 0.5, 0.5]),
    "language": np.array([LANGUAGES.index("en"), LANGUAGES.index("de"), -1, LANGUAGES.index("en")], np.int16),
    "domain": np.array(["nltk.org", None, "a.example", "nltk.org"], dtype=object),
    "source": np.array(["web", "web", "notes", "web"], dtype=object),
    "date": np.array(["2020-03-01", "2021", None, "2020-03"], dtype=object),
    "extract_score": np.array([0.2, None, 0.8, None], dtype=object),
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
        ("log(words) < 3", [True, False, True, False]),
        ("-abs(words - 10) / 2 != 0", [False, True, False, True]),
        ("1 / words > 1", [False, False, False, False]),
        ("1 / words > 0.05", [True, False, True, False]),
        ("1 / words != 1", [True, True, True, False]),
        ("`quality:news` < 0.5", [True, False, False, False]),
        ("digit_share == digit_share", [True, True, True, False]),
        ("digit_share != 9", [True, True, True, False]),
        ("news < 0.5", [True, False, False, False]),
        ("language == 'en'", [True, False, False, True]),
        ("language != 'en'", [False, True, False, False]),
        ("not language == 'en'", [False, True, True, False]),
        ("domain == 'nltk.org' and words > 5", [True, False, False, False]),
        ("domain in ['nltk.org', 'a.example']", [True, False, True, True]),
        ("domain not in ('nltk.org',)", [False, False, True, False]),
        ("domain == source", [False, False, False, False]),
        ("'web' == source", [True, True, False, True]),
        ("words in [10, -1]", [True, False, True, False]),
        ("date < '2021'", [True, False, False, True]),
        ("date >= '2020-03' and date <= '2020-03-01'", [True, False, False, True]),
        ("date in ['2021-01-01']", [False, True, False, False]),
        ("'2020' <= date < '2020-12-31'", [True, False, False, True]),
        ("date == date", [True, True, False, True]),
        ("extract_score < 0.5", [True, False, False, False]),
        ("not extract_score >= 0.5", [True, True, False, True]),
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
    with pytest.raises(RecipeError, match=r"there is no column 'wrods' .* Did you mean 'words'\?") as caught:
        refuse_unknown(rule, ["words", "lines"])
    assert "use one of: lines, words;" in str(caught.value)
    with pytest.raises(RecipeError, match="wrods"):
        judge_expression(rule, COLUMNS)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("words <", "is not an expression"),
        ("words = 3", "is not an expression"),
        ("words", "is no yes or no: compare it with something"),
        ("words + 1", "is no yes or no: compare it with something"),
        ("'a'", "is no yes or no"),
        ("[1, 2]", "is no yes or no"),
        ("words and lines < 3", "both sides of and, or must be comparisons"),
        ("not words", "what follows not must be a comparison"),
        ("(words < 3) + 1 > 0", "cannot stand in an expression"),
        ("-(words < 3) < 1", "cannot stand in an expression"),
        ("(words < 3) == True", "cannot stand in an expression"),
        ("words < True", "cannot stand in an expression"),
        ("words ** 9 ** 9 < 3", "cannot stand in an expression"),
        ("words < 'a'", "words is a number and 'a' is a text: they are never equal"),
        ("words == domain", "words is a number and domain is a text"),
        ("domain < 'a'", "texts can be compared with ==, != and in only"),
        ("domain + 1 < 3", "domain is a text, and no number"),
        ("abs('a') < 3", "'a' is a text, and no number"),
        ("-date < 3", "date is a date, and no number"),
        ("date < 2020", "2020 is no date; write '2024'"),
        ("date < 'May 2020'", "'May 2020' is no date"),
        ("date < domain", "domain is no date"),
        ("domain in 'nltk.org'", "in needs a column before it and a list behind it"),
        ("domain in []", "cannot stand in an expression"),
        ("domain in [1]", "domain is a text and 1 is a number"),
        ("domain in [source]", "cannot stand in an expression"),
        ("domain == ['a']", "cannot stand in an expression"),
        ("domain is 'a'", "`is` cannot stand in an expression; write == or !="),
        ("words / 0 > 3", "`words / 0` divides by zero"),
        ("words / (2 - 2) > 3", "divides by zero"),
        ("1 / 0 > words", "divides by zero"),
        ("log(0) < words", "`log(0)` is no number, whatever the document"),
        ("words < 1e999", "is no number, whatever the document"),
        ("words < " + "9" * 400, "is no number, whatever the document"),
        ("words.size < 3", "cannot stand in an expression"),
        ("words[0] < 3", "cannot stand in an expression"),
        ("__import__('os').system('true') < 3", "cannot stand in an expression"),
        ("(lambda: 3)() < 3", "cannot stand in an expression"),
        ("[w for w in words] < 3", "cannot stand in an expression"),
        ("words in lines", "in needs a column before it and a list behind it"),
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


@pytest.mark.parametrize("reason", ["exact_duplicate", "too_short", "c4_bad_words", "damaged_file", "empty"])
def test_a_reason_of_another_cause_is_refused(reason: str) -> None:
    with pytest.raises(ValidationError, match=f"'{reason}' is what documents are listed under"):
        Expression(type="expression", drop="words < 3", reason=reason)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(drop: str) -> None:
    try:
        rule = Expression(type="expression", drop=drop, reason="odd")
    except ValidationError:
        return
    assert all(name in drop for name in columns_named(rule))
