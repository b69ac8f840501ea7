"""A model whose matrices stay in their file, in codes while it is tuned, and as they were behind that."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import frozen, huggingface, peft
from ontogeny.model.formats.huggingface import FloatType
from ontogeny.model.lora import adapters, attach, frozen_layers
from ontogeny.model.quantised_kinds import QuantisedForm
from ontogeny.model.transformer import Transformer
from tests.model.conftest import VOCAB_SIZE, Make


def stored(make: Make, folder: Path, dtype: FloatType = "f32") -> Path:
    huggingface.save(make(), folder, dtype=dtype)
    return folder


def logits(model: Transformer) -> Tensor:
    idx = torch.randint(VOCAB_SIZE, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out: Tensor = model(idx)
    return out


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_it_is_the_model_in_the_folder(make: Make, tmp_path: Path, dtype: FloatType) -> None:
    folder = stored(make, tmp_path, dtype)
    model, whole = frozen.load(folder), huggingface.load(folder)
    torch.testing.assert_close(logits(model), logits(whole), rtol=0, atol=1e-6)
    assert peft.weights_digest(model) == peft.weights_digest(whole)
    kinds = {layer.weight.dtype for layer in frozen_layers(model).values()}
    assert kinds == {huggingface.DTYPES[dtype]}


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("form", ["int8", "nf4"])
def test_codes_while_the_context_lasts(
    make: Make, tmp_path: Path, form: QuantisedForm, dtype: FloatType
) -> None:
    folder = stored(make, tmp_path, dtype)
    model = frozen.load(folder)
    attach(model, Lora(rank=2, targets=("q_proj", "mlp.*")), seed=1)
    before = logits(model)
    with frozen.kept(model, form, folder):
        assert {layer.weight.dtype for layer in frozen_layers(model).values()} <= {torch.int8, torch.uint8}
        assert not torch.equal(logits(model), before)
        for layer in adapters(model).values():
            layer.lora_B.data.fill_(0.1)
    tuned = logits(model)
    assert not torch.equal(tuned, before)
    for layer in adapters(model).values():
        layer.lora_B.data.fill_(0.0)
    assert torch.equal(logits(model), before)


def test_a_model_that_was_read_whole_can_be_kept_too(make: Make, tmp_path: Path) -> None:
    folder = stored(make, tmp_path)
    found = []
    for model in (frozen.load(folder), huggingface.load(folder)):
        attach(model, Lora(rank=2), seed=1)
        with frozen.kept(model, "int8", folder):
            found.append(logits(model))
    assert torch.equal(*found)


def test_numbers_that_are_none(make: Make, tmp_path: Path) -> None:
    folder = stored(make, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    message = "tensor layers.1.mlp.up_proj.weight holds values that are not finite"
    with pytest.raises(ModelFormatError, match=message), frozen.kept(frozen.load(folder), "nf4", folder):
        pass


def test_odd_rows_have_no_nf4(make: Make, tmp_path: Path) -> None:
    huggingface.save(make(d_ff=33), tmp_path)
    with (
        pytest.raises(UsageError, match="a matrix of this model has rows of 33"),
        frozen.kept(frozen.load(tmp_path), "nf4", tmp_path),
    ):
        pass
