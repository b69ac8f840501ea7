"""Corrected labels, what can be wrong with a file of them, and examples that have them."""

from __future__ import annotations

from pathlib import Path

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
    assert read_corrections(path) == {"a1": "spam", "b2": "ham"}


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
