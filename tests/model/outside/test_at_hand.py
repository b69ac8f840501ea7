"""Outside models are described without being fetched or unpacked."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, ModelFormatError
from ontogeny.model.config import ModelConfig, ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf_export import write_gguf_export
from ontogeny.model.formats.huggingface_config import config_to_json
from ontogeny.model.outside.at_hand import config_at_hand, config_in_file
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.train import train_bpe
from tests.model.outside.packages import write_wheel

CONFIG = ModelShape(d_model=64, n_layers=2, n_heads=2, d_ff=128, seq_len=64).resolve(280)


def described(config: ModelConfig = CONFIG) -> bytes:
    return json.dumps(config_to_json(config, dtype="float32", end_id=0)).encode()


def test_of_a_folder_its_config_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(described())
    assert config_at_hand(str(tmp_path)) == CONFIG


def test_of_a_gguf_file_its_header_is_read(tmp_path: Path) -> None:
    tokenizer = train_bpe(["to be or not to be, that is the question: " * 20] * 4, vocab_size=280)
    huggingface.save(Transformer(CONFIG), tmp_path / "model", tokenizer=tokenizer)
    path = tmp_path / "model.gguf"
    write_gguf_export(tmp_path / "model", path, weight_type="f16")
    assert config_at_hand(str(path)) == CONFIG
    assert config_at_hand(str(path.rename(tmp_path / "model.GGUF"))) == CONFIG


def test_of_an_installed_package_its_own_copy_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"tiny_model/config.json": described(), "tiny_model/model.safetensors": b"weights"}
    with zipfile.ZipFile(write_wheel(tmp_path, "tiny-model", files)) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert config_at_hand("pip:tiny-model") == CONFIG


def test_of_a_repository_the_cache_of_the_hub_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    repository = tmp_path / "models--org--tiny"
    for place, data in (("refs/main", commit.encode()), (f"snapshots/{commit}/config.json", described())):
        (repository / place).parent.mkdir(parents=True)
        (repository / place).write_bytes(data)
    assert config_at_hand("hf:org/tiny") == config_at_hand(f"hf:org/tiny@{commit}") == CONFIG
    assert config_at_hand("hf:org/tiny@v2") is None


@pytest.mark.parametrize(
    "text", ["./nothing-there", "./none.gguf", "pip:no-such-model", "hf:org/none", "hf:a b/c"]
)
def test_what_is_not_here_is_not_described(text: str) -> None:
    assert config_at_hand(text) is None


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"model_type": "mamba"}'])
def test_what_cannot_be_read_is_not_described_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config.json").write_bytes(data)
    assert config_at_hand(str(tmp_path)) is None
    with pytest.raises((ArtifactError, ModelFormatError)):
        config_in_file(tmp_path / "config.json")
