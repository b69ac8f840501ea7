"""Posts come back thread by thread, in an order that does not depend on when they came, from memory or from disk."""

from __future__ import annotations

import random

import pytest

from ontogeny.data.sources import threads as module
from ontogeny.data.sources.threads import Post, open_threads


def post(number: int, thread: int, score: int = 0, accepted: int = 0) -> Post:
    return Post(number, thread, score, accepted, {"Body": f"ä {number}" * 100}, f"file#record={number}")


POSTS = [
    post(2, 2),
    post(1, 1, accepted=7),
    post(5, 1, score=3),
    post(7, 1, score=-2),
    post(3, 1, score=3),
    post(9, 8),  # its question is not there
    post(4, 2, score=1),
    post(6, -1),
]
ORDER = [[6], [1, 7, 3, 5], [2, 4], [9]]


@pytest.mark.parametrize("in_memory", [1, 1_000, 1 << 20])
def test_the_question_is_first_then_the_accepted_answer(
    in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", in_memory)
    for seed in range(5):
        shuffled = random.Random(seed).sample(POSTS, len(POSTS))
        with open_threads() as threads:
            for each in shuffled:
                threads.add(each)
            found = list(threads.in_order())
            assert [[each.number for each in thread] for thread in found] == ORDER
            assert sorted((each for thread in found for each in thread), key=POSTS.index) == POSTS
            for start in range(6):
                assert list(threads.in_order(start)) == found[start:]


def test_there_may_be_no_post() -> None:
    with open_threads() as threads:
        assert list(threads.in_order()) == []
