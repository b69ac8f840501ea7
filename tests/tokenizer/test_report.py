"""The page about tokens and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.core.files import read_json
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.report import report_tokens
from ontogeny.tokenizer.shards import TokenDocument, TokenShards, write_shards
from tests.tokenizer.conftest import TEXTS

ROW = {
    "seq_len": 64, "rows": 9, "longer": 1, "fitting": 11, "cut_end_to_end": 5, "cut_best_fit": 1, "padding": 0.01,
    "padding_apart": 0.5,
}  # fmt: skip


def make_tokens(folder: Path, tokenizer: Tokenizer, texts: list[str]) -> Path:
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer.save(folder / "tokenizer")
    documents = [
        TokenDocument(
            f"{n:032x}",
            text,
            "train" if n % 3 else "held_out",
            f"source {n % 2}",
            str(n),
            "en" if n else None,
        )
        for n, text in enumerate(texts)
    ]
    for _ in write_shards(folder, documents, tokenizer, shard_tokens=100):
        pass
    return folder


def test_a_report(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path / "tokens", tokenizer, TEXTS)
    asked: list[npt.NDArray[np.int64]] = []

    def packing(length: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        asked.append(length)
        return [ROW]

    figures = report_tokens(tokens, tmp_path / "out", title="tiny/tokens@1", packing=packing)
    documents = TokenShards.open(tokens).documents
    train = documents["split"] == "train"
    assert asked[0].tolist() == documents["length"][train].tolist()
    assert figures == read_json(tmp_path / "out" / "figures.json")
    assert figures["held_out"] == {
        "documents": int((~train).sum()),
        "tokens": int(documents["length"][~train].sum()),
    }
    assert figures["packing"] == [ROW]
    assert sum(figures["lengths"]["classes"].values()) == len(TEXTS)
    assert figures["lengths"]["all"]["longest"] == documents["length"].max()
    assert figures["lengths"]["all"]["median"] == sorted(documents["length"])[(len(TEXTS) - 1) // 2]
    groups = figures["source"]
    assert sum(each["partial"] for each in groups.values()) == figures["vocabulary"]["partial"] > 0
    assert set(figures["language"]) == {"en", "unknown"}
    page = (tmp_path / "out" / "report.html").read_text()
    for said in (
        "tiny/tokens@1",
        "Bytes per token",
        "source 1",
        "Vocabulary",
        "9.09%",
        "45.45%",
        "Packing into rows",
    ):
        assert said in page


@pytest.mark.parametrize("texts", [[], ["short"]])
def test_few_tokens_have_a_report_too(tokenizer: Tokenizer, tmp_path: Path, texts: list[str]) -> None:
    tokens = make_tokens(tmp_path / "tokens", tokenizer, texts)
    figures = report_tokens(tokens, tmp_path / "out", title="tiny/tokens@1", packing=lambda length: [])
    assert figures["all"]["documents"] == len(texts)
    assert "do not fill a single row" in (tmp_path / "out" / "report.html").read_text()
