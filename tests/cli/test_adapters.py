"""Adapters of others, as typed: `import --base`, `export --format peft`, and merged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import huggingface, peft
from ontogeny.model.lora import attach
from tests.cli.conftest import Command
from tests.conftest import Life


@pytest.fixture
def adapter(life: Life, tmp_path: Path) -> str:
    """A PEFT folder as others write it, for `smoke/base`."""
    model = huggingface.load(life.folder("base"))
    for layer in attach(model, Lora(rank=2), seed=1).values():
        nn.init.normal_(layer.lora_B, std=0.2)
    peft.save(model, tmp_path / "adapter", Lora(rank=2), peft.Base("", "", ""))
    (tmp_path / "adapter" / "base.json").unlink()
    return str(tmp_path / "adapter")


def test_an_adapter_comes_in_beside_its_base_and_goes_out(
    command: Command, life: Life, adapter: str, tmp_path: Path
) -> None:
    alone = command("import", adapter, "--name", "tuned")
    assert (alone.code, "--base RECIPE/STEP" in alone.err) == (2, True)
    imported = command("import", adapter, "--base", "smoke/base", "--name", "tuned", "--json").json
    assert (imported["kind"], imported["inputs"][0]["name"]) == ("adapter", "smoke/base@1")

    out = str(tmp_path / "out")
    written = command("export", "import/tuned", "--format", "peft", "--out", out, "--json").json
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(written["files"])
    for name in written["files"]:
        if name.startswith("adapter_model"):
            assert (Path(out) / name).read_bytes() == (Path(adapter) / name).read_bytes()
    typed = command(
        "export", "import/tuned", "--format", "peft", "--type", "f16", "--out", str(tmp_path / "y")
    )
    assert (typed.code, "--type has no effect on adapters" in typed.err) == (2, True)
    assert command("export", "smoke/base", "--format", "peft", "--out", str(tmp_path / "x")).code == 2

    whole = str(tmp_path / "whole")
    assert command("export", "import/tuned", "--out", whole).code == 0
    expected = huggingface.load(life.folder("base"))
    peft.load_onto(expected, Path(adapter))
    idx = torch.arange(9)[None]
    with torch.no_grad():
        torch.testing.assert_close(huggingface.load(Path(whole))(idx), expected(idx), rtol=0, atol=1e-4)
