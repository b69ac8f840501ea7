"""Items that a model has learnt from: found in its lineage, shown, counted, told, and never searched twice."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import contamination, task
from ontogeny.evaluate.config_gates import Gate
from ontogeny.evaluate.contamination import Lineage, told
from ontogeny.evaluate.gate import decide
from ontogeny.evaluate.record import items_schema, record_of, rows_of
from ontogeny.evaluate.report import evaluation_page
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.suites import MultipleChoiceSuite, TaskSuite
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.reads import Reads
from tests.evaluate.conftest import document, subject, write_rows
from tests.evaluate.test_step import artifact

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nprst"]
LEAKED, PASSAGE_ONLY, ITEMS = (2, 5), 7, 12
MODEL = "r/m@1"


class Noting(QuietProgress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Questions about passages, each with two choices."""
    rng = random.Random(1)
    return [
        {
            "passage": prose(rng, 30), "question": f"{prose(rng, 18)}?", "choices": [prose(rng, 3), prose(rng, 3)],
            "answer": number % 2,
        }
        for number in range(ITEMS)
    ]  # fmt: skip


@pytest.fixture
def suite(rows: list[dict[str, Any]], tmp_path: Path) -> TaskSuite:
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "exam.yaml").write_text(
        'type: multiple-choice\ndata: exam.jsonl\nquestion: "{{passage}}\\nQuestion: {{question}}\\nAnswer:"\n'
        "choices: choices\nanswer: answer\n"
    )
    return TaskSuite.model_validate({"task": str(tmp_path / "exam.yaml")})


@pytest.fixture
def corpus_of_model(rows: list[dict[str, Any]], tmp_path: Path) -> Artifact:
    """20 documents; two hold questions, one a passage, one held-out document a question."""
    rng = random.Random(2)
    texts = [prose(rng, 80) for _ in range(20)]
    for place, number in zip((3, 11), LEAKED, strict=True):
        texts[place] += f"\n\n{rows[number]['question']} {rows[number]['choices'][rows[number]['answer']]}"
    texts[15] += f"\n\n{rows[PASSAGE_ONLY]['passage']}"
    texts[18] += f"\n\n{rows[9]['question']}"
    folder = write_rows(
        tmp_path / "corpus-of-model",
        [
            {**document(place, "held_out" if place == 18 else "train", text=text), "digest": str(place)}
            for place, text in enumerate(texts)
        ],
    )
    return artifact("corpus", kind="corpus", step_type="curate", folder=folder)


def run(
    suite: TaskSuite, reads: Reads, *, cache: Path | None = None, max_bytes: int = 10**9, progress: Any = None
) -> Evaluation:
    asked = [Assignment(suite, Source(Path(), suite.task, task.digest_of(suite)))]
    lineage = Lineage({MODEL: reads}, max_bytes)
    return evaluate(
        subject(MODEL), asked, baseline=subject("r/base@1"), cache=cache, lineage=lineage, progress=progress
    )


def test_leaks_are_marked_counted_and_shown(
    suite: TaskSuite, corpus_of_model: Artifact, rows: list[dict[str, Any]]
) -> None:
    evaluation = run(suite, Reads((corpus_of_model,)))
    scores = evaluation.scores["exam"][MODEL]
    known = scores.contamination
    assert known is not None
    assert (known.items, known.contaminated, known.passage_only, known.untold) == (ITEMS, len(LEAKED), 1, 0)
    assert scores.figures["contaminated"] == known.share == len(LEAKED) / ITEMS
    (searched,) = known.searched
    assert (searched.name, searched.documents) == ("r/corpus@1", 19)
    by_item = {row.item: row for row in scores.rows}
    order = [row.item for row in scores.rows]
    assert [by_item[one].contaminated for one in order] == [number in LEAKED for number in range(ITEMS)]
    for number, place in zip(LEAKED, (3, 11), strict=True):
        (spotted,) = by_item[order[number]].spotted or ()
        assert (spotted.artifact, spotted.source) == ("r/corpus@1", "s")
        assert spotted.document == document(place, "train")["doc_id"]
        assert spotted.words == rows[number]["question"].rstrip("?")
        assert spotted.answer
    (passage,) = by_item[order[PASSAGE_ONLY]].spotted or ()
    assert (passage.verdict, passage.words) == ("context_only", rows[PASSAGE_ONLY]["passage"])
    pa.Table.from_pylist([row.model_dump(mode="json") for row in scores.rows], schema=items_schema())


def test_results_come_with_and_without_the_contaminated_items(
    suite: TaskSuite, corpus_of_model: Artifact
) -> None:
    evaluation = run(suite, Reads((corpus_of_model,)))
    sizes = {row.task: row.n for row in evaluation.results if row.model == MODEL and row.metric == "acc"}
    assert sizes == {"exam": ITEMS, "exam/clean": ITEMS - len(LEAKED), "exam/contaminated": len(LEAKED)}
    values = {row.task: row.value for row in evaluation.results if row.model == MODEL and row.metric == "acc"}
    parts = values["exam/clean"] * (ITEMS - len(LEAKED)) + values["exam/contaminated"] * len(LEAKED)
    assert parts == pytest.approx(values["exam"] * ITEMS)
    record = record_of(evaluation, ())
    assert set(record.suites[0].contamination) == {MODEL}
    assert evaluation.scores["exam"]["r/base@1"].contamination is None
    assert all(row.contaminated is None for row in rows_of(evaluation) if row.model == "r/base@1")


def test_nothing_is_read_twice(
    suite: TaskSuite, corpus_of_model: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(suite, Reads((corpus_of_model,)), cache=tmp_path / "cache")
    monkeypatch.setattr(contamination, "_searched", pytest.fail)
    again = run(suite, Reads((corpus_of_model,)), cache=tmp_path / "cache", max_bytes=1)
    assert again.scores["exam"][MODEL] == first.scores["exam"][MODEL]


def test_a_damaged_memory_is_as_good_as_none(
    suite: TaskSuite, corpus_of_model: Artifact, tmp_path: Path
) -> None:
    first = run(suite, Reads((corpus_of_model,)), cache=tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / "contamination").iterdir()
    kept.write_text("{")
    again = run(suite, Reads((corpus_of_model,)), cache=tmp_path / "cache")
    assert again.scores["exam"][MODEL] == first.scores["exam"][MODEL]


def test_what_cannot_be_searched_is_told(suite: TaskSuite, corpus_of_model: Artifact) -> None:
    noting = Noting()
    imported = Reads((), ("r/smollm2@1",), ("r/old@2",))
    scores = run(suite, imported, progress=noting).scores["exam"][MODEL]
    assert "contaminated" not in scores.figures
    assert all(row.contaminated is None for row in scores.rows)
    assert scores.contamination is not None
    assert told(scores.contamination) == (
        "Whether r/m@1 has seen items of exam is not known: what r/smollm2@1 read before it was imported is not known "
        "here; r/old@2 is no longer in the workspace."
    )
    assert "contamination: r/old@2 is no longer in the workspace" in noting.notes
    large = run(suite, Reads((corpus_of_model,)), max_bytes=1).scores["exam"][MODEL].contamination
    assert large is not None
    assert large.unsearched[0].endswith("is more than `contamination_bytes` allow")


def test_what_was_found_is_told_in_words(suite: TaskSuite, corpus_of_model: Artifact) -> None:
    noting = Noting()
    run(suite, Reads((corpus_of_model,), ("r/smollm2@1",)), progress=noting)
    (sentence,) = [note for note in noting.notes if note.startswith("In what ")]
    assert sentence.startswith(
        "In what r/m@1 learnt from, 2 of 12 items of exam found, and of 1 more the passage alone (r/corpus@1; "
    )
    assert sentence.endswith("Not searched: what r/smollm2@1 read before it was imported is not known here.")
    assert "contamination: in what r/m@1 learnt from, 2 of 12 items found" in noting.notes


def short_items(suite: TaskSuite, rows: list[dict[str, Any]], count: int) -> None:
    """Let the first `count` items be too short to be told from chance, with passages that tell nothing either."""
    short = [
        {
            "passage": "",
            "question": f"{WORDS[number]} {WORDS[number + 20]}?",
            "choices": ["no", "yes"],
            "answer": 1,
        }
        for number in range(count)
    ]
    text = "".join(json.dumps(row) + "\n" for row in (*short, *rows[count:]))
    Path(suite.task).with_name("exam.jsonl").write_text(text)


def test_items_too_short_to_be_told_are_neither_contaminated_nor_clean(
    suite: TaskSuite, corpus_of_model: Artifact, rows: list[dict[str, Any]]
) -> None:
    short_items(suite, rows, 2)
    noting = Noting()
    evaluation = run(suite, Reads((corpus_of_model,)), progress=noting)
    scores = evaluation.scores["exam"][MODEL]
    known = scores.contamination
    assert known is not None and (known.items, known.tellable, known.untold) == (ITEMS, ITEMS - 2, 2)
    assert scores.figures["contaminated"] == len(LEAKED) / (ITEMS - 2)
    assert [row.contaminated for row in scores.rows[:3]] == [None, None, True]
    assert {part: len(items) for part, items in scores.slices.items()} == {"clean": 8, "contaminated": 2}
    assert told(known).startswith("In what r/m@1 learnt from, 2 of 10 items of exam found")
    assert told(known).endswith("; 2 too short to be told.")
    assert (
        "contamination: in what r/m@1 learnt from, 2 of 10 items found; 2 too short to be told"
        in noting.notes
    )
    html = evaluation_page(record_of(evaluation, ()), rows_of(evaluation), seed=0).render()
    assert "2 of 10; 2 too short to be told" in html


def test_where_nothing_can_be_told_nothing_was_measured(
    suite: TaskSuite, corpus_of_model: Artifact, rows: list[dict[str, Any]]
) -> None:
    short_items(suite, rows, ITEMS)
    evaluation = run(suite, Reads((corpus_of_model,)))
    scores = evaluation.scores["exam"][MODEL]
    assert scores.contamination is not None and scores.contamination.share is None
    assert all(row.contaminated is None for row in scores.rows) and not scores.slices
    verdict = decide(Gate(name="unseen", metric="exam/contaminated", at_most=0.0), evaluation)
    assert not verdict.passed
    assert verdict.reason == "exam/contaminated cannot be told: every item is too short"
    html = evaluation_page(record_of(evaluation, ()), rows_of(evaluation), seed=0).render()
    assert "0 of 0; 12 too short to be told" in html


def test_a_passage_does_not_make_up_for_a_question_that_is_too_short(
    suite: TaskSuite, corpus_of_model: Artifact, rows: list[dict[str, Any]]
) -> None:
    row = rows[PASSAGE_ONLY] | {"question": "so?", "choices": ["no", "yes"]}
    Path(suite.task).with_name("exam.jsonl").write_text(json.dumps(row) + "\n")
    known = run(suite, Reads((corpus_of_model,))).scores["exam"][MODEL].contamination
    assert known is not None and (known.passage_only, known.untold, known.share) == (1, 1, None)


def test_each_model_is_told_of_the_artifact_that_it_was_made_of(
    suite: TaskSuite, corpus_of_model: Artifact, tmp_path: Path
) -> None:
    again = artifact("corpus", kind="corpus", step_type="curate", folder=corpus_of_model.path)
    again = Artifact(again.path, again.manifest.model_copy(update={"version": 2}))
    lineage = Lineage({MODEL: Reads((corpus_of_model,)), "r/base@1": Reads((again,))}, 10**9)
    asked = [Assignment(suite, Source(Path(), suite.task, task.digest_of(suite)))]
    for _ in range(2):  # searched, then known
        found = evaluate(
            subject(MODEL), asked, baseline=subject("r/base@1"), cache=tmp_path / "cache", lineage=lineage
        ).scores["exam"]
        for model, name in ((MODEL, "r/corpus@1"), ("r/base@1", "r/corpus@2")):
            known = found[model].contamination
            assert known is not None and [one.name for one in known.searched] == [name]
            spotted = [one.artifact for row in found[model].rows for one in row.spotted or ()]
            assert spotted == [name] * 3


def test_held_out_questions_of_ones_own_are_looked_for_too(tmp_path: Path) -> None:
    rng = random.Random(4)
    rows = [
        document(
            place, "held_out", prompt=f"{prose(rng, 20)}?", context="", choices=[prose(rng, 3), prose(rng, 3)], gold=0
        )
        for place in range(6)
    ]  # fmt: skip
    folder = write_rows(tmp_path / "choices", rows)
    learnt = tmp_path / "learnt"
    learnt.mkdir()
    messages = [
        {"role": "user", "content": rows[2]["prompt"]},
        {"role": "assistant", "content": rows[2]["choices"][0]},
    ]
    row = {**document(77, "train"), "digest": "d", "messages": messages}
    pq.write_table(pa.Table.from_pylist([row]), learnt / "part-00000.parquet")
    examples = artifact("examples", kind="examples", step_type="examples", folder=learnt)
    asked = [
        Assignment(MultipleChoiceSuite(name="own", data="choices"), Source(folder, "r/choices@1", "blake3:c"))
    ]
    evaluation = evaluate(subject(MODEL), asked, lineage=Lineage({MODEL: Reads((examples,))}, 10**9))
    scores = evaluation.scores["own"][MODEL]
    assert scores.figures["contaminated"] == 1 / 6
    assert [row.item for row in scores.rows if row.contaminated] == [rows[2]["doc_id"]]
