"""The clients: TensorBoard with its own reader, the others with modules that answer as theirs do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.train.config_watching import MLflowConfig, TensorBoardConfig, WandbConfig, check_trackers
from ontogeny.train.tracker_clients import flat, make_tracker

DIGEST = "blake3:0123456789abcdef"
SETTINGS = {"steps": 10, "optimizer": {"type": "adamw", "betas": [0.9, 0.95]}}


def line(step: int) -> dict[str, float]:
    return {"step": step, "loss": 5.0 - step, "lr": 0.1}


def made(config: Any) -> Any:
    return make_tracker(config, label="pretrain", digest=DIGEST, settings=SETTINGS)


@pytest.mark.parametrize("config", [TensorBoardConfig(), MLflowConfig(), WandbConfig()])
def test_an_absent_client_is_told_with_its_extra(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=f"the tracker '{config.type}' needs a package") as caught:
        check_trackers([config])
    assert caught.value.hint == f"pip install 'ontogeny[{config.type}]', or remove it from `train.trackers`"


def test_a_folder_that_a_client_wrote_is_not_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UsageError, match="'wandb' needs a package that is not installed"):
        check_trackers([WandbConfig()])


def test_without_trackers_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: pytest.fail("looked"))
    check_trackers([])


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """What TensorBoard shows of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(each.step, each.value) for each in events.Scalars(name)]


def test_tensorboard_reads_what_was_told(tmp_path: Path) -> None:
    tracker = made(TensorBoardConfig(folder=str(tmp_path)))
    run = tracker.open(None, 0)
    tracker.tell([line(1), line(2)])
    assert scalars(Path(run), "loss") == [(1, 4.0), (2, 3.0)]  # on disk at once
    tracker.tell([line(3)])
    tracker.close(finished=True)
    assert Path(run) == tmp_path / "pretrain-01234567"
    assert scalars(Path(run), "loss") == [(1, 4.0), (2, 3.0), (3, 2.0)]
    assert [step for step, _ in scalars(Path(run), "lr")] == [1, 2, 3]


def test_tensorboard_forgets_what_a_killed_process_told_after_its_checkpoint(tmp_path: Path) -> None:
    killed = made(TensorBoardConfig(folder=str(tmp_path)))
    run = killed.open(None, 0)
    killed.tell([line(1), line(2), line(3), line(4)])
    resumed = made(TensorBoardConfig(folder=str(tmp_path)))
    assert resumed.open(run, 2) == run
    resumed.tell([line(3), line(4), line(5)])
    resumed.close(finished=True)
    assert [step for step, _ in scalars(Path(run), "loss")] == [1, 2, 3, 4, 5]


def test_tensorboard_begins_anew_where_a_run_is_computed_again(tmp_path: Path) -> None:
    before = made(TensorBoardConfig(folder=str(tmp_path)))
    run = before.open(None, 0)
    before.tell([line(1), line(2), line(3)])
    before.close(finished=True)
    again = made(TensorBoardConfig(folder=str(tmp_path)))
    assert again.open(None, 0) == run
    again.tell([line(1), line(2)])
    again.close(finished=True)
    assert scalars(Path(run), "loss") == [(1, 4.0), (2, 3.0)]


def test_a_named_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    tracker = made(TensorBoardConfig(folder=str(tmp_path), name="try"))
    assert tracker.open(None, 0) == str(tmp_path / "try-pretrain-01234567")
    tracker.close(finished=True)


class Mlflow:
    """MLflow's client as far as it is used, over runs in memory."""

    def __init__(self, runs: dict[str, Any]) -> None:
        self.runs = runs
        self.experiments: dict[str, str] = {}

    def module(self) -> dict[str, ModuleType]:
        package, tracking, entities = (ModuleType(f"mlflow{part}") for part in ("", ".tracking", ".entities"))
        tracking.MlflowClient = lambda tracking_uri: self  # type: ignore[attr-defined]
        entities.Metric = lambda key, value, timestamp, step: SimpleNamespace(  # type: ignore[attr-defined]
            key=key, value=value, timestamp=timestamp, step=step
        )
        entities.Param = lambda key, value: (key, value)  # type: ignore[attr-defined]
        return {"mlflow": package, "mlflow.tracking": tracking, "mlflow.entities": entities}

    def get_experiment_by_name(self, name: str) -> Any:
        number = self.experiments.get(name)
        return None if number is None else SimpleNamespace(experiment_id=number)

    def create_experiment(self, name: str) -> str:
        return self.experiments.setdefault(name, str(len(self.experiments)))

    def create_run(self, experiment_id: str, run_name: str) -> Any:
        name = f"run{len(self.runs)}"
        self.runs[name] = {"name": run_name, "metrics": [], "params": {}, "status": "RUNNING"}
        return SimpleNamespace(info=SimpleNamespace(run_id=name))

    def update_run(self, run: str, status: str) -> None:
        self.runs[run]["status"] = status

    def set_terminated(self, run: str, status: str) -> None:
        self.runs[run]["status"] = status

    def get_metric_history(self, run: str, key: str) -> list[Any]:
        return [each for each in self.runs[run]["metrics"] if each.key == key]

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        assert len(metrics) <= 1000
        self.runs[run]["metrics"] += metrics
        self.runs[run]["params"] |= dict(params)


@pytest.fixture
def mlflow_runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    runs: dict[str, Any] = {}
    for name, module in Mlflow(runs).module().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "1")
    return runs


def losses(run: Any) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in run["metrics"] if each.key == "loss"]


def test_mlflow_has_a_run_with_settings(mlflow_runs: dict[str, Any]) -> None:
    tracker = made(MLflowConfig(experiment="books"))
    name = tracker.open(None, 0)
    tracker.tell([line(step) for step in range(1, 401)])
    tracker.close(finished=True)
    run = mlflow_runs[name]
    assert (run["name"], run["status"]) == ("pretrain-01234567", "FINISHED")
    assert run["params"] == {"steps": "10", "optimizer.type": "adamw", "optimizer.betas": "[0.9, 0.95]"}
    assert losses(run) == [(step, 5.0 - step) for step in range(1, 401)]


def test_mlflow_is_not_told_twice_what_a_killed_process_told(mlflow_runs: dict[str, Any]) -> None:
    killed = made(MLflowConfig())
    name = killed.open(None, 0)
    killed.tell([line(1), line(2), line(3)])
    resumed = made(MLflowConfig())
    assert resumed.open(name, 1) == name
    resumed.tell([line(2), line(3), line(4)])
    resumed.close(finished=False)
    assert losses(mlflow_runs[name]) == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert mlflow_runs[name]["status"] == "RUNNING"


class Wandb(ModuleType):
    """Weights & Biases' client as far as it is used: a run knows its next step."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.rows: dict[str, dict[int, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.Settings = dict

    def init(self, **settings: Any) -> Any:
        self.asked.append(settings)
        rows = self.rows.setdefault(name := settings["id"] or "abc", {})

        class Run:
            id = name
            step = property(lambda run: max(rows, default=-1) + 1)

            def log(run, row: dict[str, float], step: int) -> None:  # noqa: N805
                assert step >= run.step
                rows[step] = row

            def finish(run) -> None:  # noqa: N805
                pass

        return Run()


def test_wandb_goes_on_where_its_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", wandb := Wandb())
    config = WandbConfig(project="books", mode="offline")
    killed = made(config)
    name = killed.open(None, 0)
    killed.tell([line(1), line(2), line(3)])
    resumed = made(config)
    resumed.open(name, 1)
    resumed.tell([line(2), line(3), line(4)])
    resumed.close(finished=True)
    assert wandb.rows == {name: {step: {"loss": 5.0 - step, "lr": 0.1} for step in (1, 2, 3, 4)}}
    first, second = wandb.asked
    assert (first["project"], first["mode"], first["id"], first["resume"]) == ("books", "offline", None, None)
    assert (second["id"], second["resume"]) == (name, "allow")
    assert first["config"] == SETTINGS


def test_settings_in_one_level() -> None:
    assert flat({"a": 1, "b": {"c": {"d": 2}}}) == {"a": 1, "b.c.d": 2}
