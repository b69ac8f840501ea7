"""Tasks by name: shipped ones, files, groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.tasks.answers import labels_of
from ontogeny.tasks.build import build_items
from ontogeny.tasks.catalogue import about, find_tasks, shipped_names, suite_entries, suite_names

DATA = Path(__file__).parents[3] / "shared" / "data"
MEMBER = "dataset_path: ./r.jsonl\nvalidation_split: v\noutput_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: a\n"


def write(folder: Path, **files: str) -> str:
    (folder / "r.jsonl").write_text('{"q": "x", "a": "y"}\n')
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return str(folder / "g.yaml")


def test_a_group_lists_tasks_by_file_name_or_tag(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        g="group: g\ntask: [one, task_two, tagged, copa]\nnum_fewshot: 3\n",
        one=f"task: other_name\n{MEMBER}",
        two=f"task: task_two\n{MEMBER}",
        three=f"task: three\ntag: [tagged]\n{MEMBER}",
        four=f"task: four\ntag: tagged\n{MEMBER}",
    )
    found = find_tasks(path)
    assert [task.name for task in found.tasks] == ["other_name", "task_two", "four", "three", "copa"]
    assert found.is_group and found.by_size and {task.num_fewshot for task in found.tasks} == {3}
    assert {task.num_fewshot for task in find_tasks(path, num_fewshot=1).tasks} == {1}


def test_a_group_names_files_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", far=f"task: far\n{MEMBER}")
    path = write(
        tmp_path, g="group: g\ntask: [one.yaml, other/far.yaml, {task: one.yaml, task_alias: again}]\n",
        one=f"task: one\n{MEMBER}",
    )  # fmt: skip
    assert [task.name for task in find_tasks(path).tasks] == ["one", "far", "one.yaml"]


def test_a_broken_neighbour_that_no_one_names_is_no_error(tmp_path: Path) -> None:
    broken = "task: broken\ninclude: broken.yaml\n"
    path = write(
        tmp_path, g="group: g\ntask: [tagged]", one=f"task: one\ntag: tagged\n{MEMBER}", broken=broken,
        odd="- 3\n- {", code="tag: !function u.f\n", number="tag: 3\n",
    )  # fmt: skip
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert [task.name for task in find_tasks(path).tasks] == ["one"]
    (tmp_path / "broken.yaml").write_text(f"{broken}tag: [tagged]\n")
    with pytest.raises(RecipeError, match=r"broken.yaml: a task file includes itself"):
        find_tasks(path)


def test_groups_in_groups_and_tasks_within(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        g="group: g\ntask:\n  - inner\n  - {task: one, target_delimiter: '=', num_fewshot: 2}\n"
        "aggregate_metric_list: [{metric: acc, weight_by_size: false}]\n",
        inner="group: inner\ntask:\n  - include: _member.yaml\n    task: made\n",
        one=f"task: one\n{MEMBER}",
        _member=MEMBER,
    )
    found = find_tasks(path)
    assert [task.name for task in found.tasks] == ["made", "one"] and not found.by_size
    assert found.tasks[1].definition.target_delimiter == "=" and found.tasks[1].num_fewshot == 2


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("group: g\ntask: [onn]", r"g.yaml:2: the group names 'onn', which is neither .*Did you mean 'one'"),
        ("group: g\ntask: []", r"the group has no task"),
        ("group: g\ntask: 3", r"g.yaml:2: a group lists names of tasks"),
        ("group: g\ntasks: [one]", r"g.yaml:2: unknown key 'tasks' of a group. Did you mean 'task'"),
        ("group: g\ntask: [g]", r"groups hold each other without end"),
        ("group: g\ntask: !function u.f", r"g.yaml:2: code in task files is not run"),
    ],
)
def test_mistakes_in_groups(tmp_path: Path, group: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        find_tasks(write(tmp_path, g=group, one=f"task: one\n{MEMBER}"))


def test_a_name_that_is_no_task() -> None:
    with pytest.raises(UsageError, match=r"there is no task 'helaswag'. Did you mean 'hellaswag'"):
        find_tasks("helaswag")


def test_tasks_with_nothing_in_common(tmp_path: Path) -> None:
    path = write(
        tmp_path, g="group: g\ntask: [one, two]", one=f"task: one\n{MEMBER}",
        two="task: two\ndataset_path: ./r.jsonl\ntest_split: v\ndoc_to_text: q\ndoc_to_target: a\n",
    )  # fmt: skip
    with pytest.raises(RecipeError, match="the tasks of the group measure nothing in common"):
        labels_of(find_tasks(path).tasks)


def test_tasks_that_count_alike_need_a_mean(tmp_path: Path) -> None:
    path = write(
        tmp_path, g="group: g\ntask: [one]\naggregate_metric_list: [{metric: acc, weight_by_size: false}]\n",
        one=f"task: one\n{MEMBER}",
    )  # fmt: skip
    group = find_tasks(path)
    assert labels_of(group.tasks) == ("perplexity", "acc")
    assert labels_of(group.tasks, alike=not group.by_size) == ("acc",)
    (tmp_path / "one.yaml").write_text(f"task: one\n{MEMBER}metric_list: [{{metric: perplexity}}]\n")
    with pytest.raises(
        RecipeError, match="perplexity is no mean over items, so tasks of different sizes cannot"
    ):
        labels_of(find_tasks(path).tasks, alike=True)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_tasks_are_whole(name: str) -> None:
    found = find_tasks(name, root=Path("nowhere"))
    assert found.name == name and found.notes == () and labels_of(found.tasks)
    for task in found.tasks:
        assert task.definition.metadata["source"] and task.definition.version


@pytest.mark.parametrize("name", [*suite_names(), *shipped_names()])
def test_shipped_tasks_and_suites_say_what_they_are(name: str) -> None:
    assert 3 < len(about(name)) < 170 and "#" not in about(name)


@pytest.mark.parametrize("name", suite_names())
def test_shipped_suites_name_shipped_tasks(name: str) -> None:
    entries = suite_entries(name)
    tasks = [entry if isinstance(entry, str) else entry["task"] for entry in entries]
    assert len(set(tasks)) == len(tasks) and set(tasks) <= set(shipped_names())


def test_tasks_of_a_suite_file_lie_beside_it_or_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for path in ("both.yaml", "here.yaml", "sub/both.yaml", "sub/there.yaml"):
        (tmp_path / path).write_text("")
    names = ["both.yaml", "here.yaml", "there.yaml", "nowhere.yaml"]
    (tmp_path / "sub" / "mine.yaml").write_text(
        f"[copa, {', '.join(names)}, {{task: both.yaml, n: 3}}, {{n: 3}}]"
    )
    assert suite_entries("sub/mine.yaml") == [
        "copa", "sub/both.yaml", "here.yaml", "sub/there.yaml", "sub/nowhere.yaml",
        {"task": "sub/both.yaml", "n": 3}, {"n": 3},
    ]  # fmt: skip


def test_a_file_that_lists_no_suites(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("suites: hellaswag\n")
    with pytest.raises(RecipeError, match="a suite file lists suites as in a recipe, or names of tasks"):
        suite_entries(str(tmp_path / "mine.yaml"))
    assert suite_entries("hellaswag") == ["hellaswag"]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", shipped_names())
def test_shipped_tasks_fit_their_data(name: str) -> None:
    tasks = find_tasks(name, root=DATA).tasks
    if tasks[0].definition.metadata["source"].startswith("you, "):
        pytest.skip("the data is the user's own")
    for task in tasks[:2]:
        built = build_items(task, limit=50)
        assert built.items
        assert all(item.gold or item.references for item in built.items)
