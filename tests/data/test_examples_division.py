"""Examples as the step divides them: parts, copies, leaks, conflicts."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data.examples_table import text_key
from ontogeny.data.step import EXAMPLES
from tests.data.conftest import Made, run_step
from tests.notes import Notes

Rows = list[dict[str, Any]]


def labelled(count: int, label: str, *, start: int = 0) -> Rows:
    return [
        {"text": f"{label} text number {number}", "label": label} for number in range(start, start + count)
    ]


def write(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def divided(
    folder: Path, source: object, *, noted: Notes | None = None, seed: int = 7, **settings: object
) -> Made:
    run = folder / f"run {len(list(folder.iterdir()))}"
    settings = {"task": "classify", "source": source, **settings}
    return run_step(EXAMPLES, settings, run, seed=seed, noted=noted)


def figures_of(made: Made) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((made.payload / "figures.json").read_text())
    return figures


def dropped(made: Made) -> list[tuple[str, str | None, str]]:
    table = pq.read_table(made.payload / "dropped.parquet").sort_by("text").to_pylist()
    return [(row["text"], row["split"], row["reason"]) for row in table]


def split_of(made: Made) -> dict[str, str]:
    return {str(row["text"]): str(row["split"]) for row in made.rows()}


def test_one_file_becomes_three_parts_with_each_label_in_each(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", labelled(100, "ham") + labelled(20, "spam"))
    made = divided(tmp_path, {"path": path})
    counts = {
        "ham": {"train": 72, "held_out": 8, "test": 20},
        "spam": {"train": 14, "held_out": 2, "test": 4},
    }
    figures = figures_of(made)
    assert figures["labels"] == ["ham", "spam"]
    assert figures["label_counts"] == counts
    assert figures["parts"] == {"train": 86, "held_out": 10, "test": 24}
    assert figures["multi_label"] is False
    assert made.outputs.metrics["test_documents"] == 24
    found = Counter((row["label"], row["split"]) for row in made.rows())
    assert found == {(label, part): n for label, each in counts.items() for part, n in each.items()}
    page = (made.payload / "report.html").read_text()
    assert "Labels" in page and "Copies, leaks and conflicts" in page


def test_the_division_follows_from_seed_and_content_alone(tmp_path: Path) -> None:
    rows = labelled(60, "ham") + labelled(40, "spam")
    first = split_of(divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)}))
    moved = random.Random(1).sample(rows, len(rows))
    assert split_of(divided(tmp_path, {"path": write(tmp_path / "b.jsonl", moved)})) == first
    assert split_of(divided(tmp_path, {"path": str(tmp_path / "a.jsonl")}, seed=8)) != first


def test_groups_are_not_torn_apart(tmp_path: Path) -> None:
    rows = [
        {**row, "group": f"thread {number // 4}"}
        for number, row in enumerate(labelled(80, "a") + labelled(80, "b"))
    ]
    made = divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)})
    parts: dict[str, set[str]] = {}
    for row in made.rows():
        parts.setdefault(str(row["group"]), set()).add(str(row["split"]))
    assert all(len(each) == 1 for each in parts.values())
    assert figures_of(made)["parts"] == {"train": 112, "held_out": 16, "test": 32}


def test_a_group_for_each_label_cannot_be_divided(tmp_path: Path) -> None:
    rows = [{**row, "group": row["label"]} for row in labelled(30, "a") + labelled(30, "b")]
    with pytest.raises(
        DataError, match="of 60 examples in 2 groups none is left for the part held_out"
    ) as error:
        divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)})
    assert "`columns: {group: ...}`" in str(error.value.hint)


def test_parts_that_are_given_stay_and_only_the_missing_one_is_taken(tmp_path: Path) -> None:
    source = {
        "train": write(tmp_path / "t.jsonl", labelled(50, "a") + labelled(50, "b")),
        "test": write(tmp_path / "e.jsonl", labelled(5, "a", start=50) + labelled(9, "b", start=50)),
    }
    assert figures_of(divided(tmp_path, source))["parts"] == {"train": 90, "held_out": 10, "test": 14}
    source["validation"] = write(
        tmp_path / "v.jsonl", labelled(3, "a", start=70) + labelled(3, "b", start=70)
    )
    made = divided(tmp_path, source)
    assert figures_of(made)["parts"] == {"train": 100, "held_out": 6, "test": 14}
    assert {row["source"] for row in made.rows("held_out")} == {"validation"}


def test_a_part_may_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", labelled(50, "a") + labelled(50, "b"))
    made = divided(tmp_path, {"path": path}, test_fraction=0, held_out_fraction=0.2)
    assert figures_of(made)["parts"] == {"train": 80, "held_out": 20, "test": 0}


def test_copies_go_and_one_of_each_stays(tmp_path: Path) -> None:
    rows = labelled(20, "ham") + labelled(20, "spam")
    rows += [rows[0], {"text": "HAM  text\nnumber 0 ", "label": "ham"}, rows[30]]
    noted = Notes()
    made = divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)}, noted=noted)
    assert made.outputs.metrics["documents_kept"] == 40
    assert made.outputs.metrics["dropped"] == {"exact_duplicate": 3}
    assert sum(figures_of(made)["copies"].values()) == 3
    there = {text_key(text): part for text, part in split_of(made).items()}
    assert all(part == there[text_key(text)] for text, part, _ in dropped(made))
    assert "examples that are copies of others of their part: 3; one of each stays" in noted.said


def test_what_is_tested_is_not_learnt(tmp_path: Path) -> None:
    rows = labelled(30, "a") + labelled(30, "b")
    source = {
        "train": write(tmp_path / "t.jsonl", rows),
        "validation": write(tmp_path / "v.jsonl", [rows[1], rows[2], *labelled(4, "b", start=40)]),
        "test": write(
            tmp_path / "e.jsonl", [{**rows[0], "text": rows[0]["text"].upper()}, rows[1], rows[30]]
        ),
    }
    noted = Notes()
    made = divided(tmp_path, source, noted=noted)
    assert sorted(dropped(made)) == [
        ("a text number 0", "train", "also_in_test"),
        ("a text number 1", "held_out", "also_in_test"),
        ("a text number 1", "train", "also_in_test"),
        ("a text number 2", "train", "also_in_held_out"),
        ("b text number 0", "train", "also_in_test"),
    ]
    assert figures_of(made)["leaks"] == {"test": 4, "held_out": 1}
    assert figures_of(made)["parts"] == {"train": 56, "held_out": 5, "test": 3}
    assert any(
        "to learn from or guide training that stand in the test part too: 4; they" in note
        for note in noted.said
    )
    details = pq.read_table(made.payload / "dropped.parquet").column("detail").to_pylist()
    assert all("e.jsonl" in str(each) or "v.jsonl" in str(each) for each in details)
    kept = divided(tmp_path, source, leaks="keep")
    assert figures_of(kept)["parts"] == {"train": 60, "held_out": 6, "test": 3}
    assert figures_of(kept)["leaks"] == {"test": 4, "held_out": 2}


def test_one_text_under_two_labels_is_a_conflict_and_stays_together(tmp_path: Path) -> None:
    rows = labelled(40, "a") + labelled(40, "b")
    rows += [{"text": rows[n]["text"].title(), "label": "b"} for n in range(10)]
    noted = Notes()
    made = divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)}, noted=noted)
    conflicts = figures_of(made)["conflicts"]
    assert (conflicts["texts"], conflicts["documents"], len(conflicts["samples"])) == (10, 20, 10)
    assert sorted(one["labels"] for one in conflicts["samples"][0]["documents"]) == [["a"], ["b"]]
    assert any(
        "texts that stand under different labels: 10 (20 examples); no classifier" in note
        for note in noted.said
    )
    parts: dict[str, set[str]] = {}
    for text, part in split_of(made).items():
        parts.setdefault(text_key(text), set()).add(part)
    assert all(len(each) == 1 for each in parts.values())


def test_texts_may_have_several_labels(tmp_path: Path) -> None:
    rows: Rows = [
        {"text": f"text {n}", "tags": "red" if n % 2 else "red;big" if n % 3 else ""} for n in range(60)
    ]
    source = {"path": write(tmp_path / "a.jsonl", rows), "columns": {"label": "tags"}}
    made = divided(tmp_path, source, label_separator=";")
    figures = figures_of(made)
    assert (figures["labels"], figures["multi_label"]) == (["big", "red"], True)
    written = [(row["label"], row["labels"]) for row in made.rows()]
    assert all(one in written for one in (("", []), ("red", ["red"]), ("big|red", ["big", "red"])))


def test_labels_have_the_order_that_is_given_and_others_are_left_out(tmp_path: Path) -> None:
    rows = labelled(300, "low") + labelled(300, "high") + labelled(2, "hihg")
    made = divided(tmp_path, {"path": write(tmp_path / "a.jsonl", rows)}, labels=["low", "mid", "high"])
    assert figures_of(made)["labels"] == ["low", "mid", "high"]
    assert made.outputs.metrics["dropped"] == {"unknown_label": 2}


def test_the_folder_of_a_text_may_be_its_label(tmp_path: Path) -> None:
    for label in ("ham", "spam"):
        (tmp_path / "mail" / label).mkdir(parents=True)
        for number in range(15):
            (tmp_path / "mail" / label / f"{number}.txt").write_text(f"{label} {number}\n")
    made = divided(tmp_path, {"path": str(tmp_path / "mail/*/*.txt")})
    assert all(str(row["text"]).startswith(str(row["label"])) for row in made.rows())
    assert figures_of(made)["labels"] == ["ham", "spam"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufefftext;label\n{rows}",
        "text,label\n{rows}",
        "text\tlabel\n{rows}",
    ],
)
def test_spreadsheets_are_read_as_they_are_saved(tmp_path: Path, content: str) -> None:
    separator = content[5 if content[0] == "\ufeff" else 4]
    rows = [f'"said ""{n}"", {label}; ok"{separator}{label}' for n in range(10) for label in ("ham", "spam")]
    (tmp_path / "a.csv").write_text(content.format(rows="\n".join(rows)), encoding="utf-8")
    made = divided(tmp_path, {"path": str(tmp_path / "a.csv")})
    assert {(row["text"], row["label"]) for row in made.rows()} == {
        (f'said "{n}", {label}; ok', label) for n in range(10) for label in ("ham", "spam")
    }


def test_files_without_a_header_have_it_in_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(
        "".join(f"{label}\thello {n}\n" for n in range(20) for label in ("ham", "spam"))
    )
    with pytest.raises(RecipeError, match=r"`header: \[label, text\]`"):
        divided(tmp_path, {"path": str(tmp_path / "a.tsv")})
    made = divided(tmp_path, {"path": str(tmp_path / "a.tsv"), "header": ["label", "text"]})
    assert made.outputs.metrics["documents_kept"] == 40


def test_a_file_with_one_column_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nhello\nworld\n")
    with pytest.raises(
        RecipeError, match=r"no column 'label'; there are: text.* needs a text and a label in each row"
    ):
        divided(tmp_path, {"path": str(tmp_path / "a.csv")})


def test_too_many_rows_without_a_label_stop_the_step(tmp_path: Path) -> None:
    rows: Rows = [
        *labelled(50, "a"),
        *labelled(50, "b"),
        *({"text": f"x {n}", "label": None} for n in range(3)),
    ]
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match=r"3 of 103 rows cannot be read.*(?s:.*)no_label: the label is empty"):
        divided(tmp_path, {"path": path})
    made = divided(tmp_path, {"path": path}, max_bad_fraction=0.1)
    assert made.outputs.metrics["dropped"] == {"no_label": 3}
    assert {part for _, part, _ in dropped(made)} == {None}


def test_the_same_file_for_learning_and_testing_leaves_nothing_to_learn(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", labelled(20, "a") + labelled(20, "b"))
    with pytest.raises(DataError, match="of 40 examples in 40 groups none is left for the part train"):
        divided(tmp_path, {"train": path, "test": path})


def test_a_label_only_in_the_test_file_is_refused(tmp_path: Path) -> None:
    source = {
        "train": write(tmp_path / "t.jsonl", labelled(20, "a") + labelled(20, "b")),
        "test": write(tmp_path / "e.jsonl", labelled(5, "c")),
    }
    with pytest.raises(DataError, match=r"never in train: 'c' \(5\)"):
        divided(tmp_path, source)


def test_few_held_out_examples_are_told(tmp_path: Path) -> None:
    noted = Notes()
    divided(
        tmp_path, {"path": write(tmp_path / "a.jsonl", labelled(20, "a") + labelled(20, "b"))}, noted=noted
    )
    assert any(note.startswith("examples held out: only 3; ") for note in noted.said)


def test_groups_in_two_files_are_told(tmp_path: Path) -> None:
    rows = [{**row, "group": str(n % 20)} for n, row in enumerate(labelled(40, "a") + labelled(40, "b"))]
    source = {"train": write(tmp_path / "t.jsonl", rows[:-5]), "test": write(tmp_path / "e.jsonl", rows[-5:])}
    noted = Notes()
    divided(tmp_path, source, noted=noted)
    assert any(note.startswith("groups that stand in two of the files: 5; ") for note in noted.said)


def conversations(count: int, start: int = 0) -> Rows:
    return [{"prompt": f"Why {n}?", "completion": f"So {n}."} for n in range(start, start + count)]


def test_conversations_may_come_in_parts_too(tmp_path: Path) -> None:
    source = {
        "train": write(tmp_path / "t.jsonl", conversations(30)),
        "validation": write(tmp_path / "v.jsonl", conversations(6, start=28)),
    }
    made = divided(tmp_path, source, task="instruct")
    assert figures_of(made)["parts"] == {"train": 28, "held_out": 6, "test": 0}
    assert made.outputs.metrics["dropped"] == {"also_in_held_out": 2}
    del source["validation"]
    source["test"] = write(tmp_path / "e.jsonl", conversations(6, start=28))
    parts = figures_of(divided(tmp_path, source, task="instruct"))["parts"]
    assert parts["test"] == 6 and parts["held_out"] > 0 and parts["train"] + parts["held_out"] == 28


def test_conversations_of_several_files(tmp_path: Path) -> None:
    source = [
        {"path": write(tmp_path / "a.jsonl", conversations(20))},
        {"path": write(tmp_path / "b.json", conversations(20, start=20))},
    ]
    made = divided(tmp_path, source, task="instruct")
    assert made.outputs.metrics["documents_kept"] == 40
    assert {row["source"] for row in made.rows()} == {"a", "b"}


def test_whole_numbers_of_a_table_are_labels_in_their_order(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "review": [f"text {n}" for n in range(60)],
        "stars": [float(n % 3 + 8) for n in range(60)],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = {"path": str(tmp_path / "a.parquet"), "columns": {"text": "review", "label": "stars"}}
    assert figures_of(divided(tmp_path, source))["labels"] == ["8", "9", "10"]


def test_a_column_of_measurements_is_refused(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "text": [f"text {n}" for n in range(60)],
        "label": [n / 7 for n in range(60)],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"not_a_label: the label is 0\.14.*, which measures something"):
        divided(tmp_path, {"path": str(tmp_path / "a.parquet")})
    rows = "".join(f"text {n},{n / 7:.3f}\n" for n in range(60))
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}")
    with pytest.raises(DataError, match="is not whole: they measure something"):
        divided(tmp_path, {"path": str(tmp_path / "a.csv")})
