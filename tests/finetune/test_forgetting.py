"""General text: held-out documents only, as many as fit, the same from a corpus as from its tokens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.finetune.config_guards import Forgetting
from ontogeny.finetune.forgetting import GeneralText, check_gate, decide, general_text
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenDocument, write_shards

TEXTS = [f"text {number} with an é and <|im_end|> in it" for number in range(6)]


def corpus(folder: Path, *, held_out: int) -> Any:
    table = {
        "split": ["held_out" if n < held_out else "train" for n in range(6)],
        "group": [f"book {n // 2}" for n in range(6)],
        "text": TEXTS,
    }
    pq.write_table(pa.table(table), folder / "part-00000.parquet")
    return SimpleNamespace(path=folder, kind="corpus", name="tiny/corpus@1")


def tokens(folder: Path, tokenizer: Tokenizer, *, held_out: int) -> Any:
    (folder / "tokenizer").mkdir()
    tokenizer.save(folder / "tokenizer")
    documents = [
        TokenDocument(str(n), text, "held_out" if n < held_out else "train", "made", f"book {n // 2}")
        for n, text in enumerate(TEXTS)
    ]
    for _ in write_shards(folder, documents, tokenizer):
        pass
    return SimpleNamespace(path=folder, kind="tokens", name="tiny/tokens@1")


def test_a_corpus_and_its_tokens_give_the_same(tmp_path: Path, tokenizer: Tokenizer) -> None:
    (tmp_path / "tokens").mkdir()
    found = general_text(corpus(tmp_path, held_out=4), max_bytes=None)
    assert found == GeneralText(tuple(TEXTS[:4]), ("book 0", "book 0", "book 1", "book 1"))
    assert general_text(tokens(tmp_path / "tokens", tokenizer, held_out=4), max_bytes=None) == found


@pytest.mark.parametrize(
    ("max_bytes", "expected"), [(1, 1), (60, 1), (len("".join(TEXTS[:2]).encode()), 2), (10**6, 4)]
)
def test_whole_documents_up_to_a_size(tmp_path: Path, max_bytes: int, expected: int) -> None:
    found = general_text(corpus(tmp_path, held_out=4), max_bytes=max_bytes)
    assert found.texts == tuple(TEXTS[:expected])


def test_nothing_held_out(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="no document is held out, so forgetting cannot be measured"
    ) as caught:
        general_text(corpus(tmp_path, held_out=0), max_bytes=None)
    assert caught.value.where == "tiny/corpus@1"
    assert caught.value.hint is not None
    assert "leave `general` out" in caught.value.hint


def general(count: int) -> GeneralText:
    return GeneralText(tuple("four" * (n + 1) for n in range(count)), tuple(str(n) for n in range(count)))


def test_the_rise_is_that_of_all_bits_with_the_bounds_of_a_paired_bootstrap() -> None:
    text = general(40)
    before = [10.0 + n for n in range(40)]
    rise = text.rise(before, [1.03 * bits for bits in before], seed=1)
    assert rise.share == pytest.approx(0.03)
    assert rise.interval is not None  # every document rose alike: nothing is left of how hard they are
    assert rise.interval.low == pytest.approx(0.03) and rise.interval.high == pytest.approx(0.03)
    assert rise.after == pytest.approx(text.per_byte(before) * 1.03)
    assert rise.documents == 40
    assert text.rise(before, before, seed=1).interval == (0.0, 0.0)


def test_the_burden_of_proof_is_on_the_model() -> None:
    text, before = general(40), [20.0] * 40
    noisy = [20.0 + (3 if n % 2 else -2.6) for n in range(40)]  # one in a hundred on average, give or take
    rise = text.rise(before, noisy, seed=1)
    assert rise.share == pytest.approx(0.01)
    assert rise.interval is not None and rise.interval.low < 0 < 0.02 < rise.interval.high
    passed, reason = decide(rise, Forgetting(margin=0.02))
    assert not passed
    assert reason.startswith("bits per byte of general text went from ")
    assert "on 40 held-out documents; it is not shown to be within the margin of 2.00%" in reason
    passed, reason = decide(rise, Forgetting(margin=0.2))
    assert passed and reason.endswith("it is shown to be within the margin of 20.00%")


def test_documents_of_one_group_count_as_one() -> None:
    text = GeneralText(("a", "b"), ("book", "book"))
    rise = text.rise([1.0, 2.0], [1.0, 2.0], seed=1)
    assert rise.interval is None and not rise.within(1.0)


def test_a_gate_on_too_few_documents_is_refused_before_training() -> None:
    check_gate(Forgetting(margin=0.1), general(20), where="tiny/corpus@1")
    check_gate(None, general(2), where="tiny/corpus@1")
    with pytest.raises(
        DataError, match="20 groups of held-out documents or more, and there are 19"
    ) as caught:
        check_gate(Forgetting(margin=0.1), general(19), where="tiny/corpus@1")
    assert caught.value.hint is not None and "raise `general_max_bytes`" in caught.value.hint
