"""Near-duplicate removal as a whole: what goes, what stays, and that no order of the input changes it."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ontogeny.data.dedup import comparison, lsh, spill, verify
from ontogeny.data.dedup.clusters import Copies, NearDuplicates, best_first, find_near_duplicates
from ontogeny.data.dedup.containment import MIN_SHARED, PROBES, Samples, sample_pairs, sample_shingles
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.dedup.shingled import Shingled, Slices, shingled
from ontogeny.data.signals.minhash import minhash_of
from ontogeny.data.signals.shingles import shingles_of
from ontogeny.data.texts import Texts

Random = random.Random


def prose(count: int, generator: Random) -> list[str]:
    return ["".join(generator.choices("abcdefghijklmnop", k=generator.randint(2, 9))) for _ in range(count)]


def edited(words: list[str], share: float, generator: Random) -> list[str]:
    """`words` with a share of them replaced, here and there."""
    places = set(generator.sample(range(len(words)), round(share * len(words))))
    return [prose(1, generator)[0] if place in places else word for place, word in enumerate(words)]


def rank_of(texts: list[str]) -> npt.NDArray[np.int32]:
    """The position of each in the order of digests."""
    order = sorted(range(len(texts)), key=lambda row: blake3(texts[row].encode()).digest())
    rank = np.empty(len(texts), dtype=np.int32)
    rank[order] = np.arange(len(texts))
    return rank


def near_of(
    texts: list[str],
    settings: NearDedup | None = None,
    *,
    portions: int = 1,
    scores: list[float] | None = None,
    read: list[int] | None = None,
    old: int = 0,
) -> NearDuplicates:
    settings = settings or NearDedup()
    edges = np.linspace(0, len(texts), portions + 1).astype(int)
    parts = [Texts.of(texts[low:high]) for low, high in itertools.pairwise(edges)]
    size_bytes = np.concatenate([part.sizes for part in parts]).astype(np.uint32)
    score = None if scores is None else np.array(scores)

    def signatures() -> Iterator[npt.NDArray[np.uint32]]:
        for part in parts:
            yield minhash_of(part, n_gram=settings.n_gram, bands=settings.bands, rows=settings.rows)

    def samples() -> Iterator[Samples]:
        for part in parts:
            yield sample_shingles(part, n_gram=settings.n_gram, sample_every=settings.sample_every)

    whole = Texts.of(texts)

    def shingles(rows: npt.NDArray[np.int64]) -> Shingled:
        if read is not None:
            read.extend(rows.tolist())
        return shingled([Slices.of(whole, rows)], settings.n_gram)

    copies = Copies(rank_of(texts), size_bytes, score, old)
    return find_near_duplicates(
        settings, copies, signatures=signatures, samples=samples, shingles_of=shingles
    )


def corpus(seed: int) -> list[str]:
    """Texts of every kind that matters here, in no order."""
    generator = Random(seed)
    texts = []
    for _ in range(generator.randint(1, 5)):
        words = prose(generator.randint(20, 400), generator)
        texts.append(words)
        for _ in range(generator.randint(0, 4)):
            texts.append(edited(generator.choice(texts), generator.uniform(0, 0.2), generator))
        if generator.random() < 0.5:
            texts.append(words[len(words) // 4 : len(words) // 2])
        if generator.random() < 0.5:
            texts.append(prose(120, generator) + words + prose(60, generator))
    unique = list({" ".join(words) for words in texts})
    generator.shuffle(unique)
    return unique


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.randoms(), st.integers(1, 4))
def test_neither_order_nor_portions_change_the_result(seed: int, generator: Random, portions: int) -> None:
    texts = sorted(corpus(seed))
    order = generator.sample(range(len(texts)), len(texts))
    one, other = near_of(texts), near_of([texts[row] for row in order], portions=portions)
    for place, row in enumerate(order):
        keeper = other.keeper[place]
        assert (order[keeper] if keeper >= 0 else -1) == one.keeper[row]
        for name in ("jaccard", "contained", "cluster", "cluster_size"):
            assert np.array_equal(getattr(other, name)[place], getattr(one, name)[row], equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_what_goes_resembles_the_copy_that_stays(seed: int) -> None:
    texts, limits = corpus(seed), NearDedup()
    found = near_of(texts, limits)
    for row in np.flatnonzero(found.removed):
        keeper = int(found.keeper[row])
        assert not found.removed[keeper]
        assert found.cluster[keeper] == found.cluster[row] >= 0
        left, right = (set(each.tolist()) for each in shingles_of(Texts.of([texts[row], texts[keeper]]), 5))
        jaccard = len(left & right) / len(left | right)
        assert found.jaccard[row] == pytest.approx(jaccard, abs=1e-6)
        assert jaccard >= limits.jaccard or found.contained[row] >= (limits.containment or 1)
    sizes = np.bincount(found.cluster[found.cluster >= 0])
    assert (found.cluster_size[found.cluster >= 0] == sizes[found.cluster[found.cluster >= 0]]).all()
    assert (found.cluster_size[found.cluster < 0] == 1).all()


def test_edited_copies_go_and_rewritten_ones_stay() -> None:
    generator = Random(1)
    words = prose(600, generator)
    texts = [
        words,
        *(edited(words, share, generator) for share in (0.02, 0.05, 0.08)),
        edited(words, 0.4, generator),
    ]
    found = near_of([" ".join(text) for text in texts])
    assert found.removed.sum() == 3 and not found.removed[4]
    assert found.cluster_size.tolist() == [4, 4, 4, 4, 1]


def test_an_excerpt_goes_for_the_longer_text_whatever_is_kept() -> None:
    generator = Random(2)
    words = prose(3000, generator)
    texts = [" ".join(words[1000:1200]), " ".join(words)]
    for limits in (NearDedup(), NearDedup(keep="first"), NearDedup(keep="score", score="s")):
        found = near_of(texts, limits, scores=[2.0, 1.0])
        assert found.keeper.tolist() == [1, -1]
        assert found.contained[0] == 1 and found.jaccard[0] < 0.1
    assert not near_of(texts, NearDedup(containment=None)).removed.any()


def test_pages_of_one_template_say_something_of_their_own() -> None:
    generator = Random(3)
    menu, licence = prose(400, generator), prose(400, generator)
    texts = [" ".join(menu + prose(80, generator) + licence) for _ in range(5)]
    assert not near_of(texts).removed.any()
    assert near_of(texts, NearDedup(max_own_words=None)).removed.sum() == 4


def test_short_texts_need_to_be_alike_as_a_whole() -> None:
    generator = Random(4)
    words = prose(600, generator)
    texts = [" ".join(words), " ".join(words[:60])]
    assert not near_of(texts).removed.any()
    assert near_of(texts, NearDedup(min_contained_words=50)).removed.tolist() == [False, True]


def test_the_best_copy_is_the_longest_the_first_or_the_one_of_the_highest_score() -> None:
    generator = Random(5)
    words = prose(300, generator)
    texts = [" ".join(words), " ".join([*words, "end"]), " ".join(words[1:])]
    assert near_of(texts).keeper.tolist() == [1, -1, 1]
    scored = near_of(texts, NearDedup(keep="score", score="quality"), scores=[0.1, float("nan"), 0.7])
    assert scored.keeper.tolist() == [2, 2, -1]
    for _ in range(5):
        texts = [f"{texts[0]} {words[0]}", *texts]
        first = min(range(len(texts)), key=lambda row: blake3(texts[row].encode()).digest())
        assert near_of(texts, NearDedup(keep="first")).keeper.tolist() == [
            -1 if row == first else first for row in range(len(texts))
        ]


def test_a_chain_of_resemblance_does_not_take_strangers() -> None:
    generator = Random(6)
    chain = [prose(500, generator)]
    for _ in range(12):
        chain.append(edited(chain[-1], 0.06, generator))
    found = near_of([" ".join(words) for words in chain])
    assert found.cluster_size[0] == 13  # all of one cluster
    assert 2 <= (~found.removed).sum() <= 7  # and yet its ends are strangers
    assert (found.contained[found.removed] >= 0.75).all()


def test_a_copy_whose_keeper_goes_finds_another_or_stays() -> None:
    generator = Random(7)
    words = prose(400, generator)
    longer = prose(200, generator) + edited(words, 0.05, generator) + prose(200, generator)
    texts = [" ".join(words), " ".join(edited(words, 0.03, generator)), " ".join(longer)]
    found = near_of(texts)
    assert found.keeper.tolist() == [2, 2, -1]


def test_a_crowd_is_compared_with_its_leaders_only() -> None:
    generator = Random(8)
    words = prose(100, generator)
    texts = [" ".join([*words, f"{one}", *prose(1, generator)]) for one in "abcdefgh" for _ in range(50)]
    read: list[int] = []
    found = near_of(sorted(set(texts)), read=read)
    assert (~found.removed).sum() == 1
    assert found.cluster_size.max() == len(set(texts))
    assert len(read) < 2 * len(texts)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_comparing_every_candidate_changes_nothing(seed: int, own_passages: bool) -> None:
    generator = Random(seed)
    texts = [text.split() for text in corpus(seed)]
    for _ in range(25):  # copies of copies: chains whose ends are strangers, in crowds
        texts.append(edited(generator.choice(texts[-8:]), generator.uniform(0, 0.12), generator))
    lines, limits = [" ".join(words) for words in texts], NearDedup()
    limits = limits if own_passages else limits.model_copy(update={"max_own_words": None})
    found = near_of(lines, limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "first_of_each", lambda pairs, counts: np.ones(len(pairs), dtype=np.bool_))
        every = near_of(lines, limits)
    for name in ("keeper", "jaccard", "contained", "cluster"):
        assert np.array_equal(getattr(found, name), getattr(every, name), equal_nan=True)


def test_only_the_texts_of_candidates_are_read() -> None:
    generator = Random(9)
    words = prose(300, generator)
    texts = [" ".join(prose(300, generator)) for _ in range(50)] + [" ".join(words), " ".join([*words, "x"])]
    read: list[int] = []
    assert near_of(texts, read=read).removed.sum() == 1
    assert set(read) == {50, 51}


def test_texts_without_words_are_nobodys_copies() -> None:
    found = near_of(["...", "!!!", "—", ""])
    assert not found.removed.any() and (found.cluster == -1).all()
    assert near_of([]).removed.shape == (0,)


def sampled(samples: Samples, places: npt.NDArray[np.uint32], **memory: int) -> spill.Pairs:
    found = list(sample_pairs(lambda: [samples], places, sample_every=8, **memory))
    return np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *found]))


def test_samples_are_sorted_in_as_many_ranges_as_memory_needs() -> None:
    texts = corpus(12) + corpus(13)
    samples = sample_shingles(Texts.of(texts), n_gram=5, sample_every=8)
    places = np.arange(len(texts), dtype=np.uint32)
    whole = sampled(samples, places)
    assert len(whole)
    assert np.array_equal(sampled(samples, places, memory_bytes=512), whole)


def reference_sample_pairs(
    samples: Samples, places: npt.NDArray[np.uint32], old: int
) -> set[tuple[int, int]]:
    """By counting the probes of each that each other one has; old ones have none."""
    texts = [samples.values[low:high] for low, high in itertools.pairwise(samples.offsets)]
    found = set()
    for one, text in enumerate(texts):
        probes = set(text[:PROBES].tolist()) if places[one] >= old else set()
        for other, samples_of_other in enumerate(texts):
            shared = len(probes & set(samples_of_other.tolist()))
            if one != other and shared and shared >= MIN_SHARED * len(probes):
                left, right = sorted([int(places[one]), int(places[other])])
                found.add((left, right))
    return found


@pytest.mark.parametrize("old", [0, 9])
@pytest.mark.parametrize("memory_bytes", [512, 1 << 20])
def test_pairs_by_samples_are_those_of_counting(memory_bytes: int, old: int) -> None:
    texts = corpus(14) + corpus(15) + corpus(16)
    samples = sample_shingles(Texts.of(texts), n_gram=5, sample_every=8)
    places = np.random.default_rng(0).permutation(len(texts)).astype(np.uint32)
    found = sampled(samples, places, memory_bytes=memory_bytes, old=old)
    assert {(int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in found} == reference_sample_pairs(
        samples, places, old
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"keep": "score"}, "keep: score needs the name of a column: give score"),
        ({"score": "x"}, "score 'x' has no effect with keep: longest; write keep: score, or leave score out"),
    ],
)
def test_settings_that_cannot_be_meant(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NearDedup.model_validate(fields)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_linked_documents_are_one_cluster_as_scipy_has_it(links: list[tuple[int, int]]) -> None:
    better, worse = np.array([*zip(*links, strict=True)] or [[], []], dtype=np.uint32)
    best = np.arange(20, dtype=np.int32)
    comparison._link(better, worse, best)
    comparison._finish(best)
    graph = coo_array((np.ones(len(better)), (better, worse)), shape=(20, 20))
    _, labels = connected_components(graph, directed=False)
    firsts = {label: int(np.flatnonzero(labels == label)[0]) for label in labels.tolist()}
    assert best.tolist() == [firsts[label] for label in labels.tolist()]


# Without subnormal numbers: a process that trains treats them as zero.
scores = st.one_of(
    st.floats(allow_subnormal=False), st.sampled_from([0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf")])
)


@settings(deadline=None)
@given(st.lists(st.tuples(scores, st.integers(0, 3)), max_size=30), st.randoms())
def test_the_best_comes_first(rows: list[tuple[float, int]], generator: Random) -> None:
    rank = generator.sample(range(len(rows)), len(rows))
    score, size = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.uint32)
    copies = Copies(np.array(rank, dtype=np.int32), size, score)

    def order(*keys: Sequence[float]) -> list[int]:
        return sorted(range(len(rows)), key=lambda row: [key[row] for key in keys])

    high = [float("inf") if np.isnan(each) else -each for each in score.tolist()]
    large = [-each for each in size.tolist()]
    for limits, expected in (
        (NearDedup(keep="first"), order(rank)),
        (NearDedup(), order(large, rank)),
        (NearDedup(keep="score", score="s"), order(high, large, rank)),
    ):
        assert best_first(limits, copies).tolist() == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_what_waits_on_disk_changes_nothing(seed: int) -> None:
    texts = corpus(seed)
    found = near_of(texts)
    with pytest.MonkeyPatch.context() as patch:
        for store in (spill.Spool, spill.SortedPairs):
            patch.setattr(store.__init__, "__kwdefaults__", {"repeats": False, "memory_bytes": 16})
            patch.setattr(store.__init__, "__defaults__", (16,))
        on_disk = near_of(texts)
    for name in ("keeper", "jaccard", "contained", "cluster"):
        assert np.array_equal(getattr(found, name), getattr(on_disk, name), equal_nan=True)


def crowds(count: int, old: int) -> Callable[[], NearDuplicates]:
    """Work on so many documents, each with nine near copies; the last `old` are old ones."""
    group = np.arange(count, dtype=np.uint32) % (count // 10)
    minhash = np.repeat(group[:, None], 14 * 8, axis=1)
    copies = Copies(np.arange(count, dtype=np.int32), np.full(count, 50, dtype=np.uint32), old=old)

    def shingles(rows: npt.NDArray[np.int64]) -> Shingled:
        return Shingled(np.repeat(group[rows], 10).astype(np.uint64), np.arange(len(rows) + 1) * 10)

    def work() -> NearDuplicates:
        return find_near_duplicates(
            NearDedup(),
            copies,
            signatures=lambda: np.array_split(minhash, 20),
            samples=lambda: [Samples(group[:0], np.zeros(count + 1, dtype=np.int64))],
            shingles_of=shingles,
        )

    return work


@pytest.mark.parametrize(("old", "goes"), [(0.0, 0.9), (0.5, 0.5)])
def test_a_further_document_takes_few_bytes_whatever_it_resembles(
    old: float, goes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in (spill.Spool, spill.SortedPairs):
        monkeypatch.setattr(store.__init__, "__kwdefaults__", {"repeats": False, "memory_bytes": 1 << 17})
        monkeypatch.setattr(store.__init__, "__defaults__", (1 << 17,))
    monkeypatch.setattr(lsh, "AT_ONCE", 1 << 13)
    monkeypatch.setattr(verify, "BLOCK_PAIRS", 1 << 10)
    peaks = []
    for count in (20_000, 20_000, 40_000):  # the first compiles
        work = crowds(count, old=int(old * count))
        tracemalloc.start()
        try:
            found = work()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert found.removed.sum() == goes * count
    assert (peaks[2] - peaks[1]) / 20_000 <= 48


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1, allow_subnormal=False))
def test_old_documents_stay_and_what_they_hold_goes(seed: int, share: float) -> None:
    texts = corpus(seed)
    old = round(share * len(texts))
    found = near_of(texts, old=old)
    assert not found.removed[len(texts) - old :].any()
    assert not found.removed[found.keeper[found.removed]].any()
    held = [text.rsplit(maxsplit=3)[0] for text in texts if len(text.split()) > 120]
    assert near_of([*held, *texts], old=len(texts)).removed[: len(held)].all()


def test_old_documents_are_not_compared_with_each_other() -> None:
    generator = Random(5)
    words = prose(300, generator)
    crowd = [" ".join(edited(words, 0.02, generator)) for _ in range(12)]
    read: list[int] = []
    found = near_of([" ".join(prose(300, generator)), *crowd], old=12, read=read)
    assert not found.removed.any() and not read
    copy = " ".join(edited(words, 0.02, generator))
    joined = near_of([copy, " ".join(prose(300, generator)), *crowd], old=12, read=read)
    assert np.flatnonzero(joined.removed).tolist() == [0] and joined.keeper[0] >= 2


def test_a_new_document_that_an_old_one_contains_goes_though_it_is_longer() -> None:
    """A new document of many bytes and an old one that says the same in fewer, and more besides."""
    generator = Random(6)
    words, more = prose(400, generator), prose(60, generator)
    new = " ".join(f"{word}..." for word in words)
    old = " ".join([*words, *more])
    assert len(new) > len(old)
    assert near_of([new, old]).keeper.tolist() == [-1, -1]
    assert near_of([new, old], old=1).keeper.tolist() == [1, -1]
