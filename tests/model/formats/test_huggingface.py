from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from safetensors.torch import load_file, save_file

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.model.formats import huggingface
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.model.conftest import FAMILIES, Make


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A saved model."""
    huggingface.save(make(), tmp_path / "model")
    return tmp_path / "model"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_saved_is_loaded(make: Make, tmp_path: Path, name: str) -> None:
    model = make(**FAMILIES[name])
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


@pytest.mark.parametrize(
    ("template", "stops", "fits"),
    [("plain", {1}, True), (None, {1}, True), ("begins with <image>", {1}, False), ("plain", {300}, False)],
)
def test_an_entry_beyond_the_model_that_nothing_brings_up_is_no_matter(
    make: Make, template: str | None, stops: set[int], fits: bool
) -> None:
    """Gemma 3's tokenizer has one more entry than its text models, the mark for images."""
    tokenizer = tokenizer_with({"<end>": 1, "<image>": 300}, template=template, stops=stops)
    with (
        contextlib.nullcontext()
        if fits
        else pytest.raises(ModelFormatError, match="an entry with the id 300, the model 300")
    ):
        huggingface.check_tokenizer(tokenizer, make().config, where="here")
    assert 300 not in tokenizer.encode("what <image> shows"), "a text brings up no special token"


@pytest.mark.parametrize("special", [True, False])
def test_an_id_beyond_the_model_counts_however_few_entries_there_are(make: Make, special: bool) -> None:
    tokenizer = tokenizer_with({"<end>": 1, "<zz>": 5000}, template=None, stops={1}, special=special)
    if special:  # which no text brings up
        huggingface.check_tokenizer(tokenizer, make().config, where="here")
        return
    assert 5000 in tokenizer.encode("<zz>")
    with pytest.raises(ModelFormatError, match="an entry with the id 5,000, the model 300"):
        huggingface.check_tokenizer(tokenizer, make().config, where="here")


def test_the_token_a_text_begins_with_is_not_idle(make: Make) -> None:
    tokenizer = tokenizer_with({"<end>": 1, "<bos>": 300}, template=None, stops={1}, begin="<bos>")
    with pytest.raises(ModelFormatError, match="an entry with the id 300"):
        huggingface.check_tokenizer(tokenizer, make().config, where="here")


def tokenizer_with(
    added: dict[str, int], *, template: str | None, stops: set[int], special: bool = True, begin: str = ""
) -> Tokenizer:
    """A tokenizer of characters with added tokens of given ids."""
    vocab = {chr(97 + number): 2 + number for number in range(26)}
    about = {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": name, "special": special, "single_word": False, "lstrip": False}
            | {"rstrip": False, "normalized": False}
            for name, number in added.items()
        ],
        "model": {"type": "BPE", "vocab": vocab | added, "merges": []},
    }
    names = {number: name for name, number in added.items()}
    return Tokenizer(
        tokenizers.Tokenizer.from_str(json.dumps(about)),
        template,
        end_of_text="<end>",
        stop_tokens=[names[number] for number in stops],
        begin_of_text=begin,
    )


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


@pytest.mark.parametrize("offsets", [[0, 8], [4, 12], [8, 24], [12, 8]])
def test_tensors_that_overlap_or_leave_the_file_are_refused(folder: Path, offsets: list[int]) -> None:
    header = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": offsets},
    }
    encoded = json.dumps(header).encode()
    content = len(encoded).to_bytes(8, "little") + encoded + bytes(16)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"model\.safetensors: not a whole safetensors file"):
        huggingface.load(folder)


def test_a_header_of_impossible_size_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelFormatError, match=r"model\.safetensors: not a whole safetensors file"):
        huggingface.load(folder)


def test_a_tensor_in_two_shards_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    for file in ("a.safetensors", "b.safetensors"):
        save_file(tensors, folder / file)
    index = {"weight_map": dict.fromkeys(tensors, "a.safetensors") | {"model.norm.weight": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        ModelFormatError, match=r"b\.safetensors: tensor .* is stored in a\.safetensors as well"
    ):
        huggingface.load(folder)


def test_names_without_the_prefix_of_the_whole_model_are_read(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    whole = huggingface.load(folder).state_dict()
    bare = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    save_file(bare, folder / "model.safetensors")
    for name, weights in huggingface.load(folder).state_dict().items():
        assert torch.equal(weights, whole[name])


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


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickled_weights_are_refused_with_the_way_to_convert_them(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ModelFormatError, match="holds pickled weights, which can run code") as refusal:
        huggingface.load(folder)
    assert name in str(refusal.value)
    assert "save_pretrained" in str(refusal.value.hint)


@pytest.mark.parametrize(("vocab_size", "fits"), [(399, False), (400, True), (1424, True), (1425, False)])
def test_a_tokenizer_of_another_size_is_refused(make: Make, vocab_size: int, fits: bool) -> None:
    tokenizer = train_bpe(["some text for a tokenizer"], vocab_size=400)
    assert tokenizer.vocab_size <= 400
    config = make(vocab_size=vocab_size - 400 + tokenizer.vocab_size).config
    if fits:
        huggingface.check_tokenizer(tokenizer, config, where="here")
    else:
        with pytest.raises(ModelFormatError, match=r"here: the tokenizer has .* entries, the model "):
            huggingface.check_tokenizer(tokenizer, config, where="here")


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
    with pytest.raises(ModelFormatError, match=r"no config\.json here"):
        huggingface.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1,\n "b" 2}', r"config\.json: not JSON: .*line 2 column 6"),
        (b"[" * 100_000, "not JSON that can be read: it is nested too deeply"),
        (b"\xff\xfe\x00", "not JSON: 'utf-16-le' codec|not JSON: 'utf-8' codec"),
    ],
)
def test_a_configuration_that_is_no_json_is_told_with_its_place(
    folder: Path, content: bytes, message: str
) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ModelFormatError, match=message) as refusal:
        huggingface.load(folder)
    assert "verify" not in str(refusal.value)


def test_layers_that_the_files_do_not_have_are_told_before_any_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder / "config.json", num_hidden_layers=9_999)
    monkeypatch.setattr(huggingface, "Transformer", None)
    for read in (huggingface.load, lambda place: list(huggingface.read_weights(place))):
        with pytest.raises(ModelFormatError, match="asks for 9,999 layers, the weights have 2"):
            read(folder)


def test_weights_in_a_folder_of_their_name_are_told(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(ModelFormatError, match=r"model\.safetensors: a folder where a file should be"):
        huggingface.load(folder)


def test_who_may_read_a_model_follows_the_umask(make: Make, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        huggingface.save(make(), tmp_path / "model")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model" / "model.safetensors").stat().st_mode) == 0o640


def test_a_configuration_that_is_no_object_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("[]")
    with pytest.raises(ModelFormatError, match="not a JSON object"):
        huggingface.load(folder)
