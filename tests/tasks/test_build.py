"""What is asked: prompts to the letter, examples, ids, and rows that do not fit."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ontogeny.core.errors import OntogenyError, RecipeError
from ontogeny.tasks.build import Built, build_items
from ontogeny.tasks.requests import Chat, Loglikelihood, Rolling, Turn
from tests.tasks.conftest import QUESTIONS, Write


def contexts(built: Built) -> list[Any]:
    return [
        request.context
        for item in built.items
        for request in item.requests
        if not isinstance(request, Rolling)
    ]


def test_choices_follow_the_context(write: Write) -> None:
    first, second, third = build_items(write("metadata: {cluster: topic}")).items
    assert first.requests == (Loglikelihood("The sky is", " blue"), Loglikelihood("The sky is", " green"))
    assert (first.gold, second.gold, third.gold) == ((0,), (1,), (0,))
    assert (first.group, second.group) == ("air", "ground") and first.document == QUESTIONS[0]


def test_description_examples_and_delimiters(write: Write) -> None:
    rows = [{"q": "a", "options": ["x", "y"], "right": 1}, {"q": "b", "options": ["x", "y"], "right": 0}]
    keys = "description: 'About {{q}}.\\n'\nnum_fewshot: 1\nfewshot_split: test\n"
    keys += "target_delimiter: '='\nfewshot_delimiter: ';'"
    built = build_items(write(keys.replace("'", '"'), rows=rows))
    assert contexts(built)[::2] == ["About a.\nb=x;a", "About b.\na=y;b"]
    assert build_items(write(keys, rows=rows, num_fewshot=0)).items[0].requests[0] == Loglikelihood(
        "About a.\\na", "=x"
    )


def test_an_answer_may_be_begun_for_the_model(write: Write) -> None:
    keys = "gen_prefix: 'So:'\nnum_fewshot: 1\nfewshot_config: {sampler: first_n}\nfewshot_split: test"
    built = build_items(write(keys))
    assert contexts(built)[0] == "Grass is So: green\n\nThe sky is So:"


def test_examples_may_be_written_otherwise(write: Write) -> None:
    keys = (
        "num_fewshot: 2\nfewshot_config: {doc_to_text: 'Q {{q}}', fewshot_delimiter: '|', sampler: first_n, "
        "samples: [{q: one, options: [a, b], right: 1}, {q: two, options: [a, b], right: 0}]}"
    )
    assert contexts(build_items(write(keys)))[0] == "Q one b|Q two a|The sky is"


def test_examples_are_drawn_as_harness_draws_them(write: Write) -> None:
    rows = [{"q": str(number), "options": ["x", "y"], "right": 0} for number in range(30)]
    built = build_items(write("num_fewshot: 3\nfewshot_split: test", rows=rows), limit=7)
    stream = random.Random(1234)
    for item in built.items:
        drawn = [row for row in stream.sample(rows, 4) if row != item.document][:3]
        wanted = "".join(f"{row['q']} x\n\n" for row in drawn) + item.document["q"]
        assert item.requests[0] == Loglikelihood(wanted, " x")


def test_no_item_is_its_own_example_where_harness_lets_it_be(write: Write) -> None:
    rows = [{"q": str(number), "options": ["x", "y"], "right": 0} for number in range(9)]
    keys = "test_split: null\nvalidation_split: dev\nfewshot_split: dev\nnum_fewshot: 4\n"
    keys += "dataset_kwargs: {data_files: rows.jsonl}"
    built = build_items(write(keys, rows=rows))
    stream = random.Random(1234)
    replaced = 0
    for item in built.items:
        drawn = [row["q"] for row in stream.sample(rows, 4)]
        *found, own = [line.split()[0] for line in item.requests[0].context.split("\n\n")]  # type: ignore[union-attr]
        assert own not in found and len(set(found)) == 4
        if own in drawn:
            replaced += 1
            drawn.remove(own)
        assert found[: len(drawn)] == drawn
    assert replaced, "with half of the rows drawn each time, some would have been their own"


def test_an_items_examples_do_not_depend_on_which_others_are_asked(write: Write) -> None:
    rows = [{"q": str(number), "options": ["x", "y"], "right": 0} for number in range(40)]
    task = write("num_fewshot: 2\nfewshot_split: test", rows=rows)
    whole = {item.id: item for item in build_items(task).items}
    some = build_items(task, n=9).items
    assert len(some) == 9 and [item.document["q"] for item in some] != [row["q"] for row in rows[:9]]
    assert all(whole[item.id] == item for item in some)
    assert [item.document["q"] for item in build_items(task, limit=3).items] == ["0", "1", "2"]
    assert build_items(task, n=9, limit=2).items == some[:2]


def test_choices_may_stand_before_what_is_scored(write: Write) -> None:
    rows = [{"starts": ["A so A", "A so B"], "end": "left.", "gold": 1}]
    keys = "doc_to_text: gold\ndoc_to_choice: starts\ndoc_to_target: end"
    (item,) = build_items(write(keys, rows=rows)).items
    assert item.requests == (Loglikelihood("A so A", " left."), Loglikelihood("A so B", " left."))
    assert item.gold == (1,) and item.choices == ("A so A", "A so B")


def test_information_asks_for_each_choice_alone_as_well(write: Write) -> None:
    item = build_items(write("metric_list: [acc, acc_mutual_info]")).items[0]
    assert item.requests[2:] == (Loglikelihood("", " blue"), Loglikelihood("", " green"))


def test_in_chat_messages_are_turns(write: Write) -> None:
    keys = "description: Be brief.\nnum_fewshot: 1\nfewshot_split: test\nfewshot_config: {sampler: first_n}"
    item = build_items(write(keys), form="chat").items[0]
    turns = (
        Turn("system", "Be brief."),
        Turn("user", "Grass is"),
        Turn("assistant", "green"),
        Turn("user", "The sky is"),
    )
    assert item.requests[0] == Loglikelihood(Chat(turns), "blue")
    begun = build_items(write("gen_prefix: 'It is'"), form="chat").items[0]
    assert begun.requests[0] == Loglikelihood(Chat((Turn("user", "The sky is"),), "It is"), " blue")


def test_repeated_rows_have_ids_of_their_own(write: Write) -> None:
    built = build_items(write(rows=[QUESTIONS[0], QUESTIONS[1], QUESTIONS[0]]))
    ids = [item.id for item in built.items]
    assert ids[2] == f"{ids[0]}-2" and built.items[2].group == ids[2]
    assert build_items(write(rows=QUESTIONS[:1])).items[0].id == ids[0]


def test_equal_choices_are_counted(write: Write) -> None:
    rows = [*QUESTIONS, {"q": "Snow is", "options": ["white", "white"], "right": 0}]
    built = build_items(write(rows=rows))
    assert (built.doubled_choices, built.chance) == (1, 0.5)


def test_the_digest_is_of_definition_and_data(write: Write) -> None:
    digest = write().digest()
    assert write("task: other").digest() == digest
    assert len({digest, write("target_delimiter: ''").digest(), write(rows=QUESTIONS[:2]).digest()}) == 3


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        (
            "",
            [{"q": "x", "options": ["a", "b"], "right": 2}],
            r"rows.jsonl:1: .*doc_to_target is 2, but its 2 choices count from 0\n→ mend the row, or .*task.yaml:9",
        ),
        ("", [{"q": "x", "options": ["a", "b"], "right": -1}], r"is -1, but its 2 choices"),
        (
            "",
            [{"q": "x", "options": ["a", "bee"], "right": "be"}],
            r"is 'be', which is none of 'a', 'bee'. Did you mean 'bee'",
        ),
        ("", [{"q": "x", "options": ["a"], "right": 0}], r"gives 1 choices of 1; it takes two or more"),
        ("", [{"q": "x", "options": ["a", None], "right": 0}], r"gives 1 choices of 2; .*none null"),
        ("", [{"q": "x", "options": 3, "right": 0}], r"does not give a list of choices"),
        ("", [{"q": ["x"], "options": ["a", "b"], "right": 0}], r"doc_to_text gives a list, not text"),
        (
            "",
            [{"q": "x", "options": ["a", "b"]}],
            r"task.yaml:9: doc_to_target: the data has no column 'right'",
        ),
        (
            "doc_to_text: question",
            QUESTIONS,
            r"no column 'question'.*\n→ columns are q, .*; for the word itself write \"{{ 'question' }}\"",
        ),
        ("doc_to_choice: [same, same]", QUESTIONS, r"doc_to_choice names 'same' twice"),
        (
            "doc_to_choice: '{{options}'",
            QUESTIONS,
            r"task.yaml:9: doc_to_choice, line 1, column 10: unexpected '}' \(document ",
        ),
        (
            "doc_to_text: '{{ qu }}'",
            QUESTIONS,
            r"doc_to_text, line 1, column 4: the document has no field 'qu'; it has q, options.*Did you mean 'q'",
        ),
        ("target_delimiter: ''", [{"q": "x", "options": ["a", ""], "right": 0}], r"choice 1 is empty"),
        (
            "",
            [QUESTIONS[0], {"q": "x", "options": ["a", ""], "right": 0}],
            r"rows.jsonl:2: .*choice 1 is empty",
        ),
        ("doc_to_text: 0\ndoc_to_target: q", [{"q": "x", "options": ["", "a"]}], r"choice 0 is empty"),
        (
            "num_fewshot: 3\nfewshot_split: test",
            QUESTIONS,
            r"3 examples before each item, but there are only 3 .*, the item itself among them",
        ),
        (
            "num_fewshot: 2\nfewshot_split: test",
            [QUESTIONS[0]] * 4,
            r"rows are repeated so often that 2 examples",
        ),
        ("output_type: loglikelihood\ndoc_to_target: '{{ none_here }}'", QUESTIONS, r"no field 'none_here'"),
        (
            "output_type: loglikelihood_rolling\ndoc_to_choice: null\ndoc_to_target: q",
            [{"q": ""}],
            r"there is no text to score",
        ),
    ],
)
def test_rows_that_do_not_fit(write: Write, changes: str, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(OntogenyError, match=message):
        build_items(write(changes, rows=rows))


def test_a_field_that_no_row_has_is_the_files_mistake(write: Write) -> None:
    with pytest.raises(RecipeError, match=r"columns of the data: q, options, right, topic"):
        build_items(write("doc_to_text: '{{ colour }}'"))
