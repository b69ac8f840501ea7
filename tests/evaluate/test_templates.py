"""Other wordings of a prompt: each measured on the same items, the first counts."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import task
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.tasks.catalogue import find_tasks
from tests.evaluate.conftest import FakeReader, subject

CHOOSING = """
task: exam
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "About {{q}}:"
doc_to_choice: c
doc_to_target: a
num_fewshot: 1
metric_list: [acc]
metadata: {prompts: ["{{q}} is", "Say what {{q}} means."]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """24 questions; a word of the right choice stands in half of the prompts that name the question as it is."""
    rows = [
        {"q": f"word{n}", "c": [f"word{n}{'' if n % 2 else ':'} here", f"no{n % 5}"], "a": n % 3 == 0}
        for n in range(24)
    ]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(row | {"a": int(row["a"])}) + "\n" for row in rows)
    )
    (tmp_path / "exam.yaml").write_text(CHOOSING)
    return tmp_path


def suite_of(folder: Path, file: str = "exam", **options: object) -> TaskSuite:
    return TaskSuite.model_validate({"task": str(folder / f"{file}.yaml"), **options})


def run(suite: TaskSuite) -> Evaluation:
    source = Source(Path(), suite.task, task.digest_of(suite))
    return evaluate(subject("r/m@1", FakeReader(skill=3.0)), [Assignment(suite, source)])


@pytest.mark.parametrize(
    ("metadata", "prompts", "where"),
    [
        (
            "metadata: {prompts: ['{{q}}', '{{ qq }}']}",
            True,
            r"exam.yaml:12: metadata.prompts.1, line 1, column 4",
        ),
        ("", ("{{ qq }} is",), r"^exam: prompts.0, line 1, column 4: the document has no field 'qq'"),
    ],
)
def test_a_wrong_wording_is_located_where_it_stands(
    folder: Path, metadata: str, prompts: bool | tuple[str, ...], where: str
) -> None:
    (folder / "exam.yaml").write_text(CHOOSING[: CHOOSING.index("metadata")] + metadata)
    with pytest.raises(RecipeError, match=where):
        task.prepare(suite_of(folder, prompts=prompts), limit=None, progress=QuietProgress())


def test_every_wording_asks_the_same_items_and_their_examples(folder: Path) -> None:
    material = task.prepare(suite_of(folder, prompts=True), limit=None, progress=QuietProgress())
    assert list(material.perturbed) == ["prompt-2", "prompt-3"]
    for plain, second, third in zip(material.items, *material.perturbed.values(), strict=True):
        assert plain.id == second.id == third.id
        assert plain.gold == second.gold == third.gold
        contexts = [one.requests[0].context for one in (plain, second, third)]  # type: ignore[union-attr]
        word = plain.document["q"]
        assert [context.split("\n\n")[-1] for context in contexts] == [
            f"About {word}:", f"{word} is", f"Say what {word} means.",
        ]  # fmt: skip
        examples = [context.split("\n\n")[0] for context in contexts]
        assert examples[0].startswith("About ")
        assert examples[1].partition(" is")[0] == examples[0].removeprefix("About ").partition(":")[0]


def test_each_is_measured_as_a_task_of_that_wording_alone(folder: Path) -> None:
    (folder / "second.yaml").write_text(CHOOSING.replace('"About {{q}}:"', '"{{q}} is"'))
    evaluation = run(suite_of(folder, prompts=True))
    spread = evaluation.scores["exam"]["r/m@1"].phrasings
    assert spread is not None
    assert [one.prompt for one in spread.phrasings] == ["About {{q}}:", "{{q}} is", "Say what {{q}} means."]
    values = [one.value for one in spread.phrasings]
    alone = run(suite_of(folder, "second")).scores["second"]["r/m@1"].metrics[0].value
    plain = run(suite_of(folder)).scores["exam"]["r/m@1"].metrics[0].value
    assert values[:2] == [plain, alone]
    assert len(set(values)) > 1
    assert (spread.metric, spread.least, spread.most) == ("acc", min(values), max(values))
    assert spread.deviation == pytest.approx(statistics.stdev(values))
    (counts,) = [row for row in evaluation.results if (row.task, row.metric) == ("exam", "acc")]
    assert counts.value == plain


def test_a_suite_may_bring_wordings_of_its_own(folder: Path) -> None:
    spread = run(suite_of(folder, prompts=["So, {{q}}?"])).scores["exam"]["r/m@1"].phrasings
    assert spread is not None
    assert [one.prompt for one in spread.phrasings] == ["About {{q}}:", "So, {{q}}?"]


def test_without_them_nothing_is_asked_twice(folder: Path) -> None:
    scores = run(suite_of(folder)).scores["exam"]["r/m@1"]
    assert (scores.phrasings, scores.variants) == (None, {})


def test_a_file_without_paraphrases_is_refused(folder: Path) -> None:
    (folder / "none.yaml").write_text(CHOOSING.replace("metadata:", "metadata: {}\n#"))
    with pytest.raises(UsageError, match="lists no paraphrases of its prompt") as caught:
        task.prepare(suite_of(folder, "none", prompts=True), limit=None, progress=QuietProgress())
    assert caught.value.hint is not None
    assert "metadata: {prompts: [...]}" in caught.value.hint


def test_paraphrases_are_a_list_of_templates(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(CHOOSING.replace('["{{q}} is", "Say what {{q}} means."]', "one"))
    with pytest.raises(RecipeError, match="`prompts` is a list of templates"):
        find_tasks(str(folder / "wrong.yaml"))


def test_a_mistake_in_a_paraphrase_is_told(folder: Path) -> None:
    with pytest.raises(RecipeError, match="has no field 'z'"):
        task.prepare(suite_of(folder, prompts=["{{z}}"]), limit=None, progress=QuietProgress())


@pytest.mark.parametrize("name", ["sst2", "boolq"])
def test_shipped_tasks_come_with_paraphrases(name: str) -> None:
    (shipped,) = find_tasks(name).tasks
    assert len(shipped.definition.prompts) == 3
    assert all("{{" in prompt for prompt in shipped.definition.prompts)
