"""Flaws in questions: what they touch, and what they never do."""

from __future__ import annotations

import random

import pytest

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.tasks.build import build_items
from ontogeny.tasks.perturb import FLAWS, TYPO_RATE, change_of, columns_of, perturbed
from ontogeny.tasks.requests import Chat, Generate, Loglikelihood
from tests.tasks.conftest import CHOOSING, Write

PROSE = "Much of what people write is typed in haste, and nobody reads it twice before it is sent. " * 60
WORDY = [
    {
        "q": "Which of these do people call blue",
        "options": ["the blue sky", "grass"],
        "right": 0,
        "hint": "x",
    },
    {"q": "Which grows on meadows everywhere", "options": ["sky", "grass"], "right": 1, "hint": "y"},
]


def stream() -> random.Random:
    return random.Random(1)


def test_typos_hit_the_stated_share_of_letters_and_nothing_else() -> None:
    text = PROSE + "12345 " * 500
    flawed = perturbed(text, "typos", stream())
    letters = sum(map(str.isalpha, text))
    assert abs(letters - sum(map(str.isalpha, flawed))) < TYPO_RATE * letters, "a third of them is dropped"
    assert [c for c in flawed if not c.isalpha()] == [c for c in text if not c.isalpha()]
    pairs = zip(text.split(), flawed.split(), strict=True)
    touched = sum(a != b for a, b in pairs) / len(text.split())
    assert 0.04 < touched < 0.12


@pytest.mark.parametrize("kind", list(FLAWS))
def test_a_flaw_follows_from_its_seed(kind: str) -> None:
    flawed = perturbed(PROSE, kind, stream())
    assert flawed == perturbed(PROSE, kind, stream()) != PROSE
    if kind in ("typos", "whitespace"):
        assert flawed != perturbed(PROSE, kind, random.Random(2))


def test_white_space_changes_spaces_only() -> None:
    flawed = perturbed(PROSE, "whitespace", stream())
    assert flawed.split() == PROSE.split() and "   " in flawed and "    " not in flawed


@pytest.mark.parametrize("kind", list(FLAWS))
@pytest.mark.parametrize(
    "code",
    [
        "```\nx = Some Value\n```",
        "`Some Inline Code`",
        "def Add(a, b):\n    return A + B",
        ">>> Print This",
        "    indented Line of Code",
    ],
)
def test_code_stays_as_it_is(kind: str, code: str) -> None:
    flawed = perturbed(f"{PROSE}\n{code}\n{PROSE}", kind, stream())
    assert f"\n{code}\n" in flawed and PROSE not in flawed


def test_choices_stay_as_they_are_where_they_stand_as_words() -> None:
    flawed = perturbed("Is it Red or not Redder?", "capitals", stream(), keep=["Red", "", " not "])
    assert flawed == "IS IT Red OR not REDDER?"
    overlapping = perturbed("one two three four", "capitals", stream(), keep=["one two", "two three"])
    assert overlapping == "one two three FOUR"


def test_only_the_question_is_flawed(write: Write) -> None:
    task = write(
        'doc_to_text: "Question: {{q}}?\\nHint: {{hint}}\\nAnswer:"\nnum_fewshot: 1\nfewshot_split: test\n',
        rows=WORDY,
    )
    plain = build_items(task).items
    flawed = build_items(task, change=change_of(task, "capitals")).items
    for item, other in zip(plain, flawed, strict=True):
        assert (item.id, item.gold, item.choices) == (other.id, other.gold, other.choices)
        request, changed = item.requests[0], other.requests[0]
        assert isinstance(request, Loglikelihood) and isinstance(changed, Loglikelihood)
        assert request.continuation == changed.continuation
        assert isinstance(request.context, str) and isinstance(changed.context, str)
        example, _, own = request.context.rpartition("Question: ")
        assert changed.context.startswith(example), "examples are as they were"
        label = changed.context.removeprefix(example)
        assert label.startswith("Question: WHICH ") and label.endswith("\nAnswer:")
        assert label.lower() == f"question: {own}".lower()
        assert "Hint: X" in label or "Hint: Y" in label
    assert "the blue sky" not in flawed[0].requests[0].context  # type: ignore[union-attr, operator]


def test_a_flaw_of_an_item_is_the_same_whoever_else_is_asked(write: Write) -> None:
    task = write(rows=WORDY)
    change = change_of(task, "typos")
    whole = {item.id: item for item in build_items(task, change=change).items}
    assert all(whole[item.id] == item for item in build_items(task, limit=1, change=change).items)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("", ("q",)),
        ('doc_to_text: "{{q}} {{options[0]}}"', ("q",)),
        ('doc_to_text: "{{q}} {{hint}}"\ndoc_to_choice: "{{ [hint, q] }}"', ()),
        ("doc_to_text: \"{{q}} {% if hint == 'x' %}because{% endif %}\"", ("q",)),
        ("doc_to_text: \"{{q if hint else 'none'}} {{options[right]}}\"", ("q",)),
        ("doc_to_text: 0", ()),
    ],
)
def test_columns_that_decide_or_hold_choices_are_left_alone(
    write: Write, changes: str, expected: tuple[str, ...]
) -> None:
    assert columns_of(write(changes, rows=WORDY).definition) == expected


def test_questions_in_chat_are_flawed_too(write: Write) -> None:
    task = write(rows=WORDY)
    request = build_items(task, form="chat", change=change_of(task, "case")).items[0].requests[0]
    assert isinstance(request, Loglikelihood) and isinstance(request.context, Chat)
    assert request.context.turns[-1].content.startswith("which of these")


def test_a_task_that_writes_is_asked_the_flawed_question(write: Write) -> None:
    task = write("output_type: generate_until", rows=WORDY)
    request = build_items(task, change=change_of(task, "capitals")).items[0].requests[0]
    assert isinstance(request, Generate) and isinstance(request.context, str)
    assert request.context.startswith("WHICH OF THESE")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("doc_to_text: 0", "no question to perturb: its doc_to_text shows no column"),
        ("output_type: loglikelihood_rolling\ndoc_to_target: q", "it scores whole texts"),
    ],
)
def test_a_task_without_a_question_is_refused(write: Write, changes: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        change_of(write(changes, rows=WORDY), "typos")


def test_a_question_that_is_no_text_is_refused(write: Write) -> None:
    task = write("doc_to_text: n", rows=[{"n": 3, "options": ["a", "b"], "right": 0}], base=CHOOSING)
    with pytest.raises(DataError, match="none of the columns n of its question is text"):
        build_items(task, change=change_of(task, "case"))
