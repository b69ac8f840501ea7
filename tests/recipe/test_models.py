"""What MODEL may be, found in a workspace; packages come from a folder of wheels, without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf_export import write_gguf_export
from ontogeny.model.transformer import Transformer
from ontogeny.recipe.models import _snapshot, import_path, is_snapshot, locate_model
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.single import import_model
from ontogeny.recipe.table import STEPS
from ontogeny.tokenizer.train import train_bpe
from tests.conftest import SMOKE
from tests.model.outside.packages import write_wheel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model, as a folder."""
    folder = tmp_path_factory.mktemp("outside") / "tiny"
    tokenizer = train_bpe(["to be or not to be"] * 3, vocab_size=270)
    shape = ModelShape(d_model=32, n_layers=1, n_heads=2, d_ff=64, seq_len=32)
    huggingface.save(Transformer(shape.resolve(tokenizer.vocab_size)), folder, tokenizer=tokenizer)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace.default(tmp_path / "ws")


@pytest.fixture
def package(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with the model as a GGUF file, installed."""
    import zipfile

    write_gguf_export(folder, tmp_path / "tiny.gguf", weight_type="f16")
    wheel = write_wheel(tmp_path, "tiny-gguf", {"tiny_gguf/tiny.gguf": (tmp_path / "tiny.gguf").read_bytes()})
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return "pip:tiny-gguf"


def test_a_package_is_located_as_the_folder_it_means(package: str, place: Workspace) -> None:
    located = locate_model(package, place)
    assert located.name == "tiny-gguf" and located.artifact is None
    assert huggingface.read_config(located.folder).n_layers == 1
    assert locate_model(package, place) == located


def test_an_imported_package_knows_where_it_is_from(package: str, place: Workspace, tmp_path: Path) -> None:
    artifact = import_model(place, package, name="tiny")
    manifest = artifact.manifest
    assert manifest.config["path"] == package
    assert manifest.metrics["source"]["package"] == "tiny-gguf"
    assert manifest.metrics["source"]["version"] == "1.0"
    (digest,) = manifest.metrics["source"]["files"].values()
    installed = tmp_path / "site" / "tiny_gguf" / "tiny.gguf"
    assert manifest.external_files == {str(installed): digest}
    assert manifest.licenses == ("MIT",)
    assert import_model(place, package, name="tiny").name == artifact.name
    shutil.rmtree(tmp_path / "ws" / "cache" / "models")
    assert import_model(place, package, name="tiny").name == artifact.name  # reused: nothing is looked for


def test_a_file_is_imported_with_its_path_and_digest(folder: Path, place: Workspace, tmp_path: Path) -> None:
    write_gguf_export(folder, tmp_path / "tiny.gguf", weight_type="f16")
    located = locate_model(str(tmp_path / "tiny.gguf"), place)
    manifest = import_model(place, str(tmp_path / "tiny.gguf"), name="file").manifest
    assert manifest.external_files == {str(tmp_path / "tiny.gguf"): located.digest}


def test_what_an_import_is_told(folder: Path, place: Workspace) -> None:
    assert import_path("pip:x", place) == "pip:x"
    assert import_path("./x.gguf", place) == str(Path("x.gguf").absolute())
    assert import_path(str(folder), place) == str(folder)
    with pytest.raises(UsageError, match="not a model folder"):
        import_path(str(folder.parent), place)


def test_missing_files_are_named(place: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*x\.gguf"):
        locate_model(str(tmp_path / "x.gguf"), place)
    (tmp_path / "x-00001-of-00002.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match=r"x-00002-of-00002\.gguf") as refusal:
        locate_model(str(tmp_path / "x-00001-of-00002.gguf"), place)
    assert refusal.value.hint == "put all parts into one folder"


def test_a_step_of_a_training_is_a_model(place: Workspace, folder: Path) -> None:
    artifact = import_model(place, str(folder), name="tiny")
    shutil.copytree(folder, artifact.path / "checkpoints" / "000500")
    files = tuple(each for each in record_files(artifact.path) if each.path != "manifest.json")
    trained = artifact.manifest.model_copy(update={"metrics": {"steps": 900}, "files": files})
    snapshot = _snapshot(Artifact(artifact.path, trained), 500)
    assert snapshot.folder == artifact.path / "checkpoints" / "000500"
    assert (snapshot.name, snapshot.artifact) == ("import/tiny@1:500", None)
    whole = _snapshot(Artifact(artifact.path, trained), 900)
    assert (whole.name, whole.folder) == ("import/tiny@1", artifact.path)
    with pytest.raises(UsageError, match="has no snapshot of step 700") as caught:
        _snapshot(Artifact(artifact.path, trained), 700)
    assert caught.value.hint == "steps that were kept: 500; `train.keep` says which are"


@pytest.mark.parametrize(
    ("text", "snapshot"),
    [
        ("r/base@1:500", True),
        ("r/base:500", True),
        ("r/base@1", False),
        ("production", False),
        ("./r/base:500", False),
        ("hf:org/name", False),
        ("hf:org/name:500", False),
        ("r/base:", False),
    ],
)
def test_which_names_mean_a_step(text: str, snapshot: bool) -> None:
    assert is_snapshot(text) is snapshot


def test_a_path_without_its_dot_is_told_apart_from_a_name(
    folder: Path, place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    text = f"{folder.parent.name}/{folder.name}"
    with pytest.raises(UsageError, match="no artifact or alias") as caught:
        locate_model(text, place)
    assert caught.value.hint == f"there is a folder of that name: write ./{text} to use it"
    assert locate_model(f"./{text}", place).folder.resolve() == folder.resolve()
    with pytest.raises(UsageError) as caught:
        locate_model(f"{text}/config.json", place)
    assert (caught.value.hint or "").startswith("there is a file of that name")
    with pytest.raises(UsageError) as caught:
        locate_model("neither/nor", place)
    assert caught.value.hint == "`ontogeny ls` lists what is there"


def test_a_recipe_tells_a_path_without_its_dot_apart(
    folder: Path, place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(RecipeError, match="no step, artifact or alias 'tiny'") as caught:
        resolve(load_recipe(SMOKE, STEPS, overrides=["steps.report.model=tiny"]), place, STEPS)
    assert caught.value.hint == "there is a folder of that name: write ./tiny to use it"
