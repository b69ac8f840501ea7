"""Items planted into a finished corpus: they are found with their words, and what looks like them is not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.decontaminate.index import build_index, words_of
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.decontaminate.planted import half_replaced, reformatted, shown, shuffled
from ontogeny.data.decontaminate.search import documents_in, search
from ontogeny.data.rules.decontaminate import CONTAMINATED, Decontaminate

RULE = Decontaminate(type="decontaminate", against=("-",))
VOCABULARY = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in "bcdfglmnprst"]


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(VOCABULARY) for _ in range(words))


def made_items(rng: random.Random, count: int = 12) -> list[Item]:
    return [
        Item("exam", f"item{number}", f"{prose(rng, rng.randrange(16, 50))}?", "", (prose(rng, 3),))
        for number in range(count)
    ]


def indexed(items: list[Item]) -> Any:
    return build_index(items, n_gram=RULE.n_gram, max_items=RULE.max_items)


def written(folder: Path, texts: dict[str, str], *, split: str = "train", group_rows: int = 3) -> Path:
    """A corpus with a document for each text."""
    columns = [
        {"doc_id": name, "source": "web", "split": split, "digest": f"digest of {name}", "text": text}
        for name, text in texts.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(columns), folder / "part-00000.parquet", row_group_size=group_rows)
    return folder


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_planted_items_are_found_and_look_alikes_are_not(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(seed)
    items = made_items(rng)
    leaks = [shown, lambda item: reformatted(item, rng)]
    likes = [
        lambda item: shuffled(shown(item), rng),
        lambda item: half_replaced(shown(item), VOCABULARY, rng),
    ]
    texts, planted = {}, {}
    for number, item in enumerate(items):
        forms = leaks if number % 2 else likes
        name = f"doc{number}"
        texts[name] = f"{prose(rng, 60)}\n\n{rng.choice(forms)(item)}\n\n{prose(rng, 60)}"
        planted[name] = number
    (found,) = search(written(tmp_path_factory.mktemp("corpus"), texts), [indexed(items)], RULE)
    assert found.documents == len(items)
    assert found.bytes == sum(len(text.encode()) for text in texts.values())
    assert {(one.document, one.item) for one in found.sightings} == {
        (name, number) for name, number in planted.items() if number % 2
    }
    for one in found.sightings:
        assert one.verdict == CONTAMINATED
        assert one.words in texts[one.document]
        question = words_of(items[one.item].question).tolist()
        common = set(words_of(one.words).tolist()) & set(question)
        assert len(common) > 0.6 * len(set(question))
        assert len(words_of(one.words)) <= 1.3 * len(question) + 5


def test_words_shown_are_those_of_the_item_to_the_letter(tmp_path: Path) -> None:
    items = made_items(random.Random(3))
    question = items[4].question
    folder = written(tmp_path, {"a": f"{prose(random.Random(1), 40)} “{question}” {items[4].answers[0]}"})
    (found,) = search(folder, [indexed(items)], RULE)
    (one,) = found.sightings
    assert (one.item, one.document, one.source, one.answer, one.share) == (4, "a", "web", True, 1.0)
    assert one.words == question.rstrip("?")


def test_held_out_documents_are_not_looked_at(tmp_path: Path) -> None:
    items = made_items(random.Random(3))
    folder = written(tmp_path, {"a": shown(items[0])}, split="held_out")
    (found,) = search(folder, [indexed(items)], RULE)
    assert (found.documents, found.sightings) == (0, ())
    assert documents_in(folder) == 1


def test_one_reading_serves_several_suites_as_readings_of_their_own_do(tmp_path: Path) -> None:
    rng = random.Random(5)
    first, second = made_items(rng), made_items(rng)
    texts = {
        f"doc{number}": f"{prose(rng, 20)} {shown(item)}" for number, item in enumerate([*first, *second])
    }
    folder = written(tmp_path, texts)
    told: list[int] = []
    together = search(folder, [indexed(first), indexed(second)], RULE, advance=told.append)
    assert together == [*search(folder, [indexed(first)], RULE), *search(folder, [indexed(second)], RULE)]
    assert sum(told) == documents_in(folder) == len(texts)


def test_a_passage_without_its_question_is_told_apart(tmp_path: Path) -> None:
    rng = random.Random(7)
    passage = prose(rng, 40)
    items = [Item("exam", "q", f"{prose(rng, 12)}?", passage, ("yes",)), *made_items(rng)]
    folder = written(tmp_path, {"article": f"From an encyclopedia: {passage}."})
    (found,) = search(folder, [indexed(items)], RULE)
    (one,) = found.sightings
    assert one.verdict == "context_only"
    assert one.words == passage


@pytest.mark.parametrize("shape", ["instruct", "classify", "multiple-choice"])
def test_examples_are_searched_in_all_they_say(shape: str, tmp_path: Path) -> None:
    items = made_items(random.Random(9))
    question, answer = items[2].question, items[2].answers[0]
    content = {
        "instruct": {
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        },
        "classify": {"text": question, "label": answer, "labels": [answer]},
        "multiple-choice": {
            "prompt": question,
            "context": f"Q: {question} A: ",
            "choices": [answer, "no"],
            "gold": 0,
        },
    }
    row = {"doc_id": "x", "source": "mine", "split": "train", "digest": "d", **content[shape]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "part-00000.parquet")
    (found,) = search(tmp_path, [indexed(items)], RULE)
    (one,) = found.sightings
    assert (one.item, one.answer) == (2, True)
    assert one.words == question.rstrip("?")
