"""The clients of TensorBoard, MLflow and Weights & Biases behind one protocol (`train.trackers.Tracker`).

Each is an extra of this package (`config_watching.check_trackers`). Numbers keep the names they have in metrics.jsonl.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.train.config_watching import MLflowConfig, TensorBoardConfig, TrackerConfig, WandbConfig
from ontogeny.train.trackers import Line, Tracker

LINES_AT_ONCE = 50  # MLflow takes 1,000 metrics and 100 parameters a request; a line has about ten metrics
MLFLOW_TIMEOUT_S, MLFLOW_RETRIES = "10", "1"  # its own 120 s and 7 retries: ours are made by the thread


def make_tracker(config: TrackerConfig, *, label: str, digest: str, settings: Mapping[str, Any]) -> Tracker:
    """The tracker of a run of `label` (`pretrain`), which `digest` names and `settings` describe."""
    unique = f"{label}-{digest.partition(':')[2][:8]}"
    name = config.name or unique
    if isinstance(config, TensorBoardConfig):
        named = unique if config.name is None else f"{config.name}-{unique}"
        return TensorBoard(Path(config.folder) / named, settings)
    if isinstance(config, MLflowConfig):
        return MLflow(config, name, settings)
    return Wandb(config, name, settings)


class TensorBoard:
    """Event files in `folder`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder, self._settings = folder, settings
        self._writer: Any = None

    def open(self, run: str | None, after_step: int) -> str:
        """A new event file; readers forget what earlier ones said of later steps, or of any for a new run."""
        from torch.utils.tensorboard import SummaryWriter

        purge = 0 if run is None else after_step + 1
        self._writer = SummaryWriter(str(self._folder), purge_step=purge)
        if run is None:
            settings = json.dumps(self._settings, indent=2, ensure_ascii=False)
            indented = "\n".join(f"    {line}" for line in settings.splitlines())
            self._writer.add_text("settings", indented, 0)
        return str(self._folder)

    def tell(self, lines: Sequence[Line]) -> None:
        """Scalars, on disk when it returns."""
        for line in lines:
            for name, value in line.items():
                if name != "step":
                    self._writer.add_scalar(name, value, int(line["step"]))
        self._writer.flush()

    def close(self, *, finished: bool) -> None:
        """Close the file."""
        self._writer.close()


class MLflow:
    """A run of an experiment."""

    def __init__(self, config: MLflowConfig, name: str, settings: Mapping[str, Any]) -> None:
        self._config, self._name, self._settings = config, name, settings
        self._client: Any = None
        self._run = ""
        self._known = 0

    def open(self, run: str | None, after_step: int) -> str:
        """Make the run, or find what a killed process told it after the checkpoint."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", MLFLOW_TIMEOUT_S)
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", MLFLOW_RETRIES)
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._config.uri)
        if run is not None:
            told = self._client.get_metric_history(run, "loss")
            self._known = max((each.step for each in told), default=0)
            self._client.update_run(run, status="RUNNING")
            self._run = run
            return run
        if not self._run:  # else it was made, and what came then failed
            experiment = self._client.get_experiment_by_name(self._config.experiment)
            number = (
                self._client.create_experiment(self._config.experiment)
                if experiment is None
                else experiment.experiment_id
            )
            self._run = str(self._client.create_run(number, run_name=self._name).info.run_id)
        settings = [Param(key, str(value)) for key, value in flat(self._settings).items()]
        self._client.log_batch(self._run, params=settings)
        return self._run

    def tell(self, lines: Sequence[Line]) -> None:
        """Metrics in batches of at most what a request may hold."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = [line for line in lines if line["step"] > self._known]
        for start in range(0, len(new), LINES_AT_ONCE):
            batch = new[start : start + LINES_AT_ONCE]
            metrics = [
                Metric(name, float(value), now, int(line["step"]))
                for line in batch
                for name, value in line.items()
                if name != "step"
            ]
            self._client.log_batch(self._run, metrics=metrics)
            self._known = int(batch[-1]["step"])

    def close(self, *, finished: bool) -> None:
        """Mark the run as finished; one that was stopped stays open."""
        if finished:
            self._client.set_terminated(self._run, status="FINISHED")


class Wandb:
    """A run of a project."""

    def __init__(self, config: WandbConfig, name: str, settings: Mapping[str, Any]) -> None:
        self._config, self._name, self._settings = config, name, settings
        self._run: Any = None

    def open(self, run: str | None, after_step: int) -> str:
        """Begin the run, or resume it; its client knows the steps that it has."""
        import wandb

        self._run = wandb.init(
            project=self._config.project,
            entity=self._config.entity,
            mode=self._config.mode,
            dir=self._config.folder,
            name=self._name,
            id=run,
            resume=None if run is None else "allow",
            config=dict(self._settings),
            settings=wandb.Settings(silent=True, console="off", save_code=False, disable_git=True),
        )
        return str(self._run.id)

    def tell(self, lines: Sequence[Line]) -> None:
        """One row a step; steps that the run has already are left out."""
        for line in lines:
            step = int(line["step"])
            if step >= self._run.step:
                self._run.log({name: value for name, value in line.items() if name != "step"}, step=step)

    def close(self, *, finished: bool) -> None:
        """Send the rest."""
        self._run.finish()


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as `optimizer.lr: 0.001`."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
