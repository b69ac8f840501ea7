"""What made the numbers is on record: code, machine, task and data, each by a digest of its own."""

from __future__ import annotations

import json
from pathlib import Path

from ontogeny.evaluate.provenance import code_digest, digests_of, made_here, settings_of
from ontogeny.evaluate.runner import Assignment, Source
from ontogeny.evaluate.suites import BitsPerByteSuite, TaskSuite

TASK = """
type: multiple-choice
data: rows.jsonl
question: "{{q}}"
choices: options
answer: right
examples: 1
"""


def quiz(folder: Path, *, task: str = TASK, right: int = 1) -> Assignment:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"q": f"q{number}", "options": ["a", "b"], "right": right} for number in range(4)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "quiz.yaml").write_text(task)
    return Assignment(TaskSuite.model_validate({"task": str(folder / "quiz.yaml")}), None)


def test_task_and_data_have_digests_of_their_own(tmp_path: Path) -> None:
    task, data = digests_of(quiz(tmp_path / "a"))
    assert digests_of(quiz(tmp_path / "b")) == (task, data), "wherever they lie"
    other_data = digests_of(quiz(tmp_path / "c", right=0))
    assert other_data[0] == task and other_data[1] != data
    other_task = digests_of(quiz(tmp_path / "d", task=TASK.replace("{{q}}", "Q: {{q}}")))
    assert other_task[0] != task and other_task[1] == data


def test_a_suite_over_an_artifact_has_the_digest_of_the_artifact() -> None:
    source = Source(Path(), "r/corpus@1", "blake3:c")
    one = digests_of(Assignment(BitsPerByteSuite(data="corpus"), source))
    named = digests_of(Assignment(BitsPerByteSuite(data="r/corpus@1", name="text"), source))
    other = digests_of(Assignment(BitsPerByteSuite(data="corpus", window=64), source))
    assert one == named and one[1] == "blake3:c"
    assert other[0] != one[0]


def test_settings_tell_how_many_examples_there_were_and_not_where_data_lies(tmp_path: Path) -> None:
    suite = quiz(tmp_path).suite.model_copy(update={"data_root": tmp_path})
    settings = settings_of(suite)
    assert settings["num_fewshot"] == 1
    assert "data_root" not in settings


def test_code_and_machine_are_told() -> None:
    made = made_here(device="cpu", seed=7)
    assert made == made_here(device="cpu", seed=7), "nothing of it changes from run to run"
    assert made.code.startswith("ontogeny ") and made.code_digest == code_digest()
    assert made.code_digest.startswith("blake3:")
    assert {"processor", "cores", "memory_bytes", "system", "python"} <= set(made.hardware)
    assert "ontogeny" not in made.packages and "numpy" in made.packages
    assert (made.device, made.seed) == ("cpu", 7)
