from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.signals.language import LANGUAGE_SIGNALS
from ontogeny.data.texts import Texts


def test_the_group_gives_its_columns() -> None:
    columns = LANGUAGE_SIGNALS.compute(Texts.of(["This is a sentence in plain English.", ""]))
    assert tuple(columns) == LANGUAGE_SIGNALS.columns
    assert columns["language"].tolist() == [LANGUAGES.index("en"), -1]
    assert columns["language_score"][0] > 0.65 and columns["language_score"][1] == 0


def test_codes_are_stored_and_must_not_move() -> None:
    assert (LANGUAGES[0], LANGUAGES[21], LANGUAGES[-1]) == ("af", "bs", "zh")
    assert len(LANGUAGES) == len(set(LANGUAGES)) == 176
