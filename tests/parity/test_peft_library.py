"""Adapters against the library `peft`: the same outputs, gradients and steps; its folders read here, ours there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from ontogeny.model.config import ModelShape
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import huggingface, peft
from ontogeny.model.lora import adapters, attach
from ontogeny.model.loss import linear_cross_entropy
from ontogeny.model.transformer import Transformer
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.optim import Optimizer
from tests.random_weights import randomise

library = pytest.importorskip("peft", reason="the library peft is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)  # peft's own

MAX_DIFFERENCE = 1e-5
VOCAB_SIZE = 300
LR = 1e-3
EPS = 1e-4  # a first step of AdamW with less is a matter of signs, also of gradients that are zero but for rounding
KINDS = {
    "lora": Lora(rank=8),
    "rslora": Lora(rank=8, rank_stabilised=True),
    "dora": Lora(rank=8, dora=True),
    "some layers": Lora(rank=4, alpha=4, targets=("q_proj", "v_proj", "layers.1.mlp.*")),
}
FAMILIES = {"qwen3": True, "llama": False}


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of either family, as both read it."""
    shape = ModelShape(d_model=64, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=128, seq_len=64)
    config = shape.resolve(VOCAB_SIZE).model_copy(update={"qk_norm": FAMILIES[request.param]})
    model = Transformer(config)
    randomise(model, 1)
    huggingface.save(model, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def idx() -> Tensor:
    return torch.randint(VOCAB_SIZE, (3, 40), generator=torch.Generator().manual_seed(0))


def learnt(base: Path, settings: Lora) -> Transformer:
    """Our model, with adapters that have learnt something."""
    model = huggingface.load(base)
    generator = torch.Generator().manual_seed(2)
    for layer in attach(model, settings, seed=1).values():
        nn.init.normal_(layer.lora_B, std=0.1, generator=generator)
    return model


def with_ours(base: Path, settings: Lora, model: Transformer, folder: Path) -> Any:
    """Their model with our adapters, to be trained on."""
    peft.save(model, folder, settings, peft.Base("base", peft.weights_digest(model), str(base)))
    return library.PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base), folder, is_trainable=True
    )


def our_gradients(model: Transformer, idx: Tensor) -> dict[str, Tensor]:
    """By PEFT's names, of the mean loss."""
    hidden = model.hidden(idx[:, :-1]).flatten(0, 1)
    targets = idx[:, 1:].flatten()
    (linear_cross_entropy(hidden, model.head_weight, targets) / len(targets)).backward()  # type: ignore[no-untyped-call]
    found = {}
    for name, layer in adapters(model).items():
        for ours, theirs in peft.PARTS.items():
            if (weight := getattr(layer, ours)) is not None:
                found[f"{peft.OUTSIDE}{name}.{theirs.removesuffix('.weight')}"] = weight.grad
    return found


def their_name(name: str) -> str:
    return name.replace(".default", "").removesuffix(".weight")


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_gradients_and_a_step(base: Path, idx: Tensor, tmp_path: Path, kind: str) -> None:
    ours = learnt(base, KINDS[kind])
    theirs = with_ours(base, KINDS[kind], ours, tmp_path / "adapter")
    with torch.no_grad():
        torch.testing.assert_close(ours(idx), theirs(idx).logits, rtol=0, atol=MAX_DIFFERENCE)
    gradients = our_gradients(ours, idx)
    theirs(idx, labels=idx).loss.backward()
    trained = {their_name(name): weight for name, weight in theirs.named_parameters() if weight.requires_grad}
    assert gradients.keys() == trained.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, trained[name].grad, rtol=0, atol=MAX_DIFFERENCE)
    optimizer = Optimizer(ours, AdamWConfig(lr=LR, betas=(0.9, 0.999), eps=EPS, weight_decay=0.0))
    optimizer.set_lr(1.0)
    optimizer.step()
    torch.optim.AdamW(trained.values(), lr=LR, eps=EPS, weight_decay=0.0).step()
    with torch.no_grad():
        torch.testing.assert_close(ours(idx), theirs(idx).logits, rtol=0, atol=MAX_DIFFERENCE)


@pytest.mark.parametrize("kind", KINDS)
def test_their_folder_is_read(base: Path, idx: Tensor, tmp_path: Path, kind: str) -> None:
    settings = KINDS[kind]
    targets = "all-linear" if settings.targets == "all-linear" else ["q_proj", "v_proj"]
    config = library.LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        use_rslora=settings.rank_stabilised,
        use_dora=settings.dora,
        target_modules=targets,
        init_lora_weights=False,  # B is not zero
    )
    torch.manual_seed(0)  # theirs draws from the global generator
    theirs = library.get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = huggingface.load(base)
    peft.load_onto(ours, tmp_path / "theirs")
    with torch.no_grad():
        torch.testing.assert_close(ours(idx), theirs(idx).logits, rtol=1e-4, atol=MAX_DIFFERENCE)
