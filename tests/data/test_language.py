import numpy as np
import pytest

from ontogeny.data.language import SAMPLE_BYTES, detect_languages
from ontogeny.data.language_codes import LANGUAGES, language_names
from ontogeny.data.language_model import carried_model
from ontogeny.data.texts import Texts

SENTENCES = {
    "en": "All human beings are born free and equal in dignity and rights.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "zh": "中华人民共和国是一个社会主义国家,首都位于北京市,是世界上人口最多的国家之一。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "ar": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
}


def test_languages_are_told_apart() -> None:
    codes, scores = detect_languages(Texts.of(list(SENTENCES.values())))
    assert language_names(codes) == list(SENTENCES)
    assert codes.dtype == np.int16 and scores.dtype == np.float32
    assert scores.min() > 0.65


def test_nothing_to_tell_by() -> None:
    codes, scores = detect_languages(Texts.of(["", " \n\t ", "1 2 3 !?", "a"]))
    # fastText itself answers these by the mark of a line's end alone: English, 0.12.
    assert codes.tolist() == [-1] * 4 and scores.tolist() == [0] * 4
    assert language_names(codes) == [None] * 4


def test_numbers_are_those_of_fasttext() -> None:
    fasttext = pytest.importorskip("fasttext")
    reference = fasttext.load_model(str(carried_model()))
    odd = ["", "the", "don't", "the" * 900, "ÀÉ ß", "人", "end\n of\n line\n", "the " * 800]
    strings = [*SENTENCES.values(), *odd, " ".join(SENTENCES.values())]
    assert max(len(string.encode()) for string in strings) <= SAMPLE_BYTES
    codes, scores = detect_languages(Texts.of(strings))
    for string, code, score in zip(strings, codes, scores, strict=True):
        labels, chances = reference.predict(string.replace("\n", " "), 1)
        if code < 0:
            assert (labels[0], round(chances[0], 4)) == ("__label__en", 0.1245), (
                "what it says of no word at all"
            )
            continue
        assert labels[0].removeprefix("__label__") == LANGUAGES[code], string[:20]
        assert score == pytest.approx(chances[0], abs=1e-5)


def test_a_long_text_is_judged_by_pieces_from_all_of_it() -> None:
    english, german = SENTENCES["en"] + "\n", SENTENCES["de"] + "\n"
    codes, scores = detect_languages(
        Texts.of([english * 1000, german * 3 + english * 1000, german * 1000 + english * 10, "名" * 100_000])
    )
    assert language_names(codes)[:3] == ["en", "en", "de"]
    assert scores[0] > 0.9
    assert codes[3] >= 0, "a text without spaces is cut between characters"


def test_a_batch_may_be_cut_anywhere() -> None:
    strings = [*SENTENCES.values(), "", SENTENCES["en"] * 200]
    codes, scores = detect_languages(Texts.of(strings))
    for number, string in enumerate(strings):
        code, score = detect_languages(Texts.of([string]))
        assert (code[0], score[0]) == (codes[number], scores[number])
