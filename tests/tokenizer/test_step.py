"""The steps: a corpus to a tokenizer, an outside file to one, and a corpus to shards."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import ModelFormatError, RecipeError
from ontogeny.core.progress import QuietProgress
from ontogeny.lineage.step import Context, Outputs
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.report import token_figures
from ontogeny.tokenizer.shards import TokenShards
from ontogeny.tokenizer.step import (
    IMPORT_TOKENIZER,
    TOKENIZE,
    TRAIN_TOKENIZER,
    ImportTokenizerConfig,
    TokenizeConfig,
    TrainTokenizerConfig,
)
from tests.tokenizer.conftest import TEXTS, with_begin
from tests.tokenizer.formats.test_sentencepiece import PIECES, model
from tests.tokenizer.formats.test_tiktoken import ENTRIES, write_ranks
from tests.tokenizer.formats.test_vocab_merges import VOCAB, write_pair

COLUMNS = ("doc_id", "text", "split", "source", "group", "digest")


def make_corpus(folder: Path, *, language: bool = True, texts: list[str] = TEXTS) -> Any:
    folder.mkdir(parents=True)
    names = (*COLUMNS, "language") if language else COLUMNS
    rows = [
        {
            "doc_id": f"{n:032x}",
            "text": text,
            "split": "held_out" if n % 4 == 3 else "train",
            "source": "code" if text.startswith("def") else "prose",
            "group": str(n),
            "digest": f"blake3:{n}",
            "language": None if n == 0 else "en",
        }
        for n, text in enumerate(texts)
    ]
    schema = pa.schema([(name, pa.string()) for name in names])
    for part in range(0, max(len(rows), 1), 5):
        table = pa.Table.from_pylist(rows[part : part + 5], schema=schema)
        pq.write_table(table, folder / f"part-{part // 5:05d}.parquet", row_group_size=2)
    metrics = {"bytes_kept": sum(len(text.encode()) for text in texts)}
    return SimpleNamespace(path=folder, manifest=SimpleNamespace(metrics=metrics))


def context(folder: Path, workers: int | None = 1) -> Context:
    (folder / "payload").mkdir(parents=True)
    return Context(folder / "payload", folder, 0, "cpu", QuietProgress(), workers)


def tokenize(folder: Path, corpus: Any, tokenizer: Any, workers: int | None = 1) -> Outputs:
    config = TokenizeConfig(corpus="c", tokenizer="t")
    return TOKENIZE.run(config, {"corpus": corpus, "tokenizer": tokenizer}, context(folder, workers))


@pytest.fixture
def trained(tokenizer: Tokenizer, tmp_path: Path) -> Any:
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(tmp_path / "tokenizer")
    return SimpleNamespace(path=tmp_path / "tokenizer")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_tokenizer_learns_from_training_text_alone(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    config = TrainTokenizerConfig(corpus="c", vocab_size=300)
    outputs = TRAIN_TOKENIZER.run(config, {"corpus": corpus}, context(tmp_path / "one"))
    assert outputs.metrics["vocab_size"] == 300
    assert 1 < outputs.metrics["bytes_per_token"] < 4
    TRAIN_TOKENIZER.run(config, {"corpus": corpus}, context(tmp_path / "many", workers=3))
    assert files(tmp_path / "one" / "payload") == files(tmp_path / "many" / "payload")


def test_fertility_is_told_by_source_and_language(tmp_path: Path, trained: Any) -> None:
    outputs = tokenize(tmp_path / "out", make_corpus(tmp_path / "corpus"), trained)
    payload = tmp_path / "out" / "payload"
    figures = json.loads((payload / "figures.json").read_text())
    documents = TokenShards.open(payload).documents
    code = documents["source"] == "code"
    expected = documents["bytes"][code].sum() / (documents["length"][code] - 1).sum()
    assert figures["source"]["code"]["bytes_per_token"] == pytest.approx(expected)
    assert set(figures["source"]) == {"code", "prose"}
    assert set(figures["language"]) == {"en", "unknown"}
    assert figures["language"]["unknown"]["documents"] == 1
    assert figures["all"]["documents"] == outputs.metrics["documents"] == len(TEXTS)
    assert outputs.metrics["bytes_per_token"] == figures["all"]["bytes_per_token"]
    assert outputs.metrics["tokens"] == documents["length"].sum()
    digests = TokenShards.open(payload).digests()
    assert digests is not None
    assert digests.tolist() == [f"blake3:{n}" for n in range(len(TEXTS))]
    assert outputs.metrics["held_out_tokens"] == documents["length"][documents["split"] == "held_out"].sum()


def test_a_token_before_each_text_has_no_bytes(tmp_path: Path, tokenizer: Tokenizer, trained: Any) -> None:
    with_begin(tokenizer, tmp_path / "begun")
    corpus = make_corpus(tmp_path / "corpus")
    plain = tokenize(tmp_path / "plain", corpus, trained)
    begun = tokenize(tmp_path / "out", corpus, SimpleNamespace(path=tmp_path / "begun"))
    assert begun.metrics["tokens"] == plain.metrics["tokens"] + len(TEXTS)
    assert begun.metrics["bytes_per_token"] == plain.metrics["bytes_per_token"]
    assert token_figures(tmp_path / "out" / "payload", packing=lambda lengths: [])["all"] == {
        **token_figures(tmp_path / "plain" / "payload", packing=lambda lengths: [])["all"]
    }
    of_each = [
        json.loads((tmp_path / name / "payload" / "figures.json").read_text()) for name in ("plain", "out")
    ]
    assert of_each[0] == of_each[1]


def test_workers_and_parts_do_not_change_a_byte(tmp_path: Path, trained: Any) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    made = []
    for name, workers in (("one", 1), ("many", 3), ("any", None)):
        tokenize(tmp_path / name, corpus, trained, workers)
        made.append(files(tmp_path / name / "payload"))
    assert made[0] == made[1] == made[2]


def test_a_corpus_without_languages_or_without_documents_is_tokenized(tmp_path: Path, trained: Any) -> None:
    tokenize(tmp_path / "out", make_corpus(tmp_path / "corpus", language=False), trained)
    figures = json.loads((tmp_path / "out" / "payload" / "figures.json").read_text())
    assert set(figures["language"]) == {"unknown"}
    outputs = tokenize(tmp_path / "none", make_corpus(tmp_path / "empty", texts=[]), trained)
    assert outputs.metrics == {"tokens": 0, "held_out_tokens": 0, "documents": 0, "bytes_per_token": None}


def run_import(folder: Path, **settings: Any) -> Outputs:
    return IMPORT_TOKENIZER.run(ImportTokenizerConfig(**settings), {}, context(folder))


def test_each_format_is_imported(tmp_path: Path, trained: Any) -> None:
    (pair := tmp_path / "pair").mkdir()
    (tmp_path / "sp.model").write_bytes(model())
    write_ranks(tmp_path / "qwen.tiktoken", ENTRIES)
    for number, (path, size) in enumerate(
        [
            (trained.path, 400),
            (trained.path / "tokenizer.json", 400),
            (tmp_path / "sp.model", len(PIECES)),
            (tmp_path / "qwen.tiktoken", len(ENTRIES) + 3),
            (write_pair(pair), len(VOCAB)),
        ]
    ):
        outputs = run_import(tmp_path / str(number), path=str(path))
        assert outputs.metrics["vocab_size"] == size
        loaded = Tokenizer.load(tmp_path / str(number) / "payload")
        assert loaded.encode_batch(["abc é"]) == Tokenizer.load(path).encode_batch(["abc é"])
        assert loaded.end_of_text == outputs.metrics["end_of_text"]
    assert run_import(tmp_path / "t", path=str(trained.path)).metrics["chat_template"] is True


def test_an_imported_tokenizer_writes_shards(tmp_path: Path) -> None:
    (tmp_path / "sp.model").write_bytes(model())
    run_import(tmp_path / "imported", path=str(tmp_path / "sp.model"))
    tokenizer = SimpleNamespace(path=tmp_path / "imported" / "payload")
    tokenize(tmp_path / "out", make_corpus(tmp_path / "corpus"), tokenizer)
    shards = TokenShards.open(tmp_path / "out" / "payload")
    first = shards.read(0, 0, int(shards.documents["length"][0]))
    assert first[-1] == 2
    assert np.count_nonzero(first == 2) == 1


def test_what_import_refuses(tmp_path: Path, trained: Any) -> None:
    with pytest.raises(RecipeError, match="no file or folder"):
        IMPORT_TOKENIZER.external_files(ImportTokenizerConfig(path=str(tmp_path / "absent")))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ModelFormatError, match="not a tokenizer"):
        run_import(tmp_path / "bad", path=str(tmp_path / "bad.json"))
    with pytest.raises(RecipeError, match=r"the tokenizer has <\|endoftext\|>, which ends documents here"):
        run_import(tmp_path / "both", path=str(trained.path), end_of_text="<|im_end|>")
    without_end = [piece for piece in PIECES if piece[0] != "</s>"]
    (tmp_path / "sp.model").write_bytes(model(pieces=without_end))
    with pytest.raises(RecipeError, match=r"no special token '<\|endoftext\|>' to end documents") as caught:
        run_import(tmp_path / "no_end", path=str(tmp_path / "sp.model"))
    assert caught.value.hint == "set `end_of_text` to one that it has: <s>"
    run_import(tmp_path / "given", path=str(tmp_path / "sp.model"), end_of_text="<s>")
    assert Tokenizer.load(tmp_path / "given" / "payload").end_of_text == "<s>"


def test_the_files_of_an_import_are_its_fingerprint(tmp_path: Path, trained: Any) -> None:
    def names(path: Path) -> list[str]:
        return [file.name for file in IMPORT_TOKENIZER.external_files(ImportTokenizerConfig(path=str(path)))]

    (tmp_path / "sp.model").write_bytes(model())
    assert names(trained.path) == ["tokenizer.json", "tokenizer_config.json"]
    assert names(trained.path / "tokenizer.json") == ["tokenizer.json", "tokenizer_config.json"]
    assert names(tmp_path / "sp.model") == ["sp.model"]
    pair = write_pair(tmp_path)
    assert names(pair / "vocab.json") == ["vocab.json", "merges.txt"]
    assert {"vocab.json", "merges.txt"} <= set(names(pair))
