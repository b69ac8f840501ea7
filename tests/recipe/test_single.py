from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.single import run_single


@pytest.mark.parametrize(("recipe", "name"), [("import", "../../evil"), ("..", "base"), ("import", "")])
def test_only_a_name_names_an_artifact(tmp_path: Path, recipe: str, name: str) -> None:
    with pytest.raises(UsageError, match="is not a name") as caught:
        run_single(Workspace(tmp_path), recipe=recipe, name=name, body={"step": "import-model", "path": "x"})
    assert "letters" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


TASK = """type: perplexity
data: rows.jsonl
"""
SUITES = """# mine
suites:
  - copa
  - type: task
    task: own.yaml
    {more}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SUITES.format(more="slices: [size]"),
            r"^{file}:6: suites.1.slices: no slice 'size'; there is language, length, source, field:NAME",
        ),
        (
            SUITES.format(more="perturb: [typo]"),
            r"^{file}:6: suites.1.perturb.0: Input should be 'typos'.* \(got 'typo'\)$",
        ),
        (
            SUITES.format(more="pertub: [typos]"),
            r"^{file}:6: unknown key 'pertub' in suites.1. Did you mean 'perturb'\?\n→ keys of suites.1: classifier, ",
        ),
        (
            SUITES.format(more="name: copa"),
            r"^{file}:2: suites: two suites are called 'copa'; give each a name",
        ),
        (
            "- copa\n- {type: tsk, task: own.yaml}\n",
            r"^{file}:2: suites.1: unknown type 'tsk'. Did you mean 'task'",
        ),
        ("- copa\n- {type: task}\n", r"^{file}:2: 'task' is missing in suites.1$"),
    ],
)
@pytest.mark.parametrize("before", [[], ["own_texts", "copa.yaml"]])
def test_a_mistake_in_a_file_of_suites_is_located_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str], text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(TASK)
    (tmp_path / "copa.yaml").write_text(TASK)
    (tmp_path / "mine.yaml").write_text(text)
    if before and "two suites" in message:
        message = "^evaluate: suites: two suites are called 'copa'"
    with pytest.raises(RecipeError, match=message.replace("{file}", "mine.yaml")):
        evaluate(tmp_path, [*before, "mine.yaml"])


def test_a_mistake_beside_a_file_of_suites_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("[copa, piqa]")
    with pytest.raises(RecipeError, match=r"^evaluate: suites.1.n: Input should be .* \(got 0\)$"):
        evaluate(tmp_path, [str(tmp_path / "mine.yaml"), {"type": "task", "task": "sst2", "n": 0}])


def evaluate(tmp_path: Path, suites: list[object]) -> None:
    body = {"step": "evaluate", "model": "r/m@1", "suites": suites}
    run_single(Workspace(tmp_path), recipe="evaluate", name="m", body=body)
