from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.model.formats import huggingface
from tests.model.conftest import Make

SWITCHES = [{}, {"tie_embeddings": False}, {"qk_norm": False}, {"qk_norm": False, "qkv_bias": True}]


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A saved model."""
    huggingface.save(make(), tmp_path / "model")
    return tmp_path / "model"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("switches", SWITCHES)
def test_what_is_saved_is_loaded(make: Make, tmp_path: Path, switches: dict[str, bool]) -> None:
    model = make(**switches)
    huggingface.save(model, tmp_path / "model")
    loaded = huggingface.load(tmp_path / "model")
    assert loaded.config == model.config
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.state_dict()[name]), name
    idx = torch.tensor([[1, 2, 3]])
    assert torch.equal(model(idx), loaded(idx))


def test_a_loaded_model_can_be_trained(folder: Path) -> None:
    model = huggingface.load(folder)
    model(torch.tensor([[1, 2, 3]])).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_equal_models_are_equal_files(make: Make, tmp_path: Path) -> None:
    for name in ("one", "other"):
        huggingface.save(make(), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_shards_are_read_by_their_index(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    whole = huggingface.load(folder).state_dict()
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name, weights in huggingface.load(folder).state_dict().items():
        assert torch.equal(weights, whole[name])


def test_a_shard_outside_the_folder_is_refused(folder: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "../model/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelFormatError, match="is not the name of a safetensors file in this folder"):
        huggingface.load(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x": "part.safetensors"}})
    )
    with pytest.raises(ModelFormatError, match=r"part\.safetensors: missing, though the index names it"):
        huggingface.load(folder)


@pytest.mark.parametrize("content", ["{}", "[]", "not JSON", '{"weight_map": 3}'])
def test_a_broken_index_is_named(folder: Path, content: str) -> None:
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelFormatError, match="not an index of weights"):
        huggingface.load(folder)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_file_that_is_cut_short_is_named(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelFormatError, match=r"model\.safetensors: not a whole safetensors file"):
        huggingface.load(folder)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.self_attn.k_norm.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(
        ModelFormatError, match=r"missing tensors: model\.layers\.1\.self_attn\.k_norm\.weight"
    ):
        huggingface.load(folder)


def test_unexpected_tensors_are_named_and_counted(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    extra = {f"extra.{number}": torch.zeros(1) for number in range(5)}
    save_file({**tensors, **extra}, folder / "model.safetensors")
    with pytest.raises(
        ModelFormatError, match=r"unexpected tensors: extra\.0, extra\.1, extra\.2 and 2 more"
    ):
        huggingface.load(folder)


def test_a_tensor_of_another_shape_is_named(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=63)
    with pytest.raises(ModelFormatError, match=r"mlp\.\w+_proj\.weight has shape .*, config.json asks for"):
        huggingface.load(folder)


def test_integer_weights_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].to(torch.int8)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelFormatError, match=r"tensor model\.norm\.weight is of type I8"):
        huggingface.load(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        ModelFormatError, match=r"pytorch_model\.bin holds pickled weights, which can run code"
    ):
        huggingface.load(folder)


def test_a_folder_without_weights_is_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFormatError, match=r"no model\.safetensors here"):
        huggingface.load(folder)


def test_a_copy_of_the_head_in_a_tied_model_is_ignored(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    head = tensors["model.embed_tokens.weight"].clone()
    save_file({**tensors, "lm_head.weight": head}, folder / "model.safetensors")
    assert huggingface.load(folder).lm_head is None


def test_half_precision_on_a_cpu_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="bfloat16 on a CPU"):
        huggingface.load(folder, dtype=torch.bfloat16)


def test_values_that_a_type_cannot_hold_are_refused(make: Make, tmp_path: Path) -> None:
    model = make()
    with torch.no_grad():
        model.norm.weight[0] = 1e6
    with pytest.raises(
        ModelFormatError, match=r"model\.norm\.weight holds values that torch\.float16 cannot"
    ):
        huggingface.save(model, tmp_path / "model", dtype="f16")
    huggingface.save(model, tmp_path / "model", dtype="bf16")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"no readable config\.json here"):
        huggingface.load(tmp_path)


def test_a_configuration_that_is_no_object_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("[]")
    with pytest.raises(ModelFormatError, match="not a JSON object"):
        huggingface.load(folder)
