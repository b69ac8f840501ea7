"""Which examples stand before an item: drawn as lm-evaluation-harness draws them, so that prompts are the same.

Harness draws for one item after the other from one stream of random numbers, so the examples of an item depend on its
place in the data, and on nothing else: also where only some of the items are asked, all are drawn for.

Its default sampler (api/samplers.py) draws one more where it means to leave the item itself out, which it does where
`fewshot_split` is the `test_split`, or neither is given. Where both are the `validation_split` harness shows items
their own answers; here another example is drawn in its stead, from a stream of its own so that all other draws stay
equal.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from ontogeny.core.errors import RecipeError

HARNESS_SEED = 1234  # of examples (lm_eval/defaults.py)
OWN_SEED = 4321


def drawn_examples(
    pool: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
    count: int,
    *,
    sampler: Literal["default", "first_n"],
    harness_excludes: bool,
    shared: bool,
    task: str,
    where: str,
    words: Callable[[str], str],
) -> Iterator[list[int]]:
    """For each of `items` the places in `pool` of its `count` examples.

    Args:
        harness_excludes: whether harness leaves the item itself out, and so draws one more.
        shared: whether an item can be in the pool at all.
        where: where the task says how many.
        words: what its file calls a key of harness.

    Raises:
        RecipeError: the pool is too small.
    """
    needed = count + (1 if shared else 0)
    excludes = harness_excludes or shared
    if len(pool) < needed:
        raise RecipeError(
            f"task {task!r}: {count} examples before each item, but there are only {len(pool)} to draw from"
            + (", the item itself among them" if shared else ""),
            where=where, hint=f"lower {words('num_fewshot')}, or name another {words('fewshot_split')}",
        )  # fmt: skip
    harness, own = random.Random(HARNESS_SEED), random.Random(OWN_SEED)
    for item in items:
        if sampler == "first_n":
            first = (place for place, one in enumerate(pool) if not excludes or one != item)
            yield list(islice(first, count))
            continue
        places = harness.sample(range(len(pool)), min(count + harness_excludes, len(pool)))
        kept = [place for place in places if not excludes or pool[place] != item][:count]
        if len(kept) < count and harness_excludes:
            others = [place for place, one in enumerate(pool) if one != item]
            kept = _sample(harness, others, count)
        elif len(kept) < count:
            others = [place for place, one in enumerate(pool) if one != item and place not in kept]
            kept = kept + _sample(own, others, count - len(kept))
        if len(kept) < count:
            raise RecipeError(
                f"task {task!r}: rows are repeated so often that {count} examples other than the item are not to be "
                "had",
                where=where, hint=f"lower {words('num_fewshot')}, or remove repeated rows",
            )  # fmt: skip
        yield kept


def _sample(stream: random.Random, places: list[int], count: int) -> list[int]:
    """As many of them as `count`; all where there are fewer."""
    return stream.sample(places, min(count, len(places)))
