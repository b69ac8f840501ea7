"""Corrected labels, what can be wrong with a file of them, and examples that have them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data.corrections import read_corrections
from ontogeny.data.examples_settings import ExamplesConfig
from ontogeny.data.step import EXAMPLES, labelled_files
from tests.data.conftest import Made, run_step
from tests.notes import Notes


def written(folder: Path, content: str) -> Path:
    path = folder / "corrected.csv"
    path.write_text(content)
    return path


def test_labels_are_read_by_document(tmp_path: Path) -> None:
    path = written(tmp_path, "label,doc_id,remark\nspam,a1,sure\n ham ,b2,\nham,b2,twice the same\n")
    assert read_corrections(path).label_of == {"a1": "spam", "b2": "ham"}


@pytest.mark.parametrize(
    ("content", "said", "remedy"),
    [
        ("doc_id,label\na1,ham\na1,spam\n", "a1 is labelled both 'ham' and 'spam'", "keep one"),
        ("doc_id,label\na1, \n", "the document a1 has no label", "delete the row"),
        (
            "doc_id,class\na1,ham\n",
            "no column 'label', only 'doc_id', 'class'",
            "keep the columns doc_id and label",
        ),
        ("doc_id,label\na1\n", "wrong_column_count", "mend this row"),
        ("", "empty_file", "mend this row"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, content: str, said: str, remedy: str) -> None:
    with pytest.raises(DataError) as error:
        read_corrections(written(tmp_path, content))
    assert said in error.value.message
    assert error.value.hint is not None and remedy in error.value.hint
    assert error.value.where is not None and "corrected.csv" in error.value.where


def made(folder: Path, corrections: str | None = None, *, noted: Notes | None = None) -> Made:
    """The examples of a small file; with `corrections`, another version of them."""
    path = folder / "spam.csv"
    texts = [("spam" if number % 3 == 0 else "ham", number) for number in range(40)]
    path.write_text("text,label\n" + "".join(f"{label} text {number},{label}\n" for label, number in texts))
    settings: dict[str, object] = {"task": "classify", "source": {"path": str(path)}}
    if corrections is not None:
        settings["corrections"] = str(written(folder, corrections))
    return run_step(EXAMPLES, settings, folder / f"run {len(list(folder.iterdir()))}", noted=noted)


def labels_of(examples: Made) -> dict[str, tuple[object, ...]]:
    return {str(row["doc_id"]): (row["text"], row["label"]) for row in examples.rows()}


def test_examples_have_the_corrected_labels_and_are_otherwise_the_same(tmp_path: Path) -> None:
    before = labels_of(made(tmp_path))
    first, second, *_ = sorted(doc_id for doc_id, (_, label) in before.items() if label == "ham")
    noted = Notes()
    after = labels_of(made(tmp_path, f"doc_id,label\n{first},spam\n{second},ham\n", noted=noted))
    assert after == {**before, first: (before[first][0], "spam")}
    assert not [note for note in noted.said if "corrected" in note]


def test_a_corrected_version_keeps_every_document_in_its_part(tmp_path: Path) -> None:
    """Also where labels become rare, and texts that stood under two labels come to stand under one."""
    path = tmp_path / "spam.csv"
    rows = [
        (f"message {number} of {number * 7}", "spam" if number % 3 == 0 else "ham") for number in range(60)
    ]
    rows += [(text.upper(), "ham") for text, label in rows if label == "spam"][:8]  # under two labels
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    settings = {"task": "classify", "source": {"path": str(path)}}

    def parts(examples: Made) -> dict[str, tuple[object, object]]:
        return {str(row["doc_id"]): (row["split"], row["label"]) for row in examples.rows()}

    before = parts(run_step(EXAMPLES, settings, tmp_path / "before"))
    spam = sorted(doc_id for doc_id, (_, label) in before.items() if label == "spam")
    corrections = "doc_id,label\n" + "".join(f"{doc_id},ham\n" for doc_id in spam[:12])
    settings["corrections"] = str(written(tmp_path, corrections))
    after = parts(run_step(EXAMPLES, settings, tmp_path / "after"))
    assert len(after) < len(before)  # what had been two texts by their labels is one
    assert all(before[doc_id][0] == part for doc_id, (part, _) in after.items())
    assert all(after[doc_id][1] == "ham" for doc_id in spam[:12] if doc_id in after)


def test_rows_of_one_id_are_corrected_apart_and_copies_together(tmp_path: Path) -> None:
    path = tmp_path / "spam.csv"
    rows = [(str(n), f"text {n}", "spam" if n % 2 else "ham") for n in range(30)]
    rows += [("4", "another text", "ham"), ("99", "TEXT  4", "ham")]
    path.write_text("id,text,label\n" + "".join(",".join(row) + "\n" for row in rows))
    settings: dict[str, object] = {"task": "classify", "source": {"path": str(path)}}
    before = labels_of(run_step(EXAMPLES, settings, tmp_path / "before"))
    id_of = {str(text): doc_id for doc_id, (text, _) in before.items()}
    assert len(before) == 31 and ("text 4" in id_of) != ("TEXT  4" in id_of)
    four = id_of.get("text 4") or id_of["TEXT  4"]
    settings["corrections"] = str(written(tmp_path, f"doc_id,label\n{id_of['another text']},spam\n"))
    after = labels_of(run_step(EXAMPLES, settings, tmp_path / "after"))
    assert after == {**before, id_of["another text"]: ("another text", "spam")}
    settings["corrections"] = str(written(tmp_path, f"doc_id,label\n{four},spam\n"))
    assert labels_of(run_step(EXAMPLES, settings, tmp_path / "again"))[four][1] == "spam"
    gone = pq.read_table(tmp_path / "again" / "payload" / "dropped.parquet").to_pylist()
    assert [(row["label"], row["reason"]) for row in gone] == [("spam", "exact_duplicate")]


def test_copies_that_are_corrected_to_different_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "spam.csv"
    rows = [(str(n), f"text {n}", ("spam", "ham", "eggs")[n % 3]) for n in range(30)]
    path.write_text(
        "id,text,label\n" + "".join(",".join(row) + "\n" for row in [*rows, ("99", "TEXT 3", "spam")])
    )
    settings = {"task": "classify", "source": {"path": str(path)}}
    result = run_step(EXAMPLES, settings, tmp_path / "before")
    gone = pq.read_table(result.payload / "dropped.parquet").column("doc_id").to_pylist()
    kept = next(str(row["doc_id"]) for row in result.rows() if str(row["text"]).lower() == "text 3")
    corrections = written(tmp_path, f"doc_id,label\n{kept},ham\n{gone[0]},eggs\n")
    with pytest.raises(DataError, match=r"and a copy of it are labelled '(ham|eggs)' and '(ham|eggs)'"):
        run_step(EXAMPLES, {**settings, "corrections": str(corrections)}, tmp_path / "after")


def test_examples_with_several_labels_are_corrected_to_several(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text(
        "text,label\n" + "".join(f"text {n},{('red', 'red;big', '')[n % 3]}\n" for n in range(30))
    )
    settings = {"task": "classify", "source": {"path": str(path)}, "label_separator": ";"}
    before = run_step(EXAMPLES, settings, tmp_path / "before").rows()
    some = str(before[0]["doc_id"])
    settings["corrections"] = str(written(tmp_path, f"doc_id,label\n{some},red|big\n"))
    after = run_step(EXAMPLES, settings, tmp_path / "after").rows()
    assert [row["labels"] for row in after if row["doc_id"] == some] == [["big", "red"]]
    assert len({row["digest"] for row in after}) == 30


def test_corrections_of_other_examples_are_told(tmp_path: Path) -> None:
    some = sorted(labels_of(made(tmp_path)))[0]
    noted = Notes()
    made(tmp_path, f"doc_id,label\n{some},spam\nfff,ham\n", noted=noted)
    assert "1 of 2 corrected documents are not among these examples, first fff" in noted.said
    with pytest.raises(DataError, match="none of the 1 documents in it is among these examples, first fff"):
        made(tmp_path, "doc_id,label\nfff,ham\n")


def test_a_label_that_no_other_example_has_is_refused(tmp_path: Path) -> None:
    some = sorted(labels_of(made(tmp_path)))[0]
    with pytest.raises(DataError, match=r"is that of no other example\. Did you mean 'spam'"):
        made(tmp_path, f"doc_id,label\n{some},spma\n")


def test_the_file_is_one_of_those_that_the_step_reads(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    corrections = written(tmp_path, "doc_id,label\na,b\n")
    settings = {"task": "classify", "source": {"path": str(tmp_path / "a.csv")}}
    config = ExamplesConfig.model_validate({**settings, "corrections": str(corrections)})
    assert corrections in labelled_files(config)
    absent = ExamplesConfig.model_validate({**settings, "corrections": str(tmp_path / "absent.csv")})
    with pytest.raises(RecipeError, match=r"there is no file .*absent\.csv"):
        labelled_files(absent)


def test_corrections_are_for_labels() -> None:
    with pytest.raises(ValueError, match="`corrections` is for `task: classify`"):
        ExamplesConfig.model_validate(
            {"task": "instruct", "source": {"path": "./a.csv"}, "corrections": "./b.csv"}
        )
