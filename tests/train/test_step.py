"""The step `pretrain`: what it refuses, and a whole life of it on tiny tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.inference.loading import load_model
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.lineage.fingerprint import material
from ontogeny.lineage.step import Context, Outputs, references
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenDocument, write_shards
from ontogeny.tokenizer.train import train_bpe
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_by_size import OVERRIDES
from ontogeny.train.packing import PackingPlan
from ontogeny.train.seen import documents_seen, steps_that_read
from ontogeny.train.step import PRETRAIN, PretrainConfig, prepare
from tests.notes import Notes
from tests.tokenizer.conftest import with_begin

MODEL = {"d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32, "seq_len": 24}
TRAIN = {
    "steps": 12,
    "batch_rows": 4,
    "schedule": {"warmup_steps": 2},
    "optimizer": {"type": "muon"},
    "log_every": 4,
    "eval_every": 6,
    "checkpoint_seconds": 0,
}
HELD_OUT_TEXTS = [f"a list of names and {number} more words" for number in range(8)]


def make_tokens(folder: Path, *, held_out: bool = True, words: str = "names and one number") -> Any:
    """A `tokens` artifact of forty short documents, eight of them held out."""
    texts = [f"the function {number} gives back a list of {words}" for number in range(32)]
    documents = [TokenDocument(f"{n:032x}", text, "train", "made", str(n)) for n, text in enumerate(texts)]
    if held_out:
        documents += [
            TokenDocument(f"{100 + n:032x}", text, "held_out", "made", str(100 + n))
            for n, text in enumerate(HELD_OUT_TEXTS)
        ]
    tokenizer = train_bpe(texts, vocab_size=300)
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer.save(folder / "tokenizer")
    for _ in write_shards(folder, documents, tokenizer, shard_tokens=200):
        pass
    return SimpleNamespace(path=folder, name="tiny/tokens@1", kind="tokens", digest="blake3:tokens")


def run(
    folder: Path,
    tokens: Any,
    *,
    init: Any = None,
    seed: int = 5,
    parts: list[dict[str, Any]] | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
    **train: Any,
) -> Outputs:
    """`tokens` is an artifact, or with `parts` the artifact of each name in their `from`."""
    shape = {"init": "base"} if init is not None else {"model": MODEL}
    config = PretrainConfig.model_validate(
        {"tokens": parts or "tokens", **shape, "train": {**TRAIN, **train}, **settings}
    )
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    if parts is None:
        inputs = {"tokens": tokens}
    else:
        assert not isinstance(config.tokens, str)
        inputs = {f"tokens.{place}.tokens": tokens[part.tokens] for place, part in enumerate(config.tokens)}
        assert [each.role for each in references(config) if each.role != "init"] == list(inputs)
    inputs |= {"init": init} if init is not None else {}
    return PRETRAIN.run(config, inputs, Context(payload, scratch, seed, "cpu", QuietProgress()))


def artifact(folder: Path) -> Any:
    return SimpleNamespace(path=folder / "payload", name="tiny/base@1", kind="model", digest="blake3:base")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "give either `model`"),
        ({"init": "base"}, "give either `model`"),
        (
            {"train": {**TRAIN, "seq_len": 25}},
            r"`train.seq_len` \(25\) is longer than `model.seq_len` \(24\)",
        ),
        (
            {"train": {**TRAIN, "optimizer": {"type": "muon", "embedding_lr": 0.1}}},
            "`train.optimizer.embedding_lr` has no effect, since `model.tie_embeddings`",
        ),
        ({"model": {**MODEL, "n_heads": 3}}, r"n_heads \(3\) does not divide d_model \(16\)"),
    ],
)
def test_settings_that_are_refused(change: dict[str, Any], message: str) -> None:
    settings = {"tokens": "tokens", "model": MODEL, "train": TRAIN, **change}
    with pytest.raises(ValidationError, match=message):
        PretrainConfig.model_validate({name: value for name, value in settings.items() if value is not None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"size": {"depth": 2}, "model": MODEL},
            "give either `model` .*, `size` .* or `init` .*, one of the three",
        ),
        ({"size": {"depth": 2}, "init": "base"}, "one of the three"),
        ({}, "one of the three"),
        (
            {"size": {"depth": 2}, "train": {"steps": 10, "batch_rows": 4, "log_every": 2}},
            "`size` derives `train.steps`: leave it out, or give `size.tokens`",
        ),
        (
            {"size": {"depth": 2}, "train": {"steps": 10, "batch_rows": 4, "log_every": 2}},
            "`size` derives `train.batch_rows`: leave it out, or give `size.batch_tokens`",
        ),
        (
            {"size": {"depth": 2}, "train": {"tensor_parallel": 2}},
            r"`tensor_parallel` \(2\) must divide `processes`",
        ),
        ({"size": {"depth": 2}, "train": {"epochs": 1}}, "`size` derives `train.epochs`"),
        ({"size": {"depth": 2}, "train": {"seq_len": 64}}, "`size` derives `train.seq_len`"),
        ({"size": {"depth": 2}, "train": {"optimizer": {"lr": 1}}}, "`size` derives `train.optimizer`"),
        ({"size": {"depth": 2}, "train": {"log_evry": 2}}, "Extra inputs are not permitted"),
        ({"size": {"depth": 0}}, "greater than or equal to 1"),
        ({"size": {"depth": 2, "heads": 2}}, "Extra inputs are not permitted"),
        ({"size": {"depth": 2}, "train": TrainConfig(steps=50)}, "`size` derives the whole of training"),
        ({"model": MODEL}, "`train` needs `steps` or `epochs`"),
        ({"model": MODEL, "train": {"log_every": 2}}, "give either `steps` or `epochs`, one of the two"),
    ],
)
def test_a_size_and_what_may_stand_beside_it(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PretrainConfig.model_validate({"tokens": "tokens", **change})


def test_a_size_in_the_fingerprint() -> None:
    """What was given is told from what is derived by its value alone, so a configuration survives its own JSON."""
    bare = PretrainConfig.model_validate({"tokens": "tokens", "size": {"depth": 2}})
    assert material(bare) == {"size": {"depth": 2}}
    assert PretrainConfig.model_validate(bare.model_dump(mode="json")) == bare
    given = PretrainConfig.model_validate(
        {"tokens": "tokens", "size": {"depth": 2, "lr": 0.01}, "train": {"z_loss": 1e-5}}
    )
    assert material(given) == {"size": {"depth": 2, "lr": 0.01}, "train": {"z_loss": 1e-5}}
    assert PretrainConfig.model_validate_json(given.model_dump_json()) == given


def test_a_size_is_trained_and_told(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    settings = {
        "tokens": "tokens",
        "size": {"depth": 1, "seq_len": 16, "tokens": 6000, "batch_tokens": 256},
        "train": {"average": {"fraction": 0.2}, "skip_outliers": {"window": 8}},
    }
    for name in ("payload", "scratch"):
        (tmp_path / name).mkdir()
    notes = Notes()
    context = Context(tmp_path / "payload", tmp_path / "scratch", 5, "cpu", notes)
    outputs = PRETRAIN.run(PretrainConfig.model_validate(settings), {"tokens": tokens}, context)
    told = {value["name"]: value for value in outputs.metrics["size"]}
    assert (told["tokens"]["value"], told["tokens"]["given"]) == (6000, True)
    assert (told["steps"]["value"], told["steps"]["given"]) == (23, False)
    assert outputs.metrics["steps"] == 23
    assert outputs.metrics["averaged_steps"] == 5
    assert outputs.metrics["skipped_steps"] == 0
    assert any(note.startswith("d_model: 64 (64 a layer") for note in notes.said)
    assert "tokens: 6,000 (given)" in notes.said
    assert any(note.startswith("this reads the training documents ") for note in notes.said)


def test_a_size_that_does_not_fit_a_mixture_or_itself(tmp_path: Path) -> None:
    def sized(tokens: Any, **size: Any) -> None:
        PretrainConfig.model_validate({"tokens": tokens, "size": {"depth": 1, **size}}).sized(300)

    with pytest.raises(UsageError, match=r"`until` \(900000\) is after the last step") as caught:
        sized([{"from": "a", "until": 900_000}, {"from": "b"}])
    assert caught.value.hint == OVERRIDES
    with pytest.raises(UsageError, match=r"`size.d_model` \(100\) is no multiple of `head_dim` \(64\)"):
        sized("a", d_model=100)


@pytest.mark.parametrize(
    ("tokens", "place", "message"),
    [
        ([{"from": "a", "wieght": 2}], ("tokens", 0, "wieght"), "Extra inputs are not permitted"),
        ([{"from": "a", "weight": 0}], ("tokens", 0, "weight"), "Input should be greater than 0"),
        ([{"weight": 1}], ("tokens", 0, "from"), "Field required"),
        ([], ("tokens",), "Tuple should have at least 1 item after validation, not 0"),
        (7, ("tokens",), "Input should be a valid string"),
        ([{"from": "a", "until": 5}], (), "Value error, nothing is read after step 5"),
    ],
)
def test_a_mistake_in_a_mixture_is_told_in_its_place(tokens: Any, place: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PretrainConfig.model_validate({"tokens": tokens, "model": MODEL, "train": TRAIN})
    told = caught.value.errors()[0]
    assert told["loc"] == place
    assert told["msg"].startswith(message)


def test_a_model_and_its_story(tmp_path: Path) -> None:
    outputs = run(tmp_path, make_tokens(tmp_path / "tokens"))
    payload = tmp_path / "payload"
    assert {path.name for path in payload.iterdir()} >= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "packing.parquet", "metrics.jsonl",
    }  # fmt: skip
    metrics = outputs.metrics
    assert metrics["steps"] == 12
    assert (
        metrics["tokens"] == 12 * 4 * 24 or metrics["tokens"] < 12 * 4 * 24
    )  # a short row may be among them
    lines = [json.loads(line) for line in (payload / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 6, 8, 12]
    assert metrics["loss"] == lines[-1]["loss"] < lines[0]["loss"]
    for name in (
        "tokens_per_second",
        "flops_utilisation",
        "seconds",
        "peak_memory_bytes",
        "matmul_flops_per_second",
    ):
        assert metrics[name] > 0, name
    assert metrics["parameters"] == metrics["trainable_parameters"]
    assert outputs.spent["tokens"] == metrics["tokens"]

    loaded = load_model(payload, "cpu")
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) == metrics["parameters"]
    measured = bits_per_byte(loaded.model, loaded.tokenizer, HELD_OUT_TEXTS).value
    assert metrics["held_out_bits_per_byte"] == pytest.approx(measured)
    assert lines[-1]["held_out_bits_per_byte"] == pytest.approx(measured, rel=0.2)


def test_only_training_documents_are_read(tmp_path: Path) -> None:
    run(tmp_path, make_tokens(tmp_path / "tokens"), steps=40)
    seen = documents_seen(PackingPlan.load(tmp_path / "payload" / "packing.parquet"))
    assert {document.doc_id for document in seen} == {f"{number:032x}" for number in range(32)}
    index = pq.read_table(tmp_path / "tokens" / "index.parquet").to_pylist()
    lengths = {row["doc_id"]: row["length"] for row in index}
    assert len({row["shard"] for row in index}) > 1
    # Many epochs: each document's tokens were targets about equally often.
    epochs = [document.tokens / lengths[document.doc_id] for document in seen]
    assert max(epochs) - min(epochs) <= 1.01


def test_the_same_seed_gives_the_same_bits_and_a_resumed_step_too(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    weights = []
    for name in ("one", "two"):
        run(tmp_path / name, tokens)
        weights.append((tmp_path / name / "payload" / "model.safetensors").read_bytes())
    for path in (tmp_path / "two" / "payload").iterdir():
        path.unlink()
    (tmp_path / "two" / "payload").rmdir()
    run(tmp_path / "two", tokens)  # killed after training, before it was published
    assert weights[0] == weights[1] == (tmp_path / "two" / "payload" / "model.safetensors").read_bytes()
    run(tmp_path / "other", tokens, seed=6)
    assert (tmp_path / "other" / "payload" / "model.safetensors").read_bytes() != weights[0]


def test_going_on_with_a_model(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    first = run(tmp_path / "one", tokens, steps=60, schedule={"warmup_steps": 2, "decay_fraction": 0})
    second = run(tmp_path / "two", tokens, init=artifact(tmp_path / "one"), optimizer={"lr": 1e-5})
    assert second.metrics["loss"] < first.metrics["loss"] * 1.2
    one, two = (load_model(tmp_path / name / "payload", "cpu").model for name in ("one", "two"))
    assert not torch.equal(one.embed_tokens.weight, two.embed_tokens.weight)
    torch.testing.assert_close(one.embed_tokens.weight, two.embed_tokens.weight, atol=1e-3, rtol=0)


def test_going_on_with_other_tokens_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "one", make_tokens(tmp_path / "tokens"))
    others = make_tokens(tmp_path / "others", words="something else entirely")
    with pytest.raises(UsageError, match="has another tokenizer than the tokens") as caught:
        run(tmp_path / "two", others, init=artifact(tmp_path / "one"))
    assert caught.value.hint == "make the tokens with `tokenizer:` set to that model"


def test_going_on_with_tokens_that_begin_otherwise_is_refused(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    run(tmp_path / "one", tokens)
    model = artifact(tmp_path / "one")
    begun = with_begin(Tokenizer.load(model.path), tmp_path / "begun")
    begun.save(model.path)
    begins = r"tiny/base@1 begins a document with <\|im_start\|>, otherwise than the tokens tiny/tokens@1"
    with pytest.raises(UsageError, match=begins) as caught:
        run(tmp_path / "two", tokens, init=model)
    assert caught.value.hint == "make the tokens with `tokenizer:` set to that model"


def test_rows_longer_than_the_context_of_a_model_are_refused(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    run(tmp_path / "one", tokens)
    with pytest.raises(UsageError, match=r"`train.seq_len` \(25\) is longer than the model's context \(24\)"):
        run(tmp_path / "two", tokens, init=artifact(tmp_path / "one"), seq_len=25)


def test_rows_longer_than_the_data_are_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    monkeypatch.setattr(torch.nn, "Linear", None)  # no model is made before
    monkeypatch.setitem(MODEL, "seq_len", 100_000)
    with pytest.raises(UsageError, match="a row has 100,000 tokens, but the training documents have only"):
        run(tmp_path, tokens)


def test_epochs_that_are_too_few_for_the_schedule(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    with pytest.raises(UsageError, match="do not fit into"):
        run(tmp_path, tokens, steps=None, epochs=0.1, schedule={"warmup_steps": 50})


def test_without_held_out_documents_nothing_is_measured(tmp_path: Path) -> None:
    outputs = run(tmp_path, make_tokens(tmp_path / "tokens", held_out=False))
    assert outputs.metrics["held_out_bits_per_byte"] is None
    lines = [json.loads(line) for line in (tmp_path / "payload" / "metrics.jsonl").read_text().splitlines()]
    assert not any("held_out_loss" in line for line in lines)


def mixed_tokens(folder: Path) -> dict[str, Any]:
    """Two artifacts of one tokenizer: forty short documents, and twenty others."""
    web = make_tokens(folder / "web")
    tokenizer = Tokenizer.load(web.path / "tokenizer")
    texts = [f"a class {number} raises an error" for number in range(20)]
    documents = [
        TokenDocument(f"{1000 + n:032x}", text, "train", "good", str(n)) for n, text in enumerate(texts)
    ]
    (folder / "good" / "tokenizer").mkdir(parents=True)
    tokenizer.save(folder / "good" / "tokenizer")
    for _ in write_shards(folder / "good", documents, tokenizer):
        pass
    good = SimpleNamespace(
        path=folder / "good", name="tiny/good@1", kind="tokens", digest="blake3:good", manifest=None
    )
    return {"web": web, "good": good}


def test_a_mixture_with_a_phase_of_its_own_at_the_end(tmp_path: Path) -> None:
    tokens = mixed_tokens(tmp_path)
    parts = [
        {"from": "web", "weight": 3, "until": 8, "max_epochs": 9},
        {"from": "good", "weight": 1, "until": 8, "max_epochs": 9},
        {"from": "good", "max_epochs": 9},
    ]
    outputs = run(tmp_path / "one", tokens, parts=parts)
    web, good = outputs.metrics["mixture"]
    assert (web["source"], good["source"]) == ("web", "good")
    assert web["tokens_by_phase"] == [576, 0]
    assert good["tokens_by_phase"] == [192, 384]
    plan = PackingPlan.load(tmp_path / "one" / "payload" / "packing.parquet")
    assert plan.digest == outputs.metrics["packing_digest"]
    assert all(int(each.doc_id, 16) >= 1000 for each in documents_seen(plan, 9, 12))
    assert outputs.metrics["held_out_bits_per_byte"] is not None
    assert outputs.metrics["tokens"] == 12 * 4 * 24

    again = run(tmp_path / "two", tokens, parts=parts)
    weights = [(tmp_path / name / "payload" / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    assert again.metrics["packing_digest"] == outputs.metrics["packing_digest"]


LONGER: dict[str, Any] = {
    "phases": [
        {"until": 4, "batch_rows": 2},
        {"until": 8, "batch_rows": 4},
        {
            "batch_rows": 2,
            "seq_len": 48,
            "rope_scaling": {"kind": "yarn", "factor": 2, "original_seq_len": 24},
        },
    ]
}


@pytest.mark.parametrize("document_mask", [False, True])
def test_a_run_in_phases_is_the_model_of_its_last_one(tmp_path: Path, document_mask: bool) -> None:
    from transformers import AutoModelForCausalLM

    tokens = make_tokens(tmp_path / "tokens")
    outputs = run(tmp_path, tokens, document_mask=document_mask, **LONGER)
    assert outputs.metrics["tokens"] == (4 * 2 + 4 * 4) * 24 + 4 * 2 * 48
    described = json.loads((tmp_path / "payload" / "config.json").read_text())
    assert described["max_position_embeddings"] == 48
    assert described["rope_parameters"]["rope_type"] == "yarn"
    loaded = load_model(tmp_path / "payload", "cpu")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "payload", dtype=torch.float32)
    idx = torch.randint(
        0, loaded.model.config.vocab_size, (2, 48), generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(idx), theirs(idx).logits, atol=1e-4, rtol=0)
    plan = PackingPlan.load(tmp_path / "payload" / "packing.parquet")
    assert plan.digest == outputs.metrics["packing_digest"]
    lengths = [set(plan.row_tokens[plan.order.rows_for_step(step)]) for step in range(12)]
    assert lengths == [{25}] * 8 + [{49}] * 4
    for document in documents_seen(plan, 7, 10):
        steps = steps_that_read(plan, document.doc_id)
        assert {document.first_step, document.last_step} <= set(steps)
    lines = [json.loads(line) for line in (tmp_path / "payload" / "metrics.jsonl").read_text().splitlines()]
    assert "held_out_loss" in lines[-1]


def test_phases_with_rows_of_one_length_read_epochs(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    phases = [{"until": 4, "batch_rows": 2}, {"batch_rows": 6, "rope_base": 20_000}]
    run(tmp_path, tokens, steps=30, phases=phases)
    plan = PackingPlan.load(tmp_path / "payload" / "packing.parquet")
    read = [row for step in range(30) for row in plan.order.rows_for_step(step).tolist()]
    assert len(read) == 4 * 2 + 26 * 6
    for epoch in range(len(read) // plan.rows):
        assert sorted(read[epoch * plan.rows : (epoch + 1) * plan.rows]) == list(range(plan.rows))
    described = json.loads((tmp_path / "payload" / "config.json").read_text())
    assert described["rope_parameters"]["rope_theta"] == 20_000


def test_phases_of_a_mixture_and_of_the_run(tmp_path: Path) -> None:
    tokens = mixed_tokens(tmp_path)
    parts: list[dict[str, Any]] = [
        {"from": "web", "until": 10, "max_epochs": 9},
        {"from": "good", "max_epochs": 9},
    ]
    outputs = run(tmp_path / "one", tokens, parts=parts, **LONGER)
    web, good = outputs.metrics["mixture"]
    assert web["tokens_by_phase"] == [4 * 2 * 24, 4 * 4 * 24, 2 * 2 * 48, 0]
    assert good["tokens_by_phase"] == [0, 0, 0, 2 * 2 * 48]
    assert load_model(tmp_path / "one" / "payload", "cpu").model.config.seq_len == 48


@pytest.mark.parametrize("mixed", [False, True])
def test_a_batch_of_more_tokens_than_there_are_is_refused(tmp_path: Path, mixed: bool) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    parts: list[dict[str, Any]] | None = [{"from": "web", "max_epochs": None}] if mixed else None
    for rows, seq_len in ((50, 24), (25, 48)):
        phases = [{"until": 4}, {"batch_rows": rows, "seq_len": seq_len}]
        message = f"a batch has {rows} rows of {seq_len} tokens, but the training documents have only"
        with pytest.raises(UsageError, match=message) as caught:
            run(tmp_path / str(rows), {"web": tokens} if mixed else tokens, parts=parts, phases=phases)
        assert "lower `batch_rows` to at most" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("size", "parts", "message"),
    [
        ({"batch_tokens": 1024, "tokens": 4096}, None, "a batch has 4 rows of 256 tokens, but the training"),
        (
            {"seq_len": 1024, "tokens": 4096},
            None,
            "a row has 1,024 tokens, but the training documents have only",
        ),
        (
            {"batch_tokens": 256, "tokens": 4096},
            [{"from": "web"}],
            "web has .* would be read .* times to give 4,096, but its `max_epochs` is 4",
        ),
    ],
)
def test_too_little_for_what_a_size_comes_to_is_told_in_its_words(
    tmp_path: Path, size: dict[str, Any], parts: Any, message: str
) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    config = PretrainConfig.model_validate({"tokens": parts or "tokens", "size": {"depth": 1, **size}})
    inputs = {"tokens": tokens, "tokens.0.tokens": tokens}
    with pytest.raises(UsageError, match=f"what `size` comes to does not fit: {message}") as caught:
        PRETRAIN.run(config, inputs, Context(tmp_path, tmp_path, 5, "cpu", QuietProgress()))
    assert caught.value.hint == f"{OVERRIDES}; or bring more text"
    assert (caught.value.where, caught.value.exit_code) == ("size", 2)


def test_a_phase_with_fewer_rows_than_are_computed_at_once_is_a_note(tmp_path: Path) -> None:
    notes = Notes()
    train = {**TRAIN, "micro_batch_rows": 4, "phases": [{"until": 4, "batch_rows": 2}, {"batch_rows": 8}]}
    config = PretrainConfig.model_validate({"tokens": "tokens", "model": MODEL, "train": train})
    tokens = {"tokens": make_tokens(tmp_path / "tokens")}
    prepare(config, tokens, Context(tmp_path, tmp_path, 5, "cpu", notes))
    said = "phase 1 has 2 rows a batch, fewer than `micro_batch_rows` (4): they are computed at once"
    assert notes.said == [said]


def test_memory_that_runs_out_is_a_matter_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("ontogeny.train.pretrain.train", run_out)
    with pytest.raises(UsageError, match="training does not fit into memory, with 4 rows computed at once"):
        run(tmp_path, make_tokens(tmp_path / "tokens"))


def test_a_run_on_other_tokens_does_not_go_on(tmp_path: Path) -> None:
    """The folder of a run holds checkpoints of it alone: what is read is part of their name."""
    tokens = make_tokens(tmp_path / "tokens")
    run(tmp_path, tokens)
    changed = SimpleNamespace(
        **{**vars(tokens), "digest": "blake3:changed"}
    )  # as many tokens, saying other things
    for other, settings in (
        (changed, {}),
        (tokens, {"seed": 6}),
        (tokens, {"settings": {"packing": "best-fit"}}),
    ):
        shutil.rmtree(tmp_path / "payload")
        with pytest.raises(ArtifactError, match="another configuration, data or seed") as caught:
            run(tmp_path, other, **settings)
        assert "to train from the beginning" in str(caught.value.hint)


def test_best_fit_reads_the_same_tokens_in_other_rows(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    parts: list[dict[str, Any]] = [{"from": "web", "max_epochs": 9}]
    for name, read, mixture in (("plain", tokens, None), ("mixed", {"web": tokens}, parts)):
        plans = []
        for packing in ("end-to-end", "best-fit"):
            folder = tmp_path / name / packing
            run(folder, read, parts=mixture, settings={"packing": packing})
            plans.append(PackingPlan.load(folder / "payload" / "packing.parquet"))
        end_to_end, best_fit = plans
        assert sorted(end_to_end.row_tokens) == sorted(best_fit.row_tokens)
        assert end_to_end.digest != best_fit.digest


def test_two_names_of_one_artifact_are_one_source(tmp_path: Path) -> None:
    tokens = mixed_tokens(tmp_path)
    tokens["alias"] = tokens["web"]
    parts = [{"from": "web", "until": 6}, {"from": "alias"}]
    (web,) = run(tmp_path / "one", tokens, parts=parts).metrics["mixture"]
    assert web["tokens"] == 12 * 4 * 24


def test_a_mixture_of_two_tokenizers_is_refused(tmp_path: Path) -> None:
    tokens = {"web": make_tokens(tmp_path / "web"), "other": make_tokens(tmp_path / "o", words="other words")}
    tokens["other"].digest = "blake3:other"
    with pytest.raises(UsageError, match="has another tokenizer than") as caught:
        run(tmp_path, tokens, parts=[{"from": "web"}, {"from": "other"}])
    assert caught.value.hint == "a mixture has one tokenizer: give the `tokenize` steps the same"


def test_a_mixture_of_documents_that_begin_otherwise_is_refused(tmp_path: Path) -> None:
    tokens = mixed_tokens(tmp_path)
    with_begin(Tokenizer.load(tokens["web"].path / "tokenizer"), tmp_path / "begun").save(
        tokens["web"].path / "tokenizer"
    )
    begins = "tiny/good@1 begins a document with no token of its own, otherwise than tiny/tokens@1"
    with pytest.raises(UsageError, match=begins):
        run(tmp_path, tokens, parts=[{"from": "web"}, {"from": "good"}])


def test_the_fingerprint_knows_the_mixture_and_not_its_names() -> None:
    def settings(**part: Any) -> Any:
        return material(
            PretrainConfig.model_validate({"tokens": [{"from": "a", **part}], "model": MODEL, "train": TRAIN})
        )

    plain = PretrainConfig.model_validate({"tokens": "a", "model": MODEL, "train": TRAIN})
    assert "tokens" not in material(plain)
    assert "packing" not in material(plain)
    assert settings() == settings(weight=1.0) != settings(weight=2.0)
    assert "from" not in settings()["tokens"][0]
    config = PretrainConfig.model_validate({"tokens": [{"from": "a"}], "model": MODEL, "train": TRAIN})
    assert config.model_dump(mode="json")["tokens"][0]["from"] == "a"
    assert PretrainConfig.model_validate(config.model_dump(mode="json")) == config
