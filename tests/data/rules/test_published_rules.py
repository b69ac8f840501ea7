"""Gopher's, C4's and FineWeb's rules: each bound drops, both ends are kept, the first missed one decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.data.edits.c4_lines import C4Lines
from ontogeny.data.rules import files_read_by, needs_of
from ontogeny.data.rules.c4 import C4, judge_c4
from ontogeny.data.rules.fineweb import FineWeb, judge_fineweb
from ontogeny.data.rules.gopher_quality import GopherQuality, judge_gopher_quality
from ontogeny.data.rules.gopher_repetition import GopherRepetition, judge_gopher_repetition
from ontogeny.data.rules.judgement import Judgement

REPETITION = dict.fromkeys(
    (*(f"top_{n}_gram_chars" for n in (2, 3, 4)), *(f"duplicate_{n}_gram_chars" for n in range(5, 11))), 0
) | {"text_chars": 1000, "lines": 10, "paragraphs": 10, "duplicate_lines": 0, "duplicate_line_chars": 0,
     "duplicate_paragraphs": 0, "duplicate_paragraph_chars": 0}  # fmt: skip
QUALITY = {"words": 100, "counted_words": 90, "counted_word_chars": 450, "alphabetic_words": 85, "stop_words": 5,
           "hash_signs": 0, "ellipses": 0, "shown_lines": 10, "bullet_lines": 0, "ellipsis_lines": 0}  # fmt: skip
C4_COLUMNS = {"c4_lorem_ipsum_lines": 0, "c4_curly_bracket_lines": 0, "c4_sentences": 5}
FINEWEB = {"text_chars": 1010, "line_feeds": 10, "words": 200, "filled_lines": 100, "terminal_lines": 50,
           "short_lines": 10, "duplicate_filled_line_chars": 0}  # fmt: skip
CASES: dict[str, tuple[Any, Any, dict[str, int]]] = {
    "repetition": (GopherRepetition(type="gopher-repetition"), judge_gopher_repetition, REPETITION),
    "quality": (GopherQuality(type="gopher-quality"), judge_gopher_quality, QUALITY),
    "c4": (C4(type="c4"), judge_c4, C4_COLUMNS),
    "fineweb": (FineWeb(type="fineweb"), judge_fineweb, FINEWEB),
}


def judge(name: str, changed: dict[str, int], rule: Any = None) -> Judgement:
    default, function, columns = CASES[name]
    arrays = {key: np.array([value]) for key, value in (columns | changed).items()}
    judgement: Judgement = function(rule or default, arrays)
    return judgement


def reason(judgement: Judgement) -> str | None:
    return judgement.reasons[judgement.code[0] - 1] if judgement.code[0] else None


@pytest.mark.parametrize("name", CASES)
def test_a_sound_document_stays(name: str) -> None:
    assert reason(judge(name, {})) is None and np.isnan(judge(name, {}).score[0])


@pytest.mark.parametrize(
    ("name", "kept", "dropped", "why", "score"),
    [
        ("repetition", {"duplicate_paragraphs": 3}, {"duplicate_paragraphs": 4}, "gopher_duplicate_paragraphs", 0.4),
        ("repetition", {"duplicate_paragraph_chars": 200}, {"duplicate_paragraph_chars": 201},
         "gopher_duplicate_paragraph_chars", 0.201),
        ("repetition", {"duplicate_lines": 3}, {"duplicate_lines": 4}, "gopher_duplicate_lines", 0.4),
        ("repetition", {"duplicate_line_chars": 200}, {"duplicate_line_chars": 201},
         "gopher_duplicate_line_chars", 0.201),
        ("repetition", {"top_2_gram_chars": 200}, {"top_2_gram_chars": 201}, "gopher_top_2_gram", 0.201),
        ("repetition", {"top_3_gram_chars": 180}, {"top_3_gram_chars": 181}, "gopher_top_3_gram", 0.181),
        ("repetition", {"top_4_gram_chars": 160}, {"top_4_gram_chars": 161}, "gopher_top_4_gram", 0.161),
        *(
            ("repetition", {f"duplicate_{n}_gram_chars": 200 - 10 * n}, {f"duplicate_{n}_gram_chars": 201 - 10 * n},
             f"gopher_duplicate_{n}_gram", (201 - 10 * n) / 1000)
            for n in range(5, 11)
        ),
        ("quality", {"counted_words": 50, "counted_word_chars": 250}, {"counted_words": 49}, "gopher_too_short", 49),
        ("quality", {"counted_words": 100_000, "counted_word_chars": 500_000}, {"counted_words": 100_001},
         "gopher_too_long", 100_001),
        ("quality", {"counted_word_chars": 270}, {"counted_word_chars": 261}, "gopher_short_words", 2.9),
        ("quality", {"counted_word_chars": 900}, {"counted_word_chars": 909}, "gopher_long_words", 10.1),
        ("quality", {"hash_signs": 10}, {"hash_signs": 11}, "gopher_hash_signs", 0.11),
        ("quality", {"ellipses": 10}, {"ellipses": 11}, "gopher_ellipses", 0.11),
        ("quality", {"bullet_lines": 9}, {"bullet_lines": 10}, "gopher_bullet_lines", 1.0),
        ("quality", {"ellipsis_lines": 3}, {"ellipsis_lines": 4}, "gopher_ellipsis_lines", 0.4),
        ("quality", {"alphabetic_words": 80}, {"alphabetic_words": 79}, "gopher_not_alphabetic", 0.79),
        ("quality", {"stop_words": 2}, {"stop_words": 1}, "gopher_stop_words", 1),
        ("c4", {}, {"c4_lorem_ipsum_lines": 1}, "c4_lorem_ipsum", 1),
        ("c4", {}, {"c4_curly_bracket_lines": 2}, "c4_curly_bracket", 2),
        ("c4", {"c4_sentences": 5}, {"c4_sentences": 4}, "c4_too_few_sentences", 4),
        ("fineweb", {"terminal_lines": 12}, {"terminal_lines": 11}, "fineweb_terminal_lines", 0.11),
        ("fineweb", {"short_lines": 67}, {"short_lines": 68}, "fineweb_short_lines", 0.68),
        ("fineweb", {"duplicate_filled_line_chars": 10}, {"duplicate_filled_line_chars": 11}, "fineweb_duplicate_chars",
         0.011),
        ("fineweb", {"words": 40}, {"words": 25}, "fineweb_list", 0.4),
        ("fineweb", {}, {"filled_lines": 0, "terminal_lines": 0, "short_lines": 0}, "fineweb_empty", 0),
        ("repetition", {}, {"text_chars": 0}, "gopher_empty", 0),
    ],
)  # fmt: skip
def test_each_bound(name: str, kept: dict[str, int], dropped: dict[str, int], why: str, score: float) -> None:
    assert reason(judge(name, kept)) is None
    judgement = judge(name, dropped)
    assert reason(judgement) == why
    assert judgement.score[0] == pytest.approx(score)


@pytest.mark.parametrize(
    ("name", "changed", "first"),
    [
        ("repetition", {"duplicate_paragraphs": 9, "duplicate_lines": 9}, "gopher_duplicate_paragraphs"),
        ("repetition", {"duplicate_10_gram_chars": 999, "top_4_gram_chars": 999}, "gopher_top_4_gram"),
        ("quality", {"counted_words": 1, "stop_words": 0}, "gopher_too_short"),
        ("fineweb", {"short_lines": 99, "terminal_lines": 0}, "fineweb_terminal_lines"),
        ("c4", {"c4_curly_bracket_lines": 1, "c4_sentences": 0}, "c4_curly_bracket"),
    ],
)
def test_the_first_bound_that_is_missed_decides(name: str, changed: dict[str, int], first: str) -> None:
    assert reason(judge(name, changed)) == first


@pytest.mark.parametrize("name", CASES)
def test_a_rule_without_bounds_drops_only_what_is_empty(name: str) -> None:
    default, _, columns = CASES[name]
    off = {
        field: False if field in ("lorem_ipsum", "curly_bracket") else None
        for field in type(default).model_fields
        if field != "bad_words_keep_fraction"
    }
    rule = type(default).model_validate({**off, "type": default.type})
    assert reason(judge(name, dict.fromkeys(columns, 7), rule)) is None


def test_bounds_that_keep_nothing_are_refused() -> None:
    with pytest.raises(
        ValidationError, match="min_words 9 is above max_words 8: every document would be dropped"
    ):
        GopherQuality(type="gopher-quality", min_words=9, max_words=8)
    with pytest.raises(ValidationError, match="min_word_chars 9 is above max_word_chars 8"):
        GopherQuality(type="gopher-quality", min_word_chars=9, max_word_chars=8)


def test_c4_drops_what_holds_a_bad_word_but_for_the_fraction_that_stays() -> None:
    columns = {name: np.full(4, value) for name, value in C4_COLUMNS.items()}
    columns |= {"bad_words": np.array([0, 1, 3, 1]), "bad_words_lot": np.array([0.0, 0.05, 0.5, 0.9])}
    rule = C4(type="c4", bad_words=Path("list.txt"))
    judgement = judge_c4(rule, columns)
    assert judgement.code.tolist() == [0, 4, 4, 4] and judgement.score[2] == 3
    assert judgement.reasons[3] == "c4_bad_words"
    kept = judge_c4(rule.model_copy(update={"bad_words_keep_fraction": 0.1}), columns)
    assert kept.code.tolist() == [0, 0, 4, 4]


def test_c4_asks_for_bad_words_only_with_a_list(tmp_path: Path) -> None:
    lines = C4Lines(type="c4-lines")
    assert needs_of([lines, C4(type="c4")]) == [] == files_read_by([lines, C4(type="c4")])
    path = tmp_path / "list.txt"
    path.write_text("foul\n")
    rule = C4(type="c4", bad_words=path)
    (need,) = needs_of([lines, rule])
    assert need.group.name == "bad_words" and need.edits == 1
    assert files_read_by([lines, rule]) == [path]
    with pytest.raises(ValidationError, match="bad_words_keep_fraction has no effect without a list"):
        C4(type="c4", bad_words_keep_fraction=0.5)


def test_c4_by_bad_words_alone_needs_no_edit(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("foul\n")
    rule = C4(type="c4", bad_words=path, min_sentences=None, lorem_ipsum=False, curly_bracket=False)
    assert files_read_by([rule]) == [path]
    columns = {"bad_words": np.array([0, 1]), "bad_words_lot": np.array([0.5, 0.5])}
    assert judge_c4(rule, columns).code.tolist() == [0, 1]


def test_stop_words_of_the_users_own() -> None:
    rule = GopherQuality(type="gopher-quality", stop_words=("der", "und"), min_stop_words=1)
    assert [need.group.name for need in needs_of([rule])] == ["words", "lines", "stop_words"]
    assert reason(judge("quality", {"stop_words": 0, "listed_stop_words": 1}, rule)) is None
    assert reason(judge("quality", {"stop_words": 8, "listed_stop_words": 0}, rule)) == "gopher_stop_words"


@pytest.mark.parametrize("word", ["two words", "don't", "", "3", "cannot"])
def test_stop_words_that_no_text_can_hold_are_refused(word: str) -> None:
    with pytest.raises(ValidationError, match="is not one word of letters"):
        GopherQuality(type="gopher-quality", stop_words=("der", word))


def test_more_stop_words_than_there_are_is_refused() -> None:
    with pytest.raises(ValidationError, match="min_stop_words 9 is more than the 8 different stop words"):
        GopherQuality(type="gopher-quality", min_stop_words=9)
    with pytest.raises(ValidationError, match="min_stop_words 2 is more than the 1 different stop words"):
        GopherQuality(type="gopher-quality", stop_words=("der", "der"))
