"""Several trainings as one contestant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ontogeny.evaluate.scores import Comparison, Metric
from ontogeny.evaluate.seeds import Side, compared, item_noise, measured
from ontogeny.evaluate.uncertainty import compare, result
from ontogeny.statistics.errors import ratio_standard_error
from tests.evaluate.conftest import subject

GENERATOR = np.random.default_rng(2)
HARD = GENERATOR.random(200)


def training(skill: float, seed: int, *, groups: int = 200) -> Metric:
    """Right where the skill of the training beats the item, give or take its luck."""
    luck = np.random.default_rng(seed).normal(0, 0.2, 200)
    items = tuple(f"i{place}" for place in range(200))
    return Metric(
        name="acc", form="plain", items=items, groups=tuple(f"g{place % groups}" for place in range(200)),
        tops=tuple((skill + luck > HARD).astype(float).tolist()), bottoms=(1.0,) * 200,
    )  # fmt: skip


def confusion(seed: int) -> Metric:
    """Two classes: for each item which was hit, which was right, which was chosen."""
    generator = np.random.default_rng(seed)
    right = (HARD < 0.4).astype(int)
    chosen = np.where(generator.random(200) < 0.8, right, 1 - right)
    one_hot = np.eye(2)
    rows = np.concatenate([one_hot[right] * one_hot[chosen], one_hot[right], one_hot[chosen]], axis=1)
    items = tuple(f"i{place}" for place in range(200))
    return Metric(
        name="f1", form=None, items=items, groups=items, tops=(), bottoms=(), statistic="f1",
        summands=tuple(map(tuple, rows.tolist())),
    )  # fmt: skip


def against(a: Sequence[Metric], b: Sequence[Metric], label: str = "acc") -> Comparison:
    return compared("t", a, b, model_a="a", model_b="b", label=label, seed=1)


def test_names() -> None:
    assert Side.of(subject("r/tutor@3")).name == "r/tutor@3"
    assert Side.of([subject(f"r/tutor@{version}") for version in (1, 2, 5)]).name == "r/tutor@1,2,5"
    assert Side.of([subject("r/a@1"), subject("r/b@1")]).name == "r/a@1 + r/b@1"


def test_a_single_training_is_what_it_was() -> None:
    one, other = training(0.6, 1), training(0.5, 2)
    assert measured("t", "m", [one], label="acc") == result("t", "m", one, label="acc")
    assert against([one], [other]) == compare("t", one, other, model_a="a", model_b="b", label="acc", seed=1)


def test_the_mean_over_seeds_with_the_spread_between_them() -> None:
    metrics = [training(skill, seed) for seed, skill in enumerate([0.5, 0.6, 0.7])]
    row = measured("t", "m@1,2,3", metrics, label="acc")
    values = [metric.value for metric in metrics]
    assert row.value == pytest.approx(np.mean(values))
    assert (row.seeds, row.between) == (3, pytest.approx(np.std(values, ddof=1)))
    assert row.stderr is not None and row.ci95 is not None
    alone = result("t", "m", metrics[0], label="acc")
    assert alone.stderr is not None and alone.ci95 is not None
    assert row.stderr > alone.stderr, "the noise of seeds comes on top"
    assert row.ci95[1] - row.ci95[0] > alone.ci95[1] - alone.ci95[0]


@pytest.mark.parametrize("groups", [200, 20])
def test_the_noise_of_items_is_that_of_each_training_and_what_they_share(groups: int) -> None:
    metrics = [training(0.5, seed, groups=groups) for seed in range(3)]
    noise = item_noise(metrics)
    for place, metric in enumerate(metrics):
        error = ratio_standard_error(metric.tops, metric.bottoms, metric.groups)
        assert noise[place, place] == pytest.approx(error**2)
    mean = metrics[0].model_copy(
        update={"tops": tuple(np.mean([metric.tops for metric in metrics], axis=0).tolist())}
    )
    assert noise.mean() == pytest.approx(ratio_standard_error(mean.tops, mean.bottoms, mean.groups) ** 2)


def test_groups_of_trainings_are_told_apart_by_more_than_the_luck_of_seeds() -> None:
    worse, better = [training(0.4, seed) for seed in range(4)], [training(0.7, seed + 9) for seed in range(4)]
    found = against(better, worse)
    assert (found.test, found.n) == ("seeds-t", 200)
    assert found.difference == pytest.approx(found.a - found.b)
    assert found.p_value < 0.001
    assert found.ci95 is not None and found.ci95[0] > 0
    same = against(worse[:2], worse[2:])
    assert same.p_value > 0.05
    assert same.detectable is not None and same.detectable > abs(same.difference)


def test_what_one_pair_would_settle_the_luck_of_seeds_may_leave_open() -> None:
    """Trainings that vary by as much as the two recipes differ."""
    a = [training(skill, seed) for seed, skill in enumerate([0.75, 0.4])]
    b = [training(skill, seed + 9) for seed, skill in enumerate([0.4, 0.55])]
    assert compare("t", a[0], b[0], model_a="a", model_b="b", label="acc", seed=1).p_value < 0.01
    assert against(a, b).p_value > 0.05


def test_statistics_that_are_no_ratio() -> None:
    metrics = [confusion(seed) for seed in range(3)]
    row = measured("t", "m", metrics, label="f1")
    assert row.value == pytest.approx(np.mean([metric.value for metric in metrics]))
    assert row.stderr is not None and 0 < row.stderr < 0.1
    found = against(metrics, [confusion(seed + 9) for seed in range(3)], "f1")
    assert found.test == "seeds-t" and found.p_value > 0.01


def test_a_single_group_of_items_has_no_error() -> None:
    metrics = [training(0.5, seed, groups=1) for seed in range(3)]
    row = measured("t", "m", metrics, label="acc")
    assert (row.stderr, row.ci95, row.between) == (None, None, pytest.approx(row.between))
    assert against(metrics, metrics).p_value == 1.0
