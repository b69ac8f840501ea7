"""Each kind of instruction with answers that follow it and answers that do not."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.tasks.metrics.ifeval_rules import RULES, follows, mistake_in

GERMAN = "Der Hund läuft jeden Morgen durch den Wald und freut sich über die Sonne."
ENGLISH = "the dog runs through the wood every morning and likes the sun."

CASES: dict[str, list[tuple[dict[str, Any], list[str], list[str]]]] = {
    "keywords:existence": [
        ({"keywords": ["mom", "kind"]}, ["My MOM is kind.", "mommy, kindly"], ["My mom.", "kin d mom"]),
        ({"keywords": ["c++"]}, ["I like C++"], ["I like C"]),
    ],
    "keywords:frequency": [
        ({"keyword": "war", "frequency": 2, "relation": "at least"}, ["War and warm"], ["war", "raw raw"]),
        ({"keyword": "war", "frequency": 2, "relation": "less than"}, ["war", "peace"], ["war war"]),
    ],
    "keywords:forbidden_words": [
        ({"forbidden_words": ["rock", "pop"]}, ["rocket popular"], ["Rock!", "a pop song"]),
    ],
    "keywords:letter_frequency": [
        ({"letter": "q", "let_frequency": 2, "let_relation": "at least"}, ["Q q"], ["q"]),
        ({"letter": "Q", "let_frequency": 2, "let_relation": "less than"}, ["q", "x"], ["qQ"]),
        ({"letter": "#", "let_frequency": 1, "let_relation": "at least"}, ["#tag"], ["tag"]),
    ],
    "language:response_language": [
        ({"language": "de"}, [GERMAN], [ENGLISH, "123"]),
        ({"language": "hi"}, ["मैं हर सुबह अपने कुत्ते के साथ जंगल में टहलने जाता हूँ।"], [GERMAN]),
        ({"language": "zh-cn"}, ["我每天早上都和我的狗一起在森林里散步。"], [GERMAN]),
    ],
    "length_constraints:number_sentences": [
        ({"num_sentences": 2, "relation": "at least"}, ["One. Two!", "One? Two"], ["One, Mr. Two."]),
        ({"num_sentences": 2, "relation": "less than"}, ["One."], ["One. Two."]),
    ],
    "length_constraints:number_paragraphs": [
        (
            {"num_paragraphs": 2},
            ["a\n***\nb", "***\na\n***\nb\n***"],
            ["a", "a\n\nb", "a***b***c", "a\n***\n***\nb"],
        ),
    ],
    "length_constraints:number_words": [
        ({"num_words": 3, "relation": "at least"}, ["a b c", "it's me"], ["a b", "one-two"]),
        ({"num_words": 3, "relation": "less than"}, ["a b"], ["a b c"]),
    ],
    "length_constraints:nth_paragraph_first_word": [
        (
            {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Weekend"},
            ["a\n\nweekend, b", "a\n\n\"Weekend's b", "a\n\n\n\nweekend"],
            ["weekend\n\na", "a\n\nweekend\n\nb", "a\n\nweekends"],
        ),
    ],
    "detectable_content:number_placeholders": [
        ({"num_placeholders": 2}, ["[a] and [b]", "[a][b][c]"], ["[a]", "[a\nb] [c]"]),
    ],
    "detectable_content:postscript": [
        ({"postscript_marker": "P.S."}, ["Bye\nP.S. so", "p. s. so"], ["PS so"]),
        ({"postscript_marker": "P.P.S"}, ["P.P.S so", "p.p. s. so"], ["P.S. so"]),
        ({"postscript_marker": "N.B."}, ["n.b. so"], ["nxbx so"]),
    ],
    "detectable_format:number_bullet_lists": [
        (
            {"num_bullets": 2},
            ["* a\n* b", "Here:\n- a\n  * b\nend"],
            ["* a", "* a\n* b\n* c", "**a**\n**b**"],
        ),
    ],
    "detectable_format:constrained_response": [
        ({}, ["My answer is yes.", "Well. My answer is maybe."], ["Yes.", "My answer is yes"]),
    ],
    "detectable_format:number_highlighted_sections": [
        ({"num_highlights": 2}, ["*a* and *b*", "**a** *b*"], ["*a*", "** ** and * *", "*a\nb* *c*"]),
    ],
    "detectable_format:multiple_sections": [
        (
            {"section_spliter": "SECTION", "num_sections": 2},
            ["SECTION 1\na\nSECTION2 b"],
            ["SECTION 1", "Section 1 Section 2"],
        ),
    ],
    "detectable_format:json_format": [
        (
            {},
            ['{"a": 1}', '```json\n{"a": 1}\n```', "```\n[]\n```", "3"],
            ["{a: 1}", 'Sure: {"a": 1}', "[" * 100_000],
        ),
    ],
    "detectable_format:title": [({}, ["<<A title>>\ntext"], ["<A title>", "<<>>", "<< >>", "<<a\nb>>"])],
    "combination:two_responses": [
        ({}, ["a\n******\nb", "******a******b"], ["a", "a******a", "a******b******c", "a************b"]),
    ],
    "combination:repeat_prompt": [
        (
            {"prompt_to_repeat": "Write a poem."},
            ["write a poem.\nRoses", " Write a poem. "],
            ["Here: Write a poem.", "Write"],
        ),
    ],
    "startend:end_checker": [({"end_phrase": "Peace!"}, ["So. Peace!", 'so. "peace!" '], ["Peace! Bye."])],
    "startend:quotation": [({}, ['"a"', ' "a b" '], ['"', '"a', "'a'", "a"])],
    "change_case:capital_word_frequency": [
        (
            {"capital_frequency": 2, "capital_relation": "at least"},
            ["I see NASA.", "A WELL-KNOWN"],
            ["NASA", "Two Words"],
        ),
        ({"capital_frequency": 2, "capital_relation": "less than"}, ["NASA", "2 - 3"], ['BIG "DOG"']),
    ],
    "change_case:english_capital": [({}, [ENGLISH.upper()], [ENGLISH, GERMAN.upper(), "123"])],
    "change_case:english_lowercase": [({}, [ENGLISH], [ENGLISH.title(), GERMAN.lower()])],
    "punctuation:no_comma": [({}, ["a; b"], ["a, b"])],
}


def test_all_25_kinds_are_here() -> None:
    assert set(CASES) == set(RULES) and len(RULES) == 25


@pytest.mark.parametrize("name", RULES)
def test_answers_follow_or_do_not(name: str) -> None:
    for given, right, wrong in CASES[name]:
        assert mistake_in(name, given) is None
        assert {text: follows(name, text, given) for text in right} == dict.fromkeys(right, True)
        assert {text: follows(name, text, given) for text in wrong} == dict.fromkeys(wrong, False)


@pytest.mark.parametrize(
    ("name", "given", "mistake"),
    [
        (
            "punctuation:no_coma",
            {},
            "unknown instruction 'punctuation:no_coma'. Did you mean 'punctuation:no_comma'?",
        ),
        (
            "startend:end_checker",
            {},
            "instruction 'startend:end_checker': missing a required argument: 'end_phrase'",
        ),
        (
            "punctuation:no_comma",
            {"n": 1},
            "instruction 'punctuation:no_comma': got an unexpected keyword argument 'n'",
        ),
        (
            "length_constraints:number_words",
            {"num_words": 1, "relation": "more than"},
            "instruction 'length_constraints:number_words': 'more than' is none of at least, less than",
        ),
    ],
)
def test_mistakes_in_instructions_are_told(name: str, given: dict[str, Any], mistake: str) -> None:
    assert mistake_in(name, given) == mistake
