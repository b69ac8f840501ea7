from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ontogeny.core.errors import ModelFormatError, RecipeError
from ontogeny.core.progress import QuietProgress
from ontogeny.lineage.step import UNKNOWN, Context, Outputs, Step
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf_export import write_gguf_export
from ontogeny.model.step import (
    EXPORT,
    IMPORT_MODEL,
    ExportConfig,
    ImportModelConfig,
    import_model_files,
    run_export,
)
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.model.conftest import VOCAB_SIZE, Make


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A small tokenizer."""
    return train_bpe(["the quick brown fox jumps over the lazy dog"] * 3, vocab_size=VOCAB_SIZE)


@pytest.fixture
def folder(make: Make, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A whole Hugging Face folder with a stranger in it."""
    huggingface.save(make(), tmp_path / "outside", tokenizer=tokenizer)
    (tmp_path / "outside" / "notes.txt").write_text("mine")
    return tmp_path / "outside"


def import_folder(folder: Path, tmp_path: Path, license: str | None = None) -> tuple[Path, Outputs]:
    payload = tmp_path / "payload"
    payload.mkdir()
    config = ImportModelConfig(path=str(folder), license=license)
    return payload, IMPORT_MODEL.run(config, {}, context(payload))


def context(payload: Path) -> Context:
    return Context(payload=payload, scratch=payload, seed=1, device="cpu", progress=QuietProgress())


def test_an_import_is_the_model_files_as_they_are(folder: Path, tmp_path: Path) -> None:
    payload, outputs = import_folder(folder, tmp_path)
    names = {path.name for path in folder.iterdir()} - {"notes.txt"}
    assert {path.name for path in payload.iterdir()} == names
    for name in names:
        assert (payload / name).read_bytes() == (folder / name).read_bytes()
    assert outputs.metrics["family"] == "qwen3"
    assert outputs.metrics["chat_template"] is True
    assert outputs.metrics["parameters"] == sum(one.numel() for one in huggingface.load(folder).parameters())


@pytest.mark.parametrize(("said", "told"), [("Apache-2.0", "Apache-2.0"), (None, UNKNOWN)])
def test_the_licence_of_a_folder_is_what_the_user_says(
    folder: Path, tmp_path: Path, said: str | None, told: str
) -> None:
    assert import_folder(folder, tmp_path, said)[1].licenses == (told,)


def test_an_import_depends_on_the_files_it_reads(folder: Path) -> None:
    names = [path.name for path in import_model_files(ImportModelConfig(path=str(folder)))]
    assert names == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no folder"):
        import_model_files(ImportModelConfig(path=str(tmp_path / "nothing")))


def test_a_damaged_model_is_not_imported(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelFormatError, match=r"model\.safetensors"):
        import_folder(folder, tmp_path)


def test_a_tokenizer_of_another_model_is_refused(make: Make, tokenizer: Tokenizer, tmp_path: Path) -> None:
    huggingface.save(make(vocab_size=260), tmp_path / "outside")
    tokenizer.save(tmp_path / "outside")
    with pytest.raises(ModelFormatError, match=r"the tokenizer has \d+ entries, the model 260"):
        import_folder(tmp_path / "outside", tmp_path)
    with pytest.raises(ModelFormatError, match="a model goes with the tokenizer"):
        huggingface.save(make(vocab_size=260), tmp_path / "other", tokenizer=tokenizer)


def test_an_import_tells_of_what_will_disappoint(
    make: Make, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    with torch.no_grad():
        model.norm.weight[3] = float("nan")
        model.embed_tokens.weight[7, 2] = float("inf")
    huggingface.save(model, tmp_path / "outside", tokenizer=tokenizer)
    (tmp_path / "outside" / "chat_template.jinja").write_text("{% for %}")
    notes: list[str] = []
    monkeypatch.setattr(QuietProgress, "note", lambda _, text: notes.append(text))
    import_folder(tmp_path / "outside", tmp_path)
    assert len(notes) == 2
    assert "NaN or infinity stands in embed_tokens.weight, norm.weight:" in notes[0]
    assert "the chat template is not valid Jinja" in notes[1]


def test_an_export_is_a_whole_folder(folder: Path, tmp_path: Path) -> None:
    class Model:
        path = folder

    payload = tmp_path / "export"
    payload.mkdir()
    config = EXPORT.config(step="export", model="m", type="bf16")  # type: ignore[call-arg]
    outputs = run_export(config, {"model": Model()}, context(payload))  # type: ignore[arg-type, dict-item]
    assert outputs.metrics["files"] == sorted(path.name for path in payload.iterdir())
    assert outputs.metrics["weights_bytes"] == (payload / "model.safetensors").stat().st_size
    assert {str(one.dtype) for one in load_file(payload / "model.safetensors").values()} == {"torch.bfloat16"}
    assert huggingface.load(payload).config == huggingface.load(folder).config
    ends = json.loads((payload / "generation_config.json").read_text())["eos_token_id"]
    assert ends == sorted(Tokenizer.load(payload).stop_ids) == [0, 2]


@pytest.mark.parametrize(("step", "kind"), [(IMPORT_MODEL, "model"), (EXPORT, "export")])
def test_kinds(step: Step, kind: str) -> None:
    assert step.output == kind


def test_a_gguf_file_is_imported_as_the_folder_it_means(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf_export(folder, path, weight_type="f32")
    assert import_model_files(ImportModelConfig(path=str(path))) == [path]
    payload, outputs = import_folder(path, tmp_path)
    assert {one.name for one in payload.iterdir()} == {one.name for one in folder.iterdir()} - {"notes.txt"}
    assert outputs.metrics["chat_template"] is True
    theirs = load_file(payload / "model.safetensors")
    assert all(
        (theirs[name] == tensor).all() for name, tensor in load_file(folder / "model.safetensors").items()
    )


def test_types_of_gguf_are_refused_for_the_other_format() -> None:
    with pytest.raises(ValueError, match="type: q8_0 is one of gguf"):
        ExportConfig(model="a/b", type="q8_0")
    assert ExportConfig(model="a/b", format="gguf", type="q4_k_m").type == "q4_k_m"
