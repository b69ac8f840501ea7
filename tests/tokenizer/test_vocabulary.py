"""How a vocabulary is used, against counting one token at a time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ontogeny.tokenizer import vocabulary
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenDocument, TokenShards, write_shards
from ontogeny.tokenizer.vocabulary import Entries, usage, vocabulary_figures
from tests.tokenizer.conftest import TEXTS
from tests.tokenizer.formats.test_sentencepiece import PIECES, model

HARD = "東京 é 🙂"


def written(folder: Path, tokenizer: Tokenizer, texts: list[str], shard_tokens: int = 100) -> TokenShards:
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer.save(folder / "tokenizer")
    documents = [TokenDocument(f"{n:032x}", text, "train", "test", str(n)) for n, text in enumerate(texts)]
    for _ in write_shards(folder, documents, tokenizer, shard_tokens=shard_tokens):
        pass
    return TokenShards.open(folder)


@pytest.mark.parametrize("slice_tokens", [1, 50, 1 << 20])
def test_tokens_are_counted(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slice_tokens: int
) -> None:
    monkeypatch.setattr(vocabulary, "SLICE_TOKENS", slice_tokens)
    texts = [*TEXTS, "", HARD]
    shards = written(tmp_path, tokenizer, texts)
    assert int(shards.documents["shard"].max()) > 1
    entries = Entries.of(tokenizer)
    used = usage(shards, entries)
    tokens = [[*tokenizer.encode(text), tokenizer.end_of_text_id] for text in texts]
    expected = Counter(token for each in tokens for token in each)
    assert {n: int(count) for n, count in enumerate(used.counts) if count} == dict(expected)
    assert used.partial.tolist() == [sum(bool(entries.partial[token]) for token in each) for each in tokens]
    assert used.partial[-1] > 0
    assert used.unknown.sum() == 0


def test_entries_of_bytes(tokenizer: Tokenizer) -> None:
    """Against decoding: an entry holds a part of a character where it decodes to a replacement."""
    entries = Entries.of(tokenizer)
    special = set(tokenizer.special_ids.values())
    for number, text in enumerate(entries.texts):
        if number in special:
            assert tokenizer.special_ids[text] == number
            continue
        decoded = tokenizer.decode([number])
        assert bool(entries.partial[number]) == ("\N{REPLACEMENT CHARACTER}" in decoded)
        if not entries.partial[number]:
            assert text == decoded
    assert "\\xe6" in entries.texts
    assert entries.unknown is None


def test_entries_of_pieces(tmp_path: Path) -> None:
    """SentencePiece: a mark for spaces, bytes for what has no piece, and an unknown one."""
    (tmp_path / "sp.model").write_bytes(model())
    entries = Entries.of(Tokenizer.load(tmp_path / "sp.model"))
    names = [piece[0] for piece in PIECES]
    assert entries.unknown == names.index("<unk>")
    for number, name in enumerate(names):
        assert bool(entries.partial[number]) == (name.startswith("<0x"))
    assert any(text.startswith(" ") for text in entries.texts)


def test_figures(tokenizer: Tokenizer, tmp_path: Path) -> None:
    entries = Entries.of(tokenizer)
    used = usage(written(tmp_path, tokenizer, [*TEXTS, HARD]), entries)
    figures = vocabulary_figures(used.counts, entries)
    assert figures["size"] == tokenizer.vocab_size
    assert figures["seen"] == (used.counts > 0).sum()
    assert figures["once"] == (used.counts == 1).sum()
    assert figures["tokens"] == used.counts.sum()
    assert figures["unknown"] is None
    assert figures["partial"] == used.partial.sum()
    first, *others = figures["most_frequent"]
    assert first["count"] == used.counts.max()
    assert all(first["count"] >= each["count"] for each in others)
    ranks, shares = zip(*((each["entries"], each["share"]) for each in figures["coverage"]), strict=True)
    assert list(ranks) == sorted(set(ranks))
    assert (ranks[0], ranks[-1]) == (1, figures["seen"])
    assert shares[0] == pytest.approx(first["share"])
    assert shares[-1] == pytest.approx(1)


def test_no_tokens_at_all(tokenizer: Tokenizer, tmp_path: Path) -> None:
    entries = Entries.of(tokenizer)
    figures = vocabulary_figures(usage(written(tmp_path, tokenizer, []), entries).counts, entries)
    assert (figures["seen"], figures["partial_share"]) == (0, 0)
    assert figures["most_frequent"] == figures["coverage"] == []
