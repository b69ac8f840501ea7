"""Shares of groups: of each label its part, in whole groups, whatever the order."""

from __future__ import annotations

import random

import pytest

from ontogeny.data.examples_shares import Group, chosen, groups_of, shares


@pytest.mark.parametrize("seed", range(20))
def test_shares_add_up_and_leave_some_of_each(seed: int) -> None:
    draw = random.Random(seed)
    sizes = {f"label {n}": draw.randint(2, 60) for n in range(draw.randint(1, 12))}
    fraction = draw.choice([0.05, 0.1, 0.2, 0.5])
    taken = shares(sizes, fraction)
    assert sum(taken.values()) == max(1, round(fraction * sum(sizes.values())))
    for name, size in sizes.items():
        assert taken[name] < size
        assert abs(taken[name] - fraction * size) <= 1


def test_a_label_with_one_example_keeps_it() -> None:
    assert shares({"a": 1, "b": 9}, 0.5) == {"a": 0, "b": 5}
    assert shares({"a": 1}, 0.5) == {"a": 0}


def together(keys: list[str], groups: list[str]) -> set[frozenset[int]]:
    """The slow way: merge what has a member in common until nothing changes."""
    sets = [{row} for row in range(len(keys))]
    changed = True
    while changed:
        changed = False
        for one in sets:
            for other in sets:
                joined = {(keys[a] == keys[b] or groups[a] == groups[b]) for a in one for b in other}
                if one is not other and True in joined:
                    one |= other
                    sets.remove(other)
                    changed = True
                    break
            if changed:
                break
    return {frozenset(each) for each in sets}


@pytest.mark.parametrize("seed", range(10))
def test_groups_hold_together_what_has_a_text_or_a_group_in_common(seed: int) -> None:
    draw = random.Random(seed)
    keys = [f"k{draw.randint(0, 12)}" for _ in range(20)]
    groups = [f"g{draw.randint(0, 12)}" for _ in range(20)]
    found = groups_of(keys, groups, [("a",)] * 20)
    assert {frozenset(group.rows) for group in found} == together(keys, groups)


def test_a_group_has_the_label_of_most_of_it() -> None:
    (group,) = groups_of(["x", "y", "z"], ["g", "g", "g"], [("b",), ("a",), ("b",)])
    assert (group.name, group.label) == ("x", "b")
    (group,) = groups_of(["x", "y"], ["g", "g"], [("b",), ("a",)])
    assert group.label == "a"


def test_texts_of_several_labels_have_no_stratum() -> None:
    assert {group.label for group in groups_of(["x", "y"], ["g", "h"], [("a", "b"), ("a",)])} == {None}


@pytest.mark.parametrize("seed", range(5))
def test_what_is_chosen_does_not_depend_on_the_order(seed: int) -> None:
    groups = [Group(f"name {n}", tuple(range(n * 9, n * 9 + n % 3 + 1)), "ab"[n % 5 > 2]) for n in range(60)]
    taken = chosen(groups, 0.2, seed=seed, purpose="test")
    shuffled = random.Random(seed).sample(groups, len(groups))
    assert {group.name for group in chosen(shuffled, 0.2, seed=seed, purpose="test")} == {
        g.name for g in taken
    }
    assert {group.name for group in chosen(groups, 0.2, seed=seed + 1, purpose="test")} != {
        g.name for g in taken
    }
    for label in "ab":
        size = sum(len(group.rows) for group in groups if group.label == label)
        assert abs(sum(len(group.rows) for group in taken if group.label == label) - 0.2 * size) <= 3


def test_the_only_group_of_a_label_is_left() -> None:
    assert chosen([Group("x", (0, 1, 2), "a")], 0.5, seed=1, purpose="test") == []
