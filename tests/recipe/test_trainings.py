"""Settings that a plan can tell will not serve: each is told with its line, before anything runs."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch.distributed import HashStore

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.lineage.workspace import Workspace
from ontogeny.model import amx
from ontogeny.recipe.cluster import Cluster
from ontogeny.recipe.plan import make_plan, resolve
from ontogeny.recipe.run import RunOptions, check_before_run, run_recipe
from ontogeny.recipe.schema import Recipe, load_recipe
from ontogeny.recipe.table import STEPS
from ontogeny.recipe.trainings import check_trainings
from tests.conftest import SMOKE, Life

TEXT = """
recipe: r
steps:
  corpus: {step: curate, sources: [{type: python-docs}]}
  tokenizer: {step: train-tokenizer, corpus: corpus, vocab_size: 600}
  theirs: {step: import-tokenizer, path: ./none}
  tokens: {step: tokenize, corpus: corpus, tokenizer: tokenizer}
  other: {step: tokenize, corpus: corpus, tokenizer: theirs}
  base:
    step: pretrain
    tokens: tokens
    model: {d_model: 64, n_layers: 2, n_heads: 2, seq_len: 128}
    train:
      steps: 50
      eval_every: 10
  sized:
    step: pretrain
    tokens: tokens
    size: {depth: 2}
  unknown:
    step: pretrain
    tokens: other
    size: {depth: 2}
  more:
    step: pretrain
    tokens: tokens
    init: base
    train: {steps: 50}
  questions: {step: examples, source: {type: python-docs-questions}, task: instruct}
  tutor:
    step: finetune
    model: base
    task: instruct
    data: questions
    train: {epochs: 1}
"""
NOT_HELD_OUT = ("steps.corpus.held_out_fraction=0", "steps.questions.held_out_fraction=0")


@pytest.fixture(autouse=True)
def _without_matrix_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every machine refuses is refused here too."""
    monkeypatch.setattr(amx, "has_amx", lambda: False)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "ws")


def recipe_of(path: Path, *changes: str) -> Recipe:
    return load_recipe(path, STEPS, overrides=changes)


def check(recipe: Recipe, workspace: Workspace, device: str = "cpu") -> None:
    """As a plan does, of steps that read no file."""
    nodes = [node for node in resolve(recipe, workspace, STEPS) if node.name != "theirs"]
    planned = [one for one in make_plan(nodes, workspace, device=device) if one.node.name != "other"]
    check_trainings(planned, recipe, workspace, device=device)


def test_what_fits_is_taken(written: Path, empty: Workspace) -> None:
    check(recipe_of(written), empty)
    check(recipe_of(written, "steps.base.train.dtype=bfloat16"), empty, device="cuda")


@pytest.mark.parametrize(
    ("changes", "line", "message"),
    [
        (
            ["steps.base.train.tensor_parallel=4", "steps.base.train.processes=4"],
            "--set steps.base.train.tensor_parallel",
            r"base.train.tensor_parallel: `tensor_parallel` \(4\) does not divide the model's n_heads \(2\)",
        ),
        (
            ["steps.sized.train={processes: 3, tensor_parallel: 3}"],
            "--set steps.sized.train",
            r"sized.train.tensor_parallel: `tensor_parallel` \(3\) does not divide the model's n_heads \(2\)",
        ),
        (
            ["steps.unknown.train={processes: 3, tensor_parallel: 3}"],
            "--set steps.unknown.train",
            r"unknown.train.tensor_parallel: `tensor_parallel` \(3\) does not divide the model's n_heads \(2\)",
        ),
        (
            ["steps.more.train.seq_len=256"],
            "--set steps.more.train.seq_len",
            r"more.train.seq_len: `train.seq_len` \(256\) is longer than the model's context \(128\)",
        ),
        (
            ["steps.more.train.optimizer={type: muon, embedding_lr: 0.1}"],
            "--set steps.more.train.optimizer",
            "more.train.optimizer: `embedding_lr` has no effect",
        ),
        (
            ["steps.tutor.train.seq_len=256"],
            "--set steps.tutor.train.seq_len",
            r"tutor.train.seq_len: `train.seq_len` \(256\) is longer than the model's context \(128\)",
        ),
        (
            ["steps.base.train.dtype=bfloat16"],
            "--set steps.base.train.dtype",
            "base.train.dtype: bfloat16 is refused on this CPU",
        ),
        (
            [*NOT_HELD_OUT, "steps.base.train.early_stopping={patience: 1}"],
            "--set steps.base.train.early_stopping",
            "base.train.early_stopping: `train.early_stopping` goes by the held-out loss, and no document is held out",
        ),
        (
            [*NOT_HELD_OUT, "steps.sized.train={keep: {best: true}}"],
            "--set steps.sized.train",
            "sized.train.keep.best: `train.keep.best` goes by the held-out loss, and no document is held out",
        ),
        (NOT_HELD_OUT, "r.yaml:34", "tutor.data: no example is held out, so nothing could be measured"),
        (
            ["steps.sized.tokens=[{from: tokens, until: 900000}, {from: tokens}]"],
            "r.yaml:19",
            r"sized.size: what `size` comes to does not fit: `until` \(900000\) is after the last step \(",
        ),
        (
            [
                "steps.unknown.tokens=[{from: other, until: 9000}, {from: other}]",
                "steps.unknown.size={depth: 2, tokens: 100000}",
            ],
            "--set steps.unknown.size",
            r"unknown.size: what `size` comes to does not fit: `until` \(9000\) is after the last step \(",
        ),
        (
            ["steps.sized.size.d_model=100"],
            "--set steps.sized.size.d_model",
            r"sized.size.d_model: `size.d_model` \(100\) is no multiple of `head_dim` \(64\)",
        ),
        (
            ["steps.sized.train={keep: {every: 90000}}"],
            "--set steps.sized.train",
            r"sized.train.keep.every: what `size` comes to does not fit: `keep.every` \(90000\) has no effect in",
        ),
    ],
)
def test_what_is_refused(
    written: Path, empty: Workspace, changes: list[str], line: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        check(recipe_of(written, *changes), empty)
    assert str(caught.value.where).endswith(line)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_the_last_part_of_a_mixture_goes_on_to_the_end_of_a_size(written: Path) -> None:
    change = "steps.sized.tokens=[{from: tokens, until: 5}, {from: tokens, until: 9}]"
    with pytest.raises(
        RecipeError, match="nothing is read after step 9: leave `until` out of the last phase"
    ):
        recipe_of(written, change)


def take_away(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == module else found(name))


def test_a_tracker_without_its_client(
    written: Path, empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away("mlflow", monkeypatch)
    with pytest.raises(
        RecipeError, match=r"base.train.trackers: the tracker 'mlflow' needs a package"
    ) as caught:
        check(recipe_of(written, "steps.base.train.trackers=[mlflow]"), empty)
    assert caught.value.where == "--set steps.base.train.trackers"
    assert str(caught.value.hint).startswith("pip install 'ontogeny[mlflow]'")


def test_a_run_computes_nothing_before_it_is_told(tmp_path: Path, empty: Workspace) -> None:
    recipe = recipe_of(SMOKE, "steps.base.train.dtype=bfloat16")
    nodes = resolve(recipe, empty, STEPS)
    with pytest.raises(RecipeError, match="bfloat16"):
        run_recipe(recipe, nodes, nodes, empty, options=RunOptions())
    assert not empty.root.exists() or not list(empty.rows())


def look_before(workspace: Workspace, *changes: str, **options: Any) -> None:
    recipe = recipe_of(SMOKE, *changes)
    nodes = resolve(recipe, workspace, STEPS)
    selected = [node for node in nodes if node.name == "base"]
    check_before_run(recipe, nodes, selected, workspace, RunOptions(**options))


def test_more_processes_than_a_cluster_has(empty: Workspace) -> None:
    cluster = Cluster(0, 4, HashStore())
    look_before(empty, "steps.base.train.processes=4", cluster=cluster)
    with pytest.raises(
        RecipeError, match=r"base.train.processes: `processes` is 2, and torchrun started 4"
    ) as caught:
        look_before(empty, "steps.base.train.processes=2", cluster=cluster)
    assert caught.value.where == "--set steps.base.train.processes"


def test_a_batch_that_no_machine_holds(empty: Workspace) -> None:
    look = partial(look_before, empty)
    look("steps.base.train.batch_rows=100000000", "steps.base.train.micro_batch_rows=10")
    with pytest.raises(
        RecipeError, match=r"base.train: training takes about .* a process, and this mach"
    ) as caught:
        look("steps.base.train.batch_rows=100000000")
    assert str(caught.value.where).startswith(str(SMOKE))
    assert "100,000,000 rows are computed at once" in caught.value.message
    assert str(caught.value.hint).startswith("lower `train.micro_batch_rows`")
    look("steps.base.train.batch_rows=100000000", device="cuda")  # which tells it itself


def test_what_is_made_already_is_not_asked(smoke: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine than the one that trained may lack its trackers and its GPUs."""
    look = partial(look_before, Workspace(smoke.workspace))
    told = "steps.base.train.trackers=[mlflow]"
    take_away("mlflow", monkeypatch)
    look(told)
    with pytest.raises(UsageError, match="'mlflow' needs a package"):
        look(told, "steps.base.train.steps=61")
    with pytest.raises(UsageError, match="'mlflow' needs a package"):
        look(told, rerun=frozenset({"base"}))
