from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.export import export_folder
from tests.model.conftest import Make


@pytest.fixture
def source(make: Make, tmp_path: Path) -> Path:
    """A saved model with companions and a stranger."""
    folder = tmp_path / "source"
    huggingface.save(make(), folder)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "LICENSE").write_text("PSF-2.0")
    (folder / "metrics.jsonl").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("weight_type", "dtype"), [("f32", "float32"), ("f16", "float16"), ("bf16", "bfloat16")]
)
def test_weights_are_stored_in_the_type_asked_for(
    source: Path, tmp_path: Path, weight_type: str, dtype: str
) -> None:
    files = export_folder(source, tmp_path / "new" / "out", weight_type=weight_type)
    assert sorted(map(str, files)) == ["LICENSE", "config.json", "model.safetensors", "tokenizer.json"]
    exported = load_file(tmp_path / "new" / "out" / "model.safetensors")
    for name, weights in load_file(source / "model.safetensors").items():
        assert torch.equal(exported[name], weights.to(getattr(torch, dtype)))
    assert json.loads((tmp_path / "new" / "out" / "config.json").read_text())["dtype"] == dtype


def test_the_rest_of_the_configuration_stays(source: Path, tmp_path: Path) -> None:
    path = source / "config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "eos_token_id": 42, "torch_dtype": "float32"})
    )
    export_folder(source, tmp_path / "out", weight_type="bf16")
    exported = json.loads((tmp_path / "out" / "config.json").read_text())
    assert exported["eos_token_id"] == 42
    assert "torch_dtype" not in exported


def test_an_existing_folder_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        export_folder(source, tmp_path)


def test_an_unknown_type_is_refused_with_the_nearest(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown type 'bf61'\. Did you mean 'bf16'"):
        export_folder(source, tmp_path / "out", weight_type="bf61")


def test_a_failure_leaves_nothing(source: Path, tmp_path: Path) -> None:
    (source / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelFormatError):
        export_folder(source, tmp_path / "place" / "out")
    assert not list((tmp_path / "place").iterdir())
