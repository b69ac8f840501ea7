"""`ontogeny find-lr`: its plot, its words, which step it takes, and a trial on a step of a recipe."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ontogeny.cli.find_lr import plot, said
from ontogeny.cli.grid import _short
from ontogeny.core.errors import UsageError
from ontogeny.model import amx
from ontogeny.recipe.find_rate import step_to_try
from ontogeny.recipe.plan import Node
from ontogeny.recipe.table import STEPS
from ontogeny.train.rate_finder import Found, ramp
from tests.conftest import SMOKE, Life

RATES = ramp(1e-5, 1.0, 60)
LOSSES = [5 - 2 / (1 + math.exp(-6 * (math.log10(rate) + 2))) for rate in RATES]


def node(name: str, kind: str) -> Node:
    body: dict[str, Any] = {
        "pretrain": {
            "tokens": "t",
            "model": {"d_model": 16, "n_layers": 1, "n_heads": 1},
            "train": {"steps": 90},
        },
        "tokenize": {"corpus": "c", "tokenizer": "k"},
    }[kind]
    return Node(name, STEPS[kind], STEPS[kind].config.model_validate({"step": kind, **body}), (), (), 0)


def test_the_plot_has_a_frame_and_marks_the_rate() -> None:
    lines = plot(RATES, LOSSES, marked=1e-2, rows=5, columns=40)
    assert len(lines) == 7
    assert lines[0].startswith("   5.") and lines[4].startswith("   3.0")
    assert lines[-1].split() == ["1e-05", "1e+00"]
    assert all(len(line) <= 50 for line in lines)
    column = lines[0].index("┃")
    assert column - lines[0].index("│") - 1 == round(39 * 3 / 5)
    assert sum(line.count("•") for line in lines) >= 30


def test_a_burst_is_cut_off() -> None:
    lines = plot(RATES, [*LOSSES[:-1], 900.0], marked=None)
    assert float(lines[0].split()[0]) < 6


def test_a_plot_of_nothing() -> None:
    assert plot([], [], marked=None) == []


def found(**changes: Any) -> Found:
    values = {
        "rates": RATES,
        "losses": LOSSES,
        "smoothed": LOSSES,
        "suggested": 0.0123,
        "tenth_of_lowest": 0.05,
    }
    return Found(**{**values, "ended": "", **changes})


def test_the_words() -> None:
    fields = {"steps.base.size.lr": 0.0123, "steps.base.size.adam_lr": 0.02}
    suggested, to_use = said(found(), fields)
    assert suggested.startswith("suggested: 1.23e-02, where the smoothed loss falls fastest")
    assert to_use == "to use it: --set steps.base.size.lr=0.012 --set steps.base.size.adam_lr=0.02"
    assert said(found(ended="the loss burst"), fields)[0] == "The trial ended at 1.00e+00: the loss burst."
    assert "did not fall" in said(found(suggested=None), {})[-1]


def test_the_only_step_needs_no_name() -> None:
    nodes = [node("tokens", "tokenize"), node("base", "pretrain")]
    assert step_to_try(nodes, None).name == step_to_try(nodes, "base").name == "base"


@pytest.mark.parametrize(
    ("names", "asked", "message"),
    [
        (["a", "b"], None, "the recipe has 2 `pretrain` steps"),
        ([], None, "the recipe has 0 `pretrain` steps"),
        (["base"], "bass", "there is no step 'bass'. Did you mean 'base'?"),
        (["base"], "tokens", "tokens is no `pretrain` step"),
    ],
)
def test_which_step_is_meant(names: list[str], asked: str | None, message: str) -> None:
    nodes = [node("tokens", "tokenize"), *(node(name, "pretrain") for name in names)]
    with pytest.raises(UsageError) as caught:
        step_to_try(nodes, asked)
    assert message in caught.value.message


def test_a_trial_on_a_step(life: Life, command: Any) -> None:
    result = command("find-lr", str(SMOKE), "base", "--steps", "12", "--json").json
    assert result["step"] == "base"
    assert len(result["rates"]) == len(result["losses"]) == 12
    assert result["rates"][0] == 1e-5
    assert all(math.isfinite(loss) for loss in result["smoothed"])
    if result["suggested"] is not None:
        assert result["set"]["steps.base.train.optimizer.lr"] == pytest.approx(result["suggested"])


def test_a_trial_is_of_the_rows_that_train_itself_has(life: Life, command: Any) -> None:
    """Phases lengthen rows beyond the context that the model has without them."""
    phases = "[{until: 2}, {batch_rows: 1, seq_len: 128}]"
    tried = command(
        "find-lr", str(SMOKE), "--steps", "12", "--json", "--set", f"steps.base.train.phases={phases}"
    )
    assert tried.code == 0, tried.err
    assert len(tried.json["rates"]) == 12
    assert "ended" not in tried.json or not tried.json["ended"]


def test_what_is_not_made_yet_is_named(command: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "empty"))
    failed = command("find-lr", str(SMOKE))
    assert failed.code == 2
    assert "base needs tokens, which is not made yet" in failed.err
    assert "--until tokens" in failed.err


def test_a_type_that_this_processor_lacks_is_refused_before_anything_is_read(
    command: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(amx, "has_amx", lambda: False)
    failed = command("find-lr", str(SMOKE), "--set", "steps.base.train.dtype=bfloat16")
    assert failed.code == 2
    assert "--set steps.base.train.dtype: base.train.dtype: bfloat16 is refused on this CPU" in failed.err


def test_a_range_that_is_none(command: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "empty"))
    failed = command("find-lr", str(SMOKE), "--from", "1", "--to", "0.1")
    assert failed.code == 2
    assert "rates from 1 to 0.1 are no range" in failed.err


@pytest.mark.parametrize(
    ("paths", "short"),
    [
        (["steps.base.train.optimizer.lr", "seed"], ["lr", "seed"]),
        (["steps.a.train.steps", "steps.b.train.steps"], ["a.train.steps", "b.train.steps"]),
    ],
)
def test_columns_of_a_grid_have_short_names(paths: list[str], short: list[str]) -> None:
    assert _short(paths) == short
