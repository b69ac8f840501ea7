"""The short form of task files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import OntogenyError, RecipeError, UsageError
from ontogeny.tasks.answers import judge_of
from ontogeny.tasks.build import build_items
from ontogeny.tasks.catalogue import find_tasks
from ontogeny.tasks.requests import Generate, Loglikelihood, Rolling


def items(folder: Path, text: str, rows: str) -> list[object]:
    (folder / "rows.jsonl").write_text(rows)
    (folder / "own.yaml").write_text(f"data: rows.jsonl\n{text}")
    (task,) = find_tasks(str(folder / "own.yaml")).tasks
    assert task.name == "own"
    return [request for item in build_items(task).items for request in item.requests]


def test_each_type(tmp_path: Path) -> None:
    choosing = (
        'type: multiple-choice\nquestion: "Q: {{q}}\\nA:"\nchoices: c\nanswer: a\ndescription: "Go. "\n'
    )
    assert items(tmp_path, choosing, '{"q": "x", "c": ["y", "z"], "a": 1}\n') == [
        Loglikelihood("Go. Q: x\nA:", " y"),
        Loglikelihood("Go. Q: x\nA:", " z"),
    ]
    writing = (
        "type: generate\nquestion: q\nanswer: a\nuntil: [X, Y]\nmax_tokens: 3\nrepeats: 2\ntemperature: 0.5\n"
    )
    assert items(tmp_path, writing, '{"q": "x", "a": "y"}\n') == [
        Generate("x", ("X", "Y"), 3, 0.5, seed=seed) for seed in (0, 1)
    ]
    timed = writing + "metrics: [exact_match, tokens_per_second]\n"
    assert items(tmp_path, timed, '{"q": "x", "a": "y"}\n') == [
        Generate("x", ("X", "Y"), 3, 0.5, seed=seed, timed=True) for seed in (0, 1)
    ]
    going_on = "type: continuation\nquestion: q\nanswer: a\n"
    assert items(tmp_path, going_on, '{"q": "x", "a": "y"}\n') == [Loglikelihood("x", " y")]
    assert items(tmp_path, "type: perplexity\ntext: q\n", '{"q": "x y"}\n') == [Rolling("x y")]


def test_examples_come_from_the_data_or_beside_it(tmp_path: Path) -> None:
    rows = "".join(f'{{"q": "q{n}", "a": "a{n}"}}\n' for n in range(3))
    writing = "type: generate\nquestion: q\nanswer: a\nexamples: 2\n"
    (first, *_) = items(tmp_path, writing, rows)
    assert isinstance(first, Generate) and isinstance(first.context, str)
    assert first.context in ("q1 a1\n\nq2 a2\n\nq0", "q2 a2\n\nq1 a1\n\nq0")
    (tmp_path / "solved.jsonl").write_text('{"q": "s", "a": "t"}\n{"q": "s", "a": "t"}\n')
    (first, *_) = items(tmp_path, f"{writing}examples_data: solved.jsonl\n", rows)
    assert isinstance(first, Generate) and first.context == "s t\n\ns t\n\nq0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type: multiple-choices", r"own.yaml:2: unknown type of task 'multiple-choices'. Did you mean"),
        ("question: q", r"`type` is missing"),
        ("type: perplexity\ntxt: q", r"own.yaml:3: unknown key 'txt'. Did you mean 'text'"),
        ("type: generate\nanswer: a", r"'question' is missing"),
        ("type: generate\nquestion: q\nanswer: a\nmax_tokens: 0", r"own.yaml:5: max_tokens: "),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        items(tmp_path, text, "{}\n")


CHOOSING = "type: multiple-choice\nquestion: q\nchoices: c\nanswer: a\n"


@pytest.mark.parametrize(
    ("text", "rows", "message"),
    [
        (
            CHOOSING,
            '\n{"q": "x", "c": ["y", "z"], "a": 2}\n',
            r"rows.jsonl:2: .*: answer is 2, .*\n→ .* answer in .*:5",
        ),
        (CHOOSING, '{"q": "x", "c": ["y"], "a": 0}\n', r"rows.jsonl:1: .*: choices gives 1 choices of 1"),
        (CHOOSING, '{"q": 1.5, "c": ["y", "z"], "a": 0}\n', r"rows.jsonl:1: .*: question gives a number"),
        (
            CHOOSING,
            '{"q": "x", "cc": ["y", "z"], "a": 2}\n',
            r"own.yaml:4: choices: the data has no column 'c'",
        ),
        (CHOOSING.replace(": q", ": '{{ p }}'"), '{"q": "x"}\n', r"own.yaml:3: question, line 1, column 4: "),
        (CHOOSING.replace(": c", ": [y, y]"), '{"q": "x"}\n', r"choices names 'y' twice"),
        (
            f"{CHOOSING}examples: 3",
            '{"q": "x", "c": ["y", "z"], "a": 1}\n',
            r":6: .*\n→ lower examples, or name .*_data",
        ),
        (
            f"{CHOOSING}metrics: [acx]",
            '{"q": "x", "c": ["y", "z"], "a": 1}\n',
            r"own.yaml:6: unknown metric 'acx'",
        ),
        (CHOOSING, "", r"rows.jsonl: .* has no row: .*\n→ give the file rows, or name another under data$"),
        ("type: perplexity\ntext: q", '{"q": ""}\n', r"there is no text to score: text gives an empty one"),
        ("type: perplexity\ntext: qq", '{"q": ""}\n', r"own.yaml:3: text: the data has no column 'qq'"),
    ],
)
def test_mistakes_are_told_in_the_words_of_the_file(
    tmp_path: Path, text: str, rows: str, message: str
) -> None:
    with pytest.raises(OntogenyError, match=message):
        _built_and_judged(tmp_path, text, rows)


def _built_and_judged(folder: Path, text: str, rows: str) -> None:
    items(folder, text, rows)
    judge_of(find_tasks(str(folder / "own.yaml")).tasks[0])


def test_data_that_is_not_there(tmp_path: Path) -> None:
    items(tmp_path, CHOOSING, '{"q": "x", "c": ["y", "z"], "a": 1}\n')
    (tmp_path / "rows.jsonl").unlink()
    with pytest.raises(UsageError, match=r"→ correct the path in data$"):
        build_items(find_tasks(str(tmp_path / "own.yaml")).tasks[0])


def test_data_that_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("type: perplexity\ndata: rows.pdf\n")
    with pytest.raises(RecipeError, match=r"own.yaml:2: cannot tell how to read 'rows.pdf'"):
        find_tasks(str(tmp_path / "own.yaml"))
