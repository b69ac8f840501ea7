"""Mixtures: shares and epochs of each source, phases, caps, and the laws that a plan obeys."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.core.errors import DataError, UsageError
from ontogeny.tokenizer.shards import Ends, TokenShards
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_mixture import MixtureSource, Packing
from ontogeny.train.mixture import JoinedShards, Mixture, chosen, open_mixture, pack_mixture, take
from ontogeny.train.packing import PackingPlan
from ontogeny.train.phases import Stretch
from ontogeny.train.seen import documents_seen, steps_that_read

Tokens = dict[str, TokenShards]


def made(
    name: str,
    lengths: list[int],
    *,
    sources: list[str] | None = None,
    held_out: int = 0,
    ids: str = "",
    begin: int | None = None,
) -> TokenShards:
    """Documents in one shard, whose tokens are their positions; the last `held_out` are held out."""
    length = np.array(lengths, dtype=np.int64)
    count = len(lengths)
    split = ["train"] * (count - held_out) + ["held_out"] * held_out
    documents = {
        "doc_id": np.array([f"{ids or name}-{number:05d}" for number in range(count)], dtype=object),
        "shard": np.zeros(count, dtype=np.int64),
        "start": np.cumsum(length) - length,
        "length": length,
        "split": np.array(split, dtype=object),
        "source": np.array(sources or [name] * count, dtype=object),
        "bytes": length * 4,
    }
    digests = np.array([digest_of(doc_id) for doc_id in documents["doc_id"]], dtype=object)
    return cast(
        TokenShards,
        SimpleNamespace(
            documents=documents,
            read=lambda shard, start, length: np.arange(start, start + length),
            digests=lambda: digests,
            ends=Ends(begin, 0),
        ),
    )


def digest_of(doc_id: str) -> str:
    return f"blake3:{doc_id[::-1]}"


def planned(
    parts: list[dict[str, Any]],
    tokens: Tokens,
    *,
    steps: int,
    batch_rows: int = 4,
    seq_len: int = 16,
    seed: int = 1,
    packing: Packing = "end-to-end",
    stretches: tuple[Stretch, ...] = (),
) -> tuple[Mixture, PackingPlan, JoinedShards]:
    sources = [MixtureSource.model_validate(part) for part in parts]
    mixture, shards = open_mixture(sources, tokens, steps=steps)
    mixture = take(mixture, stretches or (Stretch(steps, batch_rows, seq_len),))
    return mixture, pack_mixture(mixture, seed=seed, packing=packing), shards


def targets_of(plan: PackingPlan, steps: range | None = None) -> Counter[str]:
    """Tokens read as targets by document, from the rows of each step."""
    read: Counter[str] = Counter()
    for step in steps if steps is not None else range(plan.order.steps):
        for row in plan.order.rows_for_step(step):
            for i in range(plan.first_segment[row], plan.first_segment[row + 1]):
                read[plan.doc_ids[plan.document[i]]] += int(plan.length[i]) - int(plan.offset[i] == 0)
    return read


def by_source(read: Counter[str]) -> dict[str, float]:
    """The share of tokens of each source, whose name begins the ids of its documents."""
    shares: Counter[str] = Counter()
    for doc_id, count in read.items():
        shares[doc_id.rpartition("-")[0]] += count
    return {name: count / shares.total() for name, count in shares.items()}


def test_gpt3s_table() -> None:
    """Brown et al., arXiv 2005.14165, table 2.2, a millionth of it: 60, 22, 16 (8 + 8) and 3%, which sum up to 101%."""
    rng = np.random.default_rng(0)
    sizes = {"crawl": 410_000, "webtext": 19_000, "books": 67_000, "wikipedia": 3_000}
    weights = {"crawl": 60, "webtext": 22, "books": 16, "wikipedia": 3}
    tokens = {}
    for name, size in sizes.items():
        lengths = rng.integers(20, 900, 4000)
        tokens[name] = made(name, lengths[np.cumsum(lengths) <= size].tolist())
    parts = [{"from": name, "weight": weight} for name, weight in weights.items()]
    mixture, plan, _ = planned(parts, tokens, steps=147, batch_rows=32, seq_len=64)
    shares = by_source(targets_of(plan))
    for name, weight in weights.items():
        assert abs(shares[name] - weight / 101) < 0.005
    figures = {each["source"]: each for each in mixture.figures()}
    for name in weights:
        assert figures[name]["share"] == pytest.approx(shares[name], abs=1e-4)
        assert figures[name]["epochs"] == pytest.approx(
            shares[name] * 147 * 32 * 64 / figures[name]["unique_tokens"], rel=1e-3
        )
    assert figures["crawl"]["epochs"] < 0.5
    assert 3 < figures["webtext"]["epochs"] < 4


@given(
    lengths=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=3),
    weights=st.lists(st.floats(0.1, 5), min_size=3, max_size=3),
    steps=st.integers(1, 8),
    batch_rows=st.integers(1, 3),
    seq_len=st.integers(2, 20),
    seed=st.integers(0, 2**62),
    packing=st.sampled_from(["end-to-end", "best-fit"]),
)
@settings(max_examples=100, deadline=None)
def test_a_stream_is_read_evenly_and_no_row_is_padded(
    lengths: list[list[int]],
    weights: list[float],
    steps: int,
    batch_rows: int,
    seq_len: int,
    seed: int,
    packing: Packing,
) -> None:
    tokens = {f"s{number}": made(f"s{number}", each) for number, each in enumerate(lengths)}
    parts = [
        {"from": name, "weight": weight, "max_epochs": None}
        for name, weight in zip(tokens, weights, strict=False)
    ]
    mixture, plan, shards = planned(
        parts, tokens, steps=steps, batch_rows=batch_rows, seq_len=seq_len, seed=seed, packing=packing
    )
    assert plan.row_tokens.tolist() == [seq_len + 1] * (steps * batch_rows)
    read = targets_of(plan)
    assert read.total() == steps * batch_rows * seq_len
    sizes = dict(zip(shards.documents["doc_id"], shards.documents["length"], strict=True))
    for number, share in enumerate(mixture.figures()):
        passes = [read[doc_id] / size for doc_id, size in sizes.items() if doc_id.startswith(f"s{number}-")]
        assert sum(read[doc_id] for doc_id in sizes if doc_id.startswith(f"s{number}-")) == share["tokens"]
        # Nothing is read again before everything was: a document is at most one pass from any other.
        assert max(passes) - min(passes) <= 1
        assert int(share["epochs"]) - 1e-9 <= min(passes) <= max(passes) <= int(share["epochs"]) + 1 + 1e-9
    # Every segment lies within its document.
    starts = dict(zip(shards.documents["doc_id"], shards.documents["start"], strict=True))
    shard = dict(zip(shards.documents["doc_id"], shards.documents["shard"], strict=True))
    for i in range(len(plan.row)):
        doc_id = plan.doc_ids[plan.document[i]]
        assert plan.shard[i] == shard[doc_id]
        assert starts[doc_id] <= plan.start[i]
        assert plan.start[i] + plan.length[i] <= starts[doc_id] + sizes[doc_id]


def test_phases_read_their_own_mixture_and_go_on_where_the_last_one_stopped() -> None:
    tokens = {"web": made("web", [50] * 80), "good": made("good", [50] * 20)}
    parts = [
        {"from": "web", "weight": 9, "until": 40},
        {"from": "good", "weight": 1, "until": 40},
        {"from": "web", "weight": 1},
        {"from": "good", "weight": 3},
    ]
    mixture, plan, _ = planned(parts, tokens, steps=50)
    assert by_source(targets_of(plan, range(40)))["good"] == pytest.approx(0.1, abs=0.002)
    assert by_source(targets_of(plan, range(40, 50)))["good"] == pytest.approx(0.75, abs=0.005)
    web, good = mixture.figures()
    assert web["tokens_by_phase"] == [2304, 160]
    assert good["tokens_by_phase"] == [256, 480]
    assert good["epochs"] == 0.736
    assert max(targets_of(plan).values()) == 50  # no document twice


def test_phases_of_the_run_and_of_the_mixture_together(tmp_path: Path) -> None:
    """Shares hold within each, rows have the length of theirs, nothing is read again before everything was."""
    tokens = {"web": made("web", [50] * 80), "good": made("good", [50] * 20)}
    parts = [{"from": "web", "weight": 3, "until": 12}, {"from": "good", "until": 12}, {"from": "good"}]
    stretches = (Stretch(6, 2, 16), Stretch(12, 4, 16), Stretch(14, 4, 32), Stretch(15, 1, 64))
    mixture, plan, _ = planned(parts, tokens, steps=15, stretches=stretches)
    assert mixture.ends == (6, 12, 14, 15)
    web, good = mixture.figures()
    assert web["tokens_by_phase"] == [144, 288, 0, 0]
    assert good["tokens_by_phase"] == [48, 96, 256, 64]
    shapes = [(len(rows), set(plan.row_tokens[rows])) for rows in map(plan.order.rows_for_step, range(15))]
    assert shapes == [(2, {17})] * 6 + [(4, {17})] * 6 + [(4, {33})] * 2 + [(1, {65})]
    assert by_source(targets_of(plan, range(12)))["good"] == 0.25
    assert by_source(targets_of(plan, range(12, 15))) == {"good": 1.0}
    assert max(targets_of(plan).values()) == 50  # no document twice
    assert (plan.seq_len, plan.shortest_seq_len) == (64, 16)
    assert [plan.tokens_after(step) for step in (0, 6, 13, 15)] == [896, 704, 192, 0]
    plan.save(tmp_path / "packing.parquet")
    loaded = PackingPlan.load(tmp_path / "packing.parquet")
    assert (loaded.digest, loaded.order) == (plan.digest, plan.order)
    for document in documents_seen(loaded, 5, 14):
        steps = steps_that_read(loaded, document.doc_id)
        assert {document.first_step, document.last_step} <= set(steps)


def test_a_source_within_an_artifact() -> None:
    names = ["web", "books", "code"] * 20
    corpus = made("all", [30] * 60, sources=names)
    mixture, plan, shards = planned(
        [{"from": "all", "sources": {"web": 0.6, "books": 0.2}}], {"all": corpus}, steps=10
    )
    assert [each["source"] for each in mixture.figures()] == ["all/web", "all/books"]
    assert [round(each["share"], 2) for each in mixture.figures()] == [0.75, 0.25]
    read = {names[int(doc_id.rpartition("-")[2])] for doc_id in targets_of(plan)}
    assert read == {"web", "books"}
    assert set(shards.documents["source"]) == {"web", "books"}


def test_a_corpus_that_is_read_whole_and_then_by_source() -> None:
    corpus = made("all", [30, 10, 20] * 20, sources=["web", "books", "code"] * 20)
    parts = [{"from": "all", "until": 6}, {"from": "all", "sources": {"books": 1}}]
    mixture, plan, _ = planned(parts, {"all": corpus}, steps=8)
    assert [each["source"] for each in mixture.figures()] == ["all/books", "all/code", "all/web"]
    assert [each["tokens_by_phase"] for each in mixture.figures()] == [[64, 128], [128, 0], [192, 0]]
    read = targets_of(plan)
    assert max(read.values()) <= 30, "nothing is read again before everything was"


def test_weights_of_parts_and_of_sources_multiply() -> None:
    corpus = made("all", [30] * 60, sources=["web", "books"] * 30)
    parts = [{"from": "all", "weight": 3, "sources": {"web": 2, "books": 1}}, {"from": "math", "weight": 1}]
    mixture, _, _ = planned(parts, {"all": corpus, "math": made("math", [40] * 30)}, steps=10)
    assert [round(each["share"], 2) for each in mixture.figures()] == [0.5, 0.25, 0.25]


def test_the_plan_is_the_same_for_the_same_seed_whatever_order_the_index_has() -> None:
    tokens = {"a": made("a", [7, 19, 40, 3] * 10), "b": made("b", [90, 4] * 10)}
    parts = [
        {"from": "a", "weight": 2, "until": 6},
        {"from": "b", "until": 6},
        {"from": "b", "max_epochs": 4},
    ]
    digests = [planned(parts, tokens, steps=9, seed=seed)[1].digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    back = slice(None, None, -1)
    turned = {
        name: cast(
            TokenShards,
            SimpleNamespace(
                documents={column: values[back] for column, values in one.documents.items()}, ends=one.ends
            ),
        )
        for name, one in tokens.items()
    }
    assert planned(parts, turned, steps=9)[1].digest == digests[0]


def test_the_plan_survives_its_file(tmp_path: Path) -> None:
    tokens = {"a": made("a", [7, 19, 40, 3] * 10), "b": made("b", [90, 4] * 10)}
    parts = [{"from": "a", "weight": 2, "until": 6}, {"from": "a"}, {"from": "b", "max_epochs": 4}]
    _, plan, _ = planned(parts, tokens, steps=9)
    plan.save(tmp_path / "packing.parquet")
    loaded = PackingPlan.load(tmp_path / "packing.parquet")
    assert loaded.digest == plan.digest
    assert loaded.order == plan.order
    seen = {document.doc_id: document.tokens for document in documents_seen(loaded)}
    assert {doc_id: count for doc_id, count in seen.items() if count} == dict(targets_of(plan))
    for doc_id in list(seen)[:5]:
        rows = set(np.unique(plan.row[[plan.doc_ids[d] == doc_id for d in plan.document]]).tolist())
        slow = [step + 1 for step in range(9) if rows & set(plan.order.rows_for_step(step).tolist())]
        assert steps_that_read(loaded, doc_id) == slow


def test_tokens_are_read_from_their_own_artifact() -> None:
    shards = JoinedShards([made("a", [10, 5]), made("b", [4]), made("c", [8])])
    shards._artifacts[1].read = lambda shard, start, length: np.full(length, 100 + shard)  # type: ignore[method-assign]
    assert shards.documents["shard"].tolist() == [0, 0, 1, 2]
    assert shards.read(0, 2, 3).tolist() == [2, 3, 4]
    assert shards.read(1, 0, 2).tolist() == [100, 100]
    assert shards.read(2, 1, 1).tolist() == [1]


def test_documents_of_which_some_have_a_token_before_them_are_refused() -> None:
    assert JoinedShards([made("a", [9], begin=7), made("b", [9], begin=7)]).ends == Ends(7, 0)
    with pytest.raises(
        DataError, match="only some of the tokens in the mixture have a begin-of-text"
    ) as caught:
        JoinedShards([made("a", [9], begin=7), made("b", [9])])
    assert caught.value.hint is not None
    assert "run their recipes again" in caught.value.hint


def test_held_out_documents_are_kept_once_and_never_trained_on() -> None:
    one, other = made("a", [20] * 10, held_out=3), made("b", [20] * 12, held_out=5, ids="a")
    other.documents["doc_id"][:7] = [f"b-{number}" for number in range(7)]
    _, plan, shards = planned([{"from": "one"}, {"from": "other"}], {"one": one, "other": other}, steps=3)
    held_out = shards.documents["doc_id"][shards.documents["split"] == "held_out"].tolist()
    assert sorted(held_out) == [f"a-{number:05d}" for number in range(7, 12)]
    assert not set(held_out) & set(plan.doc_ids)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_fraction_is_a_matter_of_what_each_document_says(fraction: float) -> None:
    digests = [f"blake3:{number:064x}" for number in range(4000)]
    keep = chosen(digests, fraction)
    assert abs(keep.mean() - fraction) < 0.03
    assert chosen(digests[::-1], fraction).tolist() == keep[::-1].tolist()
    assert [bool(chosen([digest], fraction)[0]) for digest in digests[:50]] == keep[:50].tolist()
    assert not (keep & ~chosen(digests, fraction + 0.05)).any()
    other = made("other", [20] * 30)
    tokens = {"other": other, "a": made("a", [20] * 400)}
    parts = [{"from": "other", "max_epochs": None}, {"from": "a", "fraction": fraction, "max_epochs": None}]
    mixture, plan, _ = planned(parts, tokens, steps=250)
    expected = {f"a-{n:05d}" for n in range(400) if chosen([digest_of(f"a-{n:05d}")], fraction)[0]}
    assert mixture.figures()[1]["documents"] == len(expected)
    assert {doc_id for doc_id in plan.doc_ids if doc_id.startswith("a-")} == expected


def test_tokens_that_do_not_know_the_digests_have_no_fraction() -> None:
    old = made("a", [20] * 40)
    old.digests = lambda: None  # type: ignore[method-assign]
    with pytest.raises(DataError, match="a does not know what its documents say") as caught:
        planned([{"from": "a", "fraction": 0.5}], {"a": old}, steps=3)
    assert caught.value.hint == (
        "its tokens are of an older version: run their recipe again, or leave `fraction` out"
    )
    planned([{"from": "a"}], {"a": old}, steps=3)


def test_best_fit_cuts_fewer_documents_of_a_mixture() -> None:
    rng = np.random.default_rng(0)
    tokens = {name: made(name, rng.integers(2, 60, 400).tolist()) for name in ("a", "b")}
    parts: list[dict[str, Any]] = [
        {"from": "a", "weight": 2, "until": 40},
        {"from": "b", "until": 40},
        {"from": "b"},
    ]
    kinds: tuple[Packing, Packing] = ("end-to-end", "best-fit")
    plans = [planned(parts, tokens, steps=60, seq_len=64, packing=each)[1] for each in kinds]
    read = [targets_of(plan) for plan in plans]
    assert read[0] == read[1]  # a phase gives the same tokens either way
    pieces = [int((plan.length > (plan.offset == 0)).sum()) for plan in plans]
    assert pieces[0] - pieces[1] > 150
    again = planned(parts, tokens, steps=60, seq_len=64, packing="best-fit")[1]
    assert again.digest == plans[1].digest


def test_a_source_that_would_be_read_too_often_is_refused() -> None:
    tokens = {"web": made("web", [50] * 100), "small": made("small", [50] * 2)}
    parts = [{"from": "web", "weight": 0.5}, {"from": "small", "weight": 0.5}]
    with pytest.raises(
        UsageError,
        match=r"small has 100 tokens and would be read 16 times to give 1,600, but its `max_epochs` is 4",
    ) as caught:
        planned(parts, tokens, steps=50)
    assert caught.value.hint == (
        "lower its weight or `train.steps` to 25% of what they are, raise its `max_epochs`, or bring more text"
    )
    planned([parts[0], {**parts[1], "max_epochs": 16}], tokens, steps=50)
    planned([parts[0], {**parts[1], "max_epochs": None}], tokens, steps=50)


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([{"from": "a", "sources": {"wbe": 1}}], UsageError, r"a has no source 'wbe'. Did you mean 'web'\?"),
        ([{"from": "a", "until": 2}, {"from": "a", "max_epochs": 2}], UsageError, "a has two settings of `max_epochs`"),
        ([{"from": "a", "fraction": 1e-9}], UsageError, "a has no training document of its fraction"),
        ([{"from": "none"}], UsageError, "none has no training document"),
        ([{"from": "a"}, {"from": "crossed"}], DataError, "1 documents are trained on in one part .* such as a-00000"),
    ],
)  # fmt: skip
def test_mixtures_that_are_refused(parts: list[dict[str, Any]], error: type[Exception], message: str) -> None:
    tokens = {
        "a": made("a", [30] * 20, sources=["web", "books"] * 10),
        "none": made("none", [30], held_out=1),
        "crossed": made("crossed", [30, 30], held_out=1, ids="x"),
    }
    tokens["crossed"].documents["doc_id"][1] = "a-00000"
    with pytest.raises(error, match=message):
        planned(parts, tokens, steps=4)


@pytest.mark.parametrize(
    ("parts", "train", "message"),
    [
        ([{"from": "a"}], {"epochs": 1}, "a mixture needs `train.steps`"),
        ([{"from": "a"}, {"from": "b", "until": 5}], {"steps": 40}, "list the parts of a mixture by phase"),
        ([{"from": "a", "until": 5}], {"steps": 40}, "nothing is read after step 5, but `train.steps` is 40"),
        ([{"from": "a", "until": 50}], {"steps": 40}, r"`until` \(50\) is after the last step \(40\)"),
        ([{"from": "a"}, {"from": "a"}], {"steps": 40}, "a is twice in one phase"),
        ([{"from": "a", "sources": {"w": 1}}, {"from": "a", "sources": {"w": 1}}], {"steps": 40},
         "'w' of a is twice in one phase"),
        ([{"from": "a"}, {"from": "a", "sources": {"w": 1}}], {"steps": 40},
         "a is read as a whole and by source in one phase"),
    ],
)  # fmt: skip
def test_phases_that_are_refused(parts: list[dict[str, Any]], train: dict[str, Any], message: str) -> None:
    from ontogeny.train.config_mixture import check_mixture

    with pytest.raises(ValueError, match=message):
        check_mixture(
            [MixtureSource.model_validate(part) for part in parts], TrainConfig.model_validate(train)
        )
