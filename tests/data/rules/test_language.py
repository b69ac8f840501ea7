import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.rules.language import Language, judge_language

COLUMNS = {
    "language": np.array(
        [LANGUAGES.index("en"), LANGUAGES.index("de"), LANGUAGES.index("en"), -1], dtype=np.int16
    ),
    "language_score": np.array([0.65, 0.9, 0.64, 0.0], dtype=np.float32),
}


def test_other_languages_and_doubtful_ones_go() -> None:
    judgement = judge_language(Language(type="language", languages=("en", "fr")), COLUMNS)
    assert judgement.code.tolist() == [0, 1, 2, 1]
    assert judgement.reasons == ("language_other", "language_unsure")
    assert judgement.says == ("for a language other than en, fr", "language score, below min_score 0.65")
    assert judgement.score[1] == pytest.approx(0.9)


def test_any_score_will_do_where_none_is_asked() -> None:
    judgement = judge_language(Language(type="language", languages=("en", "de"), min_score=None), COLUMNS)
    assert judgement.code.tolist() == [0, 0, 0, 1]


def test_unknown_languages_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"'eng' is not a language .* Did you mean 'en'\?"):
        Language(type="language", languages=("eng",))
    with pytest.raises(ValidationError, match="at least 1"):
        Language(type="language", languages=())
