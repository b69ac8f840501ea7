"""Mistakes in a real recipe, with the table of real steps."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.table import STEPS
from ontogeny.train.config import TrainBesideSize, TrainConfig
from tests.conftest import SMOKE


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (
            "steps.corpus.sources.0.type=python-dosc",
            "corpus.sources.0: unknown type 'python-dosc'. Did you mean 'python-docs'?",
            "types are books, common-crawl, csv, dialogue, docx, html, jsonl, mail, parquet, pdf, python-docs, stack",
        ),
        (
            "steps.report.suites.0.type=bit-per-byte",
            "unknown type 'bit-per-byte'. Did you mean 'bits-per-byte'?",
            "types are bits-per-byte, lm-eval, multiple-choice, samples, task",
        ),
        (
            "steps.base.train.optimizer={type: mouon}",
            "base.train.optimizer: unknown type 'mouon'. Did you mean 'muon'?",
            "types are adamw, muon",
        ),
        ("steps.base.train.optimizer={type: null}", "`type` is missing", "types are adamw, muon"),
        ("steps.corpus.sources=[{path: x}]", "corpus.sources.0: `type` is missing", "types are books"),
        (
            "steps.base.train.stepz=3",
            "unknown key 'stepz' in base.train. Did you mean 'steps'?",
            "keys of base.train: average, batch_rows, ",
        ),
        (
            "steps.base.train.optimizer={type: muon, lrr: 3}",
            "unknown key 'lrr' in base.train.optimizer. Did you mean 'lr'?",
            "keys of base.train.optimizer: adam_betas, adam_eps, adam_lr, cautious, embedding_lr, lr, momentum",
        ),
        (
            "steps.report.suites=[{type: samples, promts: [a]}]",
            "unknown key 'promts' in report.suites.0. Did you mean 'prompts'?",
            "keys of report.suites.0: data, form, ",
        ),
        (
            "steps.report.suites=[own_texts, {type: task, task: copa, perturb: [typo]}]",
            "report.suites.1.perturb.0: Input should be 'typos'",
            None,
        ),
        (
            "steps.report.suites=[copa, copa]",
            "report.suites: two suites are called 'copa'; give each a name of its own",
            None,
        ),
        ("steps.corpus.sources=./a.txt", "corpus.sources: Input should be a list", None),
        ("steps.corpus.sources=[x]", "corpus.sources.0: Input should be a mapping (got 'x')", "keys of"),
        ("steps.base.train=3", "base.train: Input should be a mapping", "keys of base.train: "),
        ("steps.base.train.optimizer=adamw", "Input should be a mapping", "keys of base.train.optimizer"),
        ("steps.corpus.sources=[]", "List should have at least 1 item, not 0", None),
        ("steps.base={step: pretrain}", "'tokens' is missing in base", None),
        ("steps.base.train.optimizer.lr=.inf", "should be a finite number (got inf)", None),
        (
            "steps.corpus.rules=[{type: block-list, domains: [a.example]}]",
            "unknown key 'domains' in corpus.rules.0.",
            "keys of corpus.rules.0: categories, min_words, paths, type, words",
        ),
        (
            "steps.corpus.rules=[{type: expression, drop: words / 0 > 3, reason: odd}]",
            "corpus.rules.0.drop: `words / 0 > 3`: `words / 0` divides by zero",
            None,
        ),
        ("steps.base.train.clip_grad_norm=.nan", "should be a finite number (got nan)", None),
        ("steps.base.model.rope_base=.inf", "should be a finite number (got inf)", None),
    ],
)
def test_a_mistake_is_told_in_the_words_of_the_recipe(change: str, message: str, hint: str | None) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=[change])
    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint) if hint else caught.value.hint is None
    assert str(caught.value.where).startswith("--set steps.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "steps.base.train.compile=yes please",
            "base.train.compile: Input should be 'auto' or a valid boolean (got 'yes please')",
        ),
        ("steps.report.model={a: 1}", "report.model: Input should be a valid string or a list"),
        ("steps.report.model=[1]", "report.model.0: Input should be a valid string (got 1)"),
        (
            "steps.base.train.optimizer={type: adamw, betas: [0.9]}",
            "base.train.optimizer.betas takes 2 values, not 1",
        ),
        (
            "steps.base.train.optimizer={type: adamw, betas: []}",
            "base.train.optimizer.betas takes 2 values, not 0",
        ),
    ],
)
def test_one_mistake_is_told_once(change: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=[change])
    assert (caught.value.message, caught.value.hint) == (message, None)


def test_only_an_unknown_key_is_followed_by_all_keys() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.base.train.micro_batch_rows=3"])
    assert "`micro_batch_rows` (3) must divide `batch_rows` (8)" in caught.value.message
    assert caught.value.hint is None
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.base.tokens=[{tokenz: a}]"])
    assert caught.value.message.startswith("'from' is missing in base.tokens.0\n")
    assert (caught.value.hint or "").startswith("keys of base.tokens.0: fraction, from, ")


SIZED = "steps.base={step: pretrain, tokens: tokens, size: {depth: 2}}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "batch_rows=4",
            "base.train.batch_rows: `size` derives `train.batch_rows`: leave it out, or give `size.",
        ),
        ("stepz=3", "unknown key 'stepz' in base.train."),
        ("log_every=0", "base.train.log_every: Input should be greater than or equal to 1"),
        ("tensor_parallel=0", "base.train.tensor_parallel: Input should be greater than or equal to 1"),
    ],
)
def test_beside_a_size_no_key_is_offered_that_it_derives(change: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=[SIZED, f"steps.base.train.{change}"])
    assert message in caught.value.message
    keys = f"keys of base.train: {', '.join(sorted(TrainBesideSize.model_fields))}"
    assert caught.value.hint == (keys if "unknown key" in message else None)
    assert str(caught.value.where) == f"--set steps.base.train.{change.split('=')[0]}"


def test_without_a_size_all_keys_are_offered() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.base.train.stepz=3"])
    keys = str(caught.value.hint).removeprefix("keys of base.train: ").split(", ")
    assert keys == sorted(TrainConfig.model_fields)


def test_a_mistake_in_a_grid_is_located_there() -> None:
    values = "steps.base.train.log_every=1", "steps.base.train.batch_rows=0"
    for given in ({"overrides": values[:1], "grid": values[1:]}, {"grid": values}):
        with pytest.raises(RecipeError) as caught:
            load_recipe(SMOKE, STEPS, **given)
        assert caught.value.where == "--grid steps.base.train.batch_rows"
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, grid=["steps.bass.train.steps=3"])
    assert caught.value.where == "--grid steps.bass.train.steps"
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.base.train.batch_rows=0"], grid=["seed=1"])
    assert caught.value.where == "--set steps.base.train.batch_rows"


def test_a_list_is_not_called_short_because_its_items_are_wrong() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.corpus.sources=[{type: text, paht: x}]"])
    assert "at least 1 item" not in str(caught.value)
    assert "unknown key 'paht' in corpus.sources.0. Did you mean 'path'?" in str(caught.value)


def test_a_key_far_from_all_others_is_given_no_neighbour() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(SMOKE, STEPS, overrides=["steps.corpus.rules=[{type: block-list, domains: [a.example]}]"])
    assert "Did you mean" not in str(caught.value)
