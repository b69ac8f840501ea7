"""`init`, `plan` and `run`, as typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from ontogeny.cli.init import TEMPLATES
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.table import STEPS
from ontogeny.records.parts import read_parts
from tests.cli.conftest import Command
from tests.cli.task_data import write_task_data
from tests.cli.test_curate_web import FRENCH, prose
from tests.conftest import ROOT, SMOKE, Life


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_recipe(command: Command, template: str) -> None:
    assert command("init", "mine", "--template", template).code == 0
    assert "/mine." not in Path("mine.yaml").read_text()  # `hf:ORG/NAME` stays as it is
    recipe = load_recipe(Path("mine.yaml"), STEPS)
    assert recipe.name == "mine"
    assert "#" in Path("mine.yaml").read_text()


def test_every_template_is_offered() -> None:
    folder = ROOT / "src" / "ontogeny" / "recipe" / "templates"
    assert sorted(TEMPLATES) == sorted(path.stem for path in folder.iterdir())


def test_the_template_for_a_corpus_curates_texts_and_rows(command: Command, tmp_path: Path) -> None:
    texts = [prose(number) for number in range(4)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    copy = f"{texts[0]}\n\nWrite to the.old.captain@example.org about it, and he will answer."
    rows = [{"body": copy}, {"body": FRENCH}, {"body": "Home"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("init", "mine", "--template", "curate").code == 0
    sources = "[{type: text, path: ./*.txt}, {type: jsonl, path: ./rows.jsonl, columns: {text: body}}]"
    done = command("run", "mine.yaml", "--json", "--set", f"steps.corpus.sources={sources}")
    assert done.code == 0, done.err
    (step,) = done.json["steps"]
    assert step["metrics"]["dropped"] == {"language_other": 1, "near_duplicate": 1, "too_short": 1}
    assert step["metrics"]["documents_kept"] == 4
    kept = [str(row["text"]) for row in read_parts(tmp_path / "ws" / "artifacts" / "mine" / "corpus@1")]
    assert [text for text in kept if "<EMAIL>" in text] == [
        copy.replace("the.old.captain@example.org", "<EMAIL>")
    ]
    assert Path(command("data", "report", "mine/corpus").out.strip()).is_file()


def test_init_refuses_what_it_cannot_mean(command: Command) -> None:
    assert command("init", "mine").code == 0
    again = command("init", "mine")
    assert again.code == 2
    assert "mine.yaml exists already" in again.err
    assert "Did you mean 'finetune'" in command("init", "b", "--template", "fientune").err
    assert command("init", "a/b").code == 2


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.name)
def test_every_recipe_can_be_planned(command: Command, recipe: Path, tmp_path: Path) -> None:
    options = paths_set(recipe, tmp_path)
    planned = command("plan", str(recipe), "--json", *options)
    assert planned.code == 0, planned.err
    assert {step["status"] for step in planned.json["steps"]} <= {"to-run", "unknown"}
    assert "to-run" in command("plan", str(recipe), *options).out


def paths_set(recipe: Path, folder: Path) -> list[str]:
    """`--set` for every path in `recipe` that is the user's to give, with a file that is there."""
    options: list[str] = []

    def give(place: str, source: object) -> None:
        if isinstance(source, dict) and "path" in source:
            file = folder / Path(source["path"]).name.replace("*", "a")
            file.write_text("")
            options.extend(["--set", f"steps.{place}.path={file}"])

    for name, step in yaml.safe_load(recipe.read_text())["steps"].items():
        if "data_root" in step:
            write_task_data(folder / "data")
            options.extend(["--set", f"steps.{name}.data_root={folder / 'data'}"])
        give(f"{name}.data", step.get("data"))
        for number, source in enumerate(step.get("sources", ())):
            give(f"{name}.sources.{number}", source)
    return options


def small(changes: dict[str, object]) -> list[str]:
    """`--set` for each path below `steps`."""
    return [
        each for path, value in changes.items() for each in ("--set", f"steps.{path}={yaml.safe_dump(value)}")
    ]


def stories(count: int) -> list[str]:
    """Texts that differ."""
    return [
        " ".join(f"In town {n} there lived {m} people, and number {n * m} was a baker." for m in range(9))
        for n in range(count)
    ]


def test_pretrain_books_on_a_small_shelf(command: Command, tmp_path: Path) -> None:
    rows = [
        {"title": f"Town {n}", "author": "Nobody", "year": 1900, "text": f"### CHAPTER I\n\n{text}"}
        for n, text in enumerate(stories(30))
    ]
    (tmp_path / "books.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {
        "corpus.sources.0.path": str(tmp_path / "books.jsonl"),
        "corpus.held_out_fraction": 0.3,
        "corpus.dedup.type": "exact",
        "tokenizer.vocab_size": 300,
        "base.size": {
            "depth": 1,
            "d_model": 32,
            "head_dim": 16,
            "seq_len": 16,
            "tokens": 1200,
            "batch_tokens": 64,
        },
    }
    done = command("run", str(ROOT / "recipes" / "pretrain-books.yaml"), "--json", *small(changes))
    assert done.code == 0, done.err
    metrics = {step["name"]: step["metrics"] for step in done.json["steps"]}
    assert metrics["base"]["held_out_bits_per_byte"] > 0
    (seen, *_) = command("seen", "pretrain-books/base", "--steps", "1:1", "--json").json
    assert (seen["source"], seen["license"]) == ("books", "public-domain")
    assert "books.jsonl#" in seen["locator"]


def test_continue_pretraining_on_another_model(command: Command, life: Life, tmp_path: Path) -> None:
    rows = [{"text": text} for text in stories(40)]
    (tmp_path / "general.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number, text in enumerate(stories(40)):
        (tmp_path / f"new-{number}.txt").write_text(text.replace("town", "village"))
    changes = {
        "smollm2.path": str(life.folder("base")),
        "new.sources.0.path": str(tmp_path / "*.txt"),
        "general.sources.0.path": str(tmp_path / "general.jsonl"),
        "new.held_out_fraction": 0.3,
        "general.held_out_fraction": 0.3,
        "adapted.train.steps": 3,
        "adapted.train.seq_len": 16,
        "adapted.train.schedule.warmup_steps": 1,
        "report.suites.0.window": 64,
        "report.suites.1.window": 64,
    }
    done = command("run", str(ROOT / "recipes" / "continue-pretraining.yaml"), "--json", *small(changes))
    assert done.code == 0, done.err
    new, general = next(step["metrics"] for step in done.json["steps"] if step["name"] == "adapted")[
        "mixture"
    ]
    assert (new["share"], general["share"]) == (0.75, 0.25)
    read = command("seen", "continue-pretraining/adapted", "--steps", "1:3", "--json").json
    assert {row["source"] for row in read} == {"new", "general"}


def test_a_second_run_reuses_every_step(command: Command, life: Life) -> None:
    again = command("run", str(SMOKE), "--json")
    assert again.code == 0, again.err
    assert {step["status"] for step in again.json["steps"]} == {"reused"}
    assert Path(again.json["report"]).is_file()
    table = command("run", str(SMOKE))
    assert "held out bits per byte" in table.out
    assert "report:" in table.out


def test_a_changed_option_reruns_only_what_depends_on_it(command: Command, life: Life) -> None:
    planned = command("plan", str(SMOKE), "--set", "steps.tutor.train.steps=31", "--json").json
    statuses = {step["name"]: step["status"] for step in planned["steps"]}
    assert {name for name, status in statuses.items() if status != "reused"} == {"tutor", "report", "export"}
    assert statuses["tutor"] == "to-run"
    assert next(step for step in planned["steps"] if step["name"] == "tutor")["estimate"]["seconds"] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps.base.model.n_heads=7", "n_heads (7) does not divide d_model (64)"),
        ("steps.base.modle={}", "unknown key 'modle' in base. Did you mean 'model'?"),
        ("steps.base.train.steps=many", "base.train.steps"),
        (
            "steps.base.tokens=corpus",
            "tokens needs an artifact of kind 'tokens', but 'corpus' is of kind 'corpus'",
        ),
        ("steps.corpus.sources.0.type=pythondocs", "sources.0"),
        ("steps.tokenizer.vocab_size=100", "greater than or equal to 259"),
        ("steps.corpus.held_out_fraction=0.3", "held_out_fraction is"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_runs(command: Command, change: str, said: str) -> None:
    refused = command("run", str(SMOKE), "--set", change)
    assert refused.code == 2
    assert said in refused.err.replace("\n", " ")
    assert "Traceback" not in refused.err
    assert not Path("ws").exists()


def test_a_missing_input_file_is_refused(command: Command, tmp_path: Path) -> None:
    refused = command(
        "run",
        str(SMOKE),
        "--until",
        "corpus",
        "--set",
        "steps.corpus.sources=[{type: text, path: ./none.txt}]",
    )
    assert refused.code == 2
    assert "none.txt" in refused.err
    assert "Traceback" not in refused.err


def test_a_missing_input_file_of_a_later_step_is_refused_before_anything_runs(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "there.txt").write_text("Some text.\n")
    Path("two.yaml").write_text(
        "recipe: two\nsteps:\n"
        "  first: {step: curate, sources: [{type: text, path: ./there.txt}]}\n"
        "  second: {step: curate, sources: [{type: text, path: ./three.txt}]}\n"
    )
    for verb in ("run", "plan"):
        refused = command(verb, "two.yaml")
        assert refused.code == 2
        assert "two.yaml:4: second.sources.0.path: ./three.txt: no such file" in refused.err
        assert not Path("ws").exists()
        assert command(verb, "two.yaml", "--only", "second").code == 2
    assert command("plan", "two.yaml", "--only", "first").code == 0
    assert command("run", "two.yaml", "--only", "first").code == 0


def test_a_plan_takes_the_choices_of_a_run(command: Command, life: Life) -> None:
    def statuses(*options: str) -> dict[str, str]:
        steps = command("plan", str(SMOKE), *options, "--json").json["steps"]
        return {step["name"]: step["status"] for step in steps}

    assert statuses("--only", "tutor") == {"tutor": "reused"}
    assert list(statuses("--until", "tokens")) == ["corpus", "tokenizer", "tokens"]
    assert statuses("--until", "tokens", "--rerun", "corpus")["corpus"] == "to-run"
    assert {name for name, status in statuses("--limit", "2").items() if status != "reused"} == {"report"}
    assert "Did you mean 'corpus'" in command("plan", str(SMOKE), "--until", "corpsu").err


def test_ctrl_c_is_told_in_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ontogeny.recipe.schema.load_recipe", interrupted)
    stopped = command("plan", str(SMOKE))
    assert (stopped.code, stopped.err) == (130, "stopped; the same command goes on from here\n")


def test_a_sequence_longer_than_the_data_is_refused_as_the_first_act(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "short.txt").write_text("A few words only, so that there is little to learn from.\n" * 3)
    Path("short.yaml").write_text(
        "recipe: short\nsteps:\n"
        "  corpus: {step: curate, held_out_fraction: 0, sources: [{type: text, path: ./short.txt}]}\n"
        "  tokenizer: {step: train-tokenizer, corpus: corpus, vocab_size: 300}\n"
        "  tokens: {step: tokenize, corpus: corpus, tokenizer: tokenizer}\n"
        "  base: {step: pretrain, tokens: tokens, model: {d_model: 32, n_layers: 1, n_heads: 2, seq_len: 4096},"
        " train: {steps: 50}}\n"
    )
    failed = command("run", "short.yaml")
    assert failed.code == 2
    assert "seq_len" in failed.err
    assert "Traceback" not in failed.err


def test_options_that_are_not_there_yet_say_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it is local or ray" in command("run", str(SMOKE), "--executor", "slurm").err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "Ray is not installed" in command("run", "nowhere.yaml", "--executor", "ray").err
    assert "Did you mean 'corpus'" in command("run", str(SMOKE), "--only", "corpsu").err
    assert command("run", "nowhere.yaml").code == 2
