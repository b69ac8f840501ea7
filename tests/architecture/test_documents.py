"""What the documents say about the code is so: maps, paths, links, commands, overrides."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from docs import generate_commands, generate_settings
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.config_gates import Gate
from ontogeny.recipe.data_steps import add_data_steps
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.source import Source
from ontogeny.recipe.table import STEPS
from ontogeny.tasks.catalogue import find_tasks

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ontogeny"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OWN_PATH = re.compile(r"`((?:src|tests|recipes|benchmarks|docs|\.ci)/[\w./-]*)`")
YAML_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def packages() -> set[str]:
    return {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_architecture_names_exactly_the_packages_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.split("| package | what lives there |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == packages()


def test_the_readme_says_where_every_package_lives() -> None:
    named = set(re.findall(r"`src/ontogeny/(\w+)/", (ROOT / "README.md").read_text()))
    assert named == packages()


def test_the_readme_names_every_kind_of_step() -> None:
    stages = (ROOT / "README.md").read_text().split("## Where each stage lives")[1].split("\n## ")[0]
    steps = {name for row in stages.splitlines() for name in re.findall(r"`([a-z-]+)`", row)}
    assert steps == set(STEPS)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_paths_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    missing = [path for path in OWN_PATH.findall(text) if not (ROOT / path).exists()]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert missing == []


def test_the_commands_page_is_what_help_says() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert page == generate_commands.render(), "run: .venv/bin/python docs/generate_commands.py --write"


def test_the_readmes_first_screen_has_two_commands() -> None:
    first_block = (ROOT / "README.md").read_text().split("```")[1]
    assert first_block == "sh\nmake demo\nmake test\n"


def test_the_readmes_overrides_fit_the_recipe() -> None:
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    commands = [shlex.split(line) for line in text.splitlines() if line.startswith("ontogeny run ")]
    assert commands
    for command in commands:
        overrides = [after for word, after in itertools.pairwise(command) if word == "--set"]
        assert overrides
        load_recipe(ROOT / command[2], STEPS, overrides=overrides)


def recipe_snippets() -> list[tuple[str, str]]:
    pages = sorted((ROOT / "docs" / "stages").glob("*.md"))
    return [(page.name, block) for page in pages for block in YAML_BLOCK.findall(page.read_text())]


@pytest.mark.parametrize(("page", "block"), recipe_snippets())
def test_snippets_are_valid(page: str, block: str, tmp_path: Path) -> None:
    """Steps, suites and gates of one, and files of tasks."""
    written = yaml.safe_load(block)
    if written.keys() <= {"suites"}:
        EvaluateConfig(model="model", **written)
        return
    if written.keys() <= {"gates"}:
        assert [Gate.model_validate(gate) for gate in written["gates"]]
        return
    if written.keys() & {"type", "group"}:
        (tmp_path / "task.yaml").write_text(block)
        assert find_tasks(str(tmp_path / "task.yaml"), root=tmp_path).tasks
        return
    source = Source(Path(page), {"steps": written.get("steps", written)})
    for body in add_data_steps(source).values():
        assert STEPS[body["step"]].config.model_validate(body).step == body["step"]


def test_the_pages_of_settings_are_what_the_models_say() -> None:
    folder = ROOT / "docs"
    pages = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in (folder / "settings.md", *folder.glob("settings/*.md"))
    }
    assert pages == generate_settings.render(), "run: .venv/bin/python docs/generate_settings.py --write"


def test_every_step_has_its_settings_on_a_page() -> None:
    steps = [step for page in generate_settings.PAGES.values() for step in page.steps]
    assert sorted(steps) == sorted(STEPS)


def models_of_settings() -> list[type[BaseModel]]:
    steps = [STEPS[step].config for page in generate_settings.PAGES.values() for step in page.steps]
    return [*steps, *generate_settings.places()]


@pytest.mark.parametrize("model", models_of_settings(), ids=lambda model: model.__name__)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    """By what stands below it, or by name in what the model says of itself."""
    about, said = generate_settings.about_model(model), generate_settings.said_of_fields(model)
    keys = model.model_fields.keys() - set(generate_settings.LEFT_OUT)
    assert [key for key in keys if key not in said and not re.search(rf"`{key}\b", about)] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/settings*/*.md")), ids=page_name)
def test_links_within_the_settings_lead_to_a_heading(page: Path) -> None:
    def headings(path: Path) -> set[str]:
        return {
            generate_settings.slug(line) for line in path.read_text().splitlines() if line.startswith("#")
        }

    links = re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", page.read_text())
    assert [
        (path, name) for path, name in links if name not in headings(page.parent / (path or page.name))
    ] == []


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(named) == pages
