"""Adapters in PEFT's folder: what is written, read again, refused; and a model from whatever its folder holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import huggingface, peft, stored
from ontogeny.model.formats.export import export_folder, export_gguf, export_peft
from ontogeny.model.lora import adapters, attach, merge
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.model.conftest import VOCAB_SIZE, Make

KINDS = {
    "lora": Lora(rank=4, alpha=8),
    "rslora": Lora(rank=4, rank_stabilised=True),
    "dora": Lora(rank=4, dora=True),
    "one layer": Lora(rank=4, targets=("layers.1.mlp.up_proj",)),
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(["the quick brown fox jumps over the lazy dog"] * 3, vocab_size=VOCAB_SIZE)


@pytest.fixture
def base(make: Make, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A whole model, as an artifact would hold it."""
    huggingface.save(make(), tmp_path / "life" / "base@1", tokenizer=tokenizer)
    return tmp_path / "life" / "base@1"


Adapt = Callable[..., tuple[Path, Transformer]]


@pytest.fixture
def adapted(base: Path, tokenizer: Tokenizer) -> Adapt:
    """A folder of adapters beside the base, and the model with them."""

    def build(settings: Lora = KINDS["lora"]) -> tuple[Path, Transformer]:
        model = huggingface.load(base)
        told = peft.Base("life/base@1", peft.weights_digest(model), "../../life/base@1")
        attach(model, settings, seed=3)
        for layer in adapters(model).values():
            nn.init.normal_(layer.lora_B, std=0.2)
        folder = base.parent / "tuned@1"
        peft.save(model, folder, settings, told)
        tokenizer.save(folder)
        return folder, model

    return build


def logits(model: Transformer) -> Tensor:
    idx = torch.randint(VOCAB_SIZE, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out: Tensor = model(idx)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(adapted: Adapt, base: Path, kind: str) -> None:
    folder, model = adapted(KINDS[kind])
    again = huggingface.load(base)
    peft.load_onto(again, folder)
    assert torch.equal(logits(again), logits(model))
    frozen = [weight for name, weight in again.named_parameters() if "lora_" not in name]
    assert not any(weight.requires_grad for weight in frozen)


def test_the_names_are_those_of_peft(adapted: Adapt) -> None:
    folder, model = adapted(KINDS["dora"])
    tensors = load_file(folder / "adapter_model.safetensors")
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    assert {f"{layer}.lora_A.weight", f"{layer}.lora_B.weight", f"{layer}.lora_magnitude_vector"} <= set(
        tensors
    )
    assert len(tensors) == 3 * len(adapters(model))
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["target_modules"] == [
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    ]
    assert (config["r"], config["lora_alpha"], config["use_dora"], config["use_rslora"]) == (
        4,
        16,
        True,
        False,
    )


def test_one_of_many_layers_is_meant_by_its_whole_name(adapted: Adapt) -> None:
    folder, _ = adapted(KINDS["one layer"])
    assert json.loads((folder / "adapter_config.json").read_text())["target_modules"] == [
        "layers.1.mlp.up_proj"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_counts_as_the_model_it_makes(adapted: Adapt, kind: str) -> None:
    folder, model = adapted(KINDS[kind])
    loaded = stored.load(folder)
    assert not adapters(loaded)
    torch.testing.assert_close(logits(loaded), logits(model), rtol=0, atol=1e-4)
    base = folder.parent / "base@1"
    assert torch.equal(logits(stored.load(base)), logits(huggingface.load(base)))


def test_shapes_alone_are_those_of_what_would_be_loaded(adapted: Adapt, base: Path) -> None:
    for folder in (base, adapted()[0]):
        bare, whole = stored.without_weights(folder), stored.load(folder)
        assert bare.device.type == "meta"
        assert bare.config == whole.config
        shapes = {name: weight.shape for name, weight in bare.named_parameters()}
        assert shapes == {name: weight.shape for name, weight in whole.named_parameters()}


def test_a_snapshot_lies_deeper_and_has_the_same_base(adapted: Adapt) -> None:
    folder, model = adapted()
    deeper = folder.parent / "other@1" / "checkpoints" / "000010"
    deeper.parent.mkdir(parents=True)
    folder.rename(deeper)
    torch.testing.assert_close(logits(stored.load(deeper)), logits(model), rtol=0, atol=1e-4)


def test_exported_merged(adapted: Adapt, tmp_path: Path) -> None:
    folder, model = adapted()
    export_folder(folder, tmp_path / "out")
    torch.testing.assert_close(logits(huggingface.load(tmp_path / "out")), logits(model), rtol=0, atol=1e-4)
    assert Tokenizer.load(tmp_path / "out").to_json() == Tokenizer.load(folder).to_json()
    export_gguf(folder, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").stat().st_size > (tmp_path / "out" / "model.safetensors").stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {"life", "out", "out.gguf"}


def test_exported_as_it_is(adapted: Adapt, tmp_path: Path) -> None:
    folder, model = adapted()
    (folder / "classifier.json").write_text('{"labels": ["ham", "spam"]}')
    (folder / "notes.txt").write_text("somebody's own")
    files = export_peft(folder, tmp_path / "elsewhere" / "out")
    assert sorted(map(str, files)) == [
        "adapter_config.json", "adapter_model.safetensors", "base.json", "classifier.json", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip
    out = tmp_path / "elsewhere" / "out"
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(folder.parent / "base@1")
    torch.testing.assert_close(logits(stored.load(out)), logits(model), rtol=0, atol=1e-4)


def test_a_whole_model_has_no_adapters_to_export(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is a whole model, without adapters to export"):
        export_peft(base, tmp_path / "out")


def test_the_fingerprint_is_that_of_the_numbers(base: Path, tmp_path: Path) -> None:
    model = huggingface.load(base)
    digest = peft.weights_digest(model)
    huggingface.save(model, tmp_path / "again")
    assert peft.weights_digest(huggingface.load(tmp_path / "again")) == digest
    attach(model, Lora(rank=2), seed=1)
    assert peft.weights_digest(model) == digest
    merge(model)
    with torch.no_grad():
        model.embed_tokens.weight[0, 0] += 1e-3
    assert peft.weights_digest(model) != digest


def test_another_base_is_refused(adapted: Adapt, make: Make) -> None:
    folder, _ = adapted()
    other = make()
    with torch.no_grad():
        other.embed_tokens.weight[0, 0] += 1
    with pytest.raises(ModelFormatError, match="trained on other weights: those of life/base@1") as caught:
        peft.load_onto(other, folder)
    assert caught.value.hint is not None
    assert "blake3:" in caught.value.hint


def test_a_base_that_is_gone(adapted: Adapt, base: Path) -> None:
    folder, _ = adapted()
    base.rename(base.with_name("elsewhere"))
    with pytest.raises(
        ModelFormatError, match="the base of this adapter, life/base@1, is not there any more"
    ):
        stored.load(folder)


def test_a_base_that_nobody_names(adapted: Adapt) -> None:
    folder, _ = adapted()
    (folder / "base.json").unlink()
    with pytest.raises(ModelFormatError, match="nothing here says where its base lies") as caught:
        stored.load(folder)
    assert caught.value.hint is not None
    assert "ontogeny import ./ADAPTER --base" in caught.value.hint


def test_a_damaged_description_of_the_base(adapted: Adapt) -> None:
    folder, _ = adapted()
    (folder / "base.json").write_text('{"name": "x"}')
    with pytest.raises(ModelFormatError, match="not the description of a base"):
        stored.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type 'IA3' cannot be read"),
        ({"bias": "all"}, 'bias "all" cannot be read'),
        ({"modules_to_save": ["score"]}, r'modules_to_save \["score"\] cannot be read'),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern .* cannot be read"),
        ({"init_lora_weights": "pissa"}, 'init_lora_weights "pissa" cannot be read'),
        ({"r": 0}, "not the settings of a LoRA adapter"),
        ({"lora_alpha": None}, "not the settings of a LoRA adapter"),
        (
            {"r": 3},
            r"tensor layers.0.mlp.down_proj.lora_A is \[4, .*\], model and settings ask for \[3, .*\]",
        ),
        ({"use_dora": True}, r"lora_magnitude is missing, model and settings ask for"),
    ],
)
def test_settings_that_mean_something_else(adapted: Adapt, change: dict[str, Any], message: str) -> None:
    folder, _ = adapted()
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelFormatError, match=message):
        stored.load(folder)


def test_tensors_that_mean_something_else(adapted: Adapt, base: Path) -> None:
    folder, _ = adapted()
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)

    def refused(changed: dict[str, Tensor], message: str) -> None:
        save_file(changed, path)
        with pytest.raises(ModelFormatError, match=message):
            peft.load_onto(huggingface.load(base), folder)

    head = {"base_model.model.score.weight": torch.ones(2, 2)}
    refused({**tensors, **head}, "not only adapters .*: base_model.model.score")
    refused({}, "not only adapters of the layers of a causal model: none")
    first = next(iter(tensors))
    refused({**tensors, first: tensors[first].to(torch.int8)}, "is of type I8")
    unknown = "base_model.model.model.layers.9.mlp.up_proj.lora_A.weight"
    refused(
        {**tensors, unknown: torch.ones(4, 4)},
        "it adapts layers.9.mlp.up_proj, which the model does not have",
    )
    path.write_bytes(b"cut")
    with pytest.raises(ModelFormatError, match="not a whole safetensors file"):
        peft.load_onto(huggingface.load(base), folder)
    path.unlink()
    with pytest.raises(ModelFormatError, match="the weights of the adapter are missing"):
        peft.load_onto(huggingface.load(base), folder)
