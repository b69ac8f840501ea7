"""Everything beside training that a configuration asks for: metrics, trackers, the view, an early end, snapshots.

watching = Watching(config, folder, ...)
checkpoints = Checkpoints(..., parts=watching.parts)
with watching.during(setup) as hooks:
    run(state, setup, [measure, *hooks, checkpoints])
step = watching.finish(state)
watching.publish(payload)

Of several processes the first writes what is written once: metrics, trackers, the view. An early end and snapshots are
in every one, since all end together and a snapshot takes the weights of all. Notes about spikes are in none then: to
write one, a process would have to compute alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ontogeny.core.files import digest_json
from ontogeny.core.progress import Progress
from ontogeny.train.checkpoint import Part
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_watching import check_measured, check_trackers
from ontogeny.train.live_view import TrainingView
from ontogeny.train.loop import Hook, Run, TrainState
from ontogeny.train.metrics_log import METRICS_FILE, MetricsLog, read_metrics
from ontogeny.train.objective import BatchT
from ontogeny.train.ranks import Ranks
from ontogeny.train.rates import Rates
from ontogeny.train.snapshots import Form, Snapshots
from ontogeny.train.spikes import NoteSpikes
from ontogeny.train.stopping import StopEarly
from ontogeny.train.tracker_clients import make_tracker
from ontogeny.train.trackers import Tell, Trackers

KEPT_FOLDER = "kept"


class Watching:
    """The hooks of a run that stand between measuring and checkpoints, and what of them checkpoints hold."""

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        *,
        label: str,
        digest: str,
        steps: int,
        tokens: float,
        rates: Rates,
        measured: bool,
        form: Form,
        ranks: Ranks,
        progress: Progress,
    ) -> None:
        """`folder` survives a kill, `digest` names the run, `measured`: whether there is a held-out loss, `form`: how
        snapshots lie in folders.

        Raises:
            UsageError: a tracker whose client is not installed, or what needs a held-out loss where there is none.
        """
        check_trackers(config.trackers)
        check_measured(config.early_stopping, config.keep, measured=measured)
        self._progress, self._label, self._folder, self._ranks = progress, label, folder, ranks
        self._ended_at = self._model_step = 0
        self.metrics = MetricsLog(folder / METRICS_FILE, every=config.log_every, steps=steps)
        self._stopping = StopEarly(config.early_stopping) if config.early_stopping else None
        self._snapshots = (
            Snapshots(folder / KEPT_FOLDER, config.keep, form=form, steps=steps) if config.keep else None
        )
        settings = config.model_dump(mode="json", exclude={"trackers"}, exclude_none=True)
        self._tellers = {
            digest_json(each.model_dump(mode="json")): Tell(
                make_tracker(each, label=label, digest=digest, settings=settings),
                each.type,
                metrics=self.metrics,
                rates=rates,
                progress=progress,
            )
            for each in (config.trackers if ranks.first else ())
        }
        self._view = TrainingView(label, steps=steps, tokens=tokens, rates=rates)

    @property
    def parts(self) -> dict[str, Part]:
        """What checkpoints hold of this process beside weights and optimizer."""
        parts: dict[str, Part] = {}
        if self._ranks.first:
            parts |= {"metrics": self.metrics, "trackers": Trackers(self._tellers)}
        if self._stopping is not None:
            parts["early_stopping"] = self._stopping
        if self._snapshots is not None:
            parts["snapshots"] = self._snapshots
        return parts

    @contextmanager
    def during(self, setup: Run[BatchT]) -> Iterator[list[Hook]]:
        """This process's hooks in their order, with the view on the screen."""
        hooks: list[Hook] = [each for each in (self._stopping, self._snapshots) if each is not None]
        if self._ranks.first:
            self._view.take_up(read_metrics(self._folder))
            hooks += [self.metrics, *self._tellers.values(), self._view]
        if self._ranks.mesh is None:
            hooks.append(NoteSpikes(setup, self._progress))
        finished = False
        try:
            with self._progress.view(self._view):
                yield hooks
            finished = True
        finally:
            for each in self._tellers.values():
                each.end(finished=finished)

    def finish(self, state: TrainState) -> int:
        """After the last step: say why it was the last, and bring the model to the weights that are published.

        Returns the step of these weights.
        """
        if state.ended:
            self._progress.note(f"{self._label}: ended after step {state.step:,}: {state.ended}")
        self._ended_at = self._model_step = state.step
        if self._snapshots is not None:
            self._model_step = self._snapshots.finish(state.model, state.step)
            if self._model_step != state.step:
                best = f"the model is that of step {self._model_step:,}, whose held-out loss was the lowest"
                self._progress.note(f"{self._label}: {best}")
        return self._model_step

    def figures(self, state: TrainState) -> dict[str, Any]:
        """What the manifest tells beside the usual, or in its place: where and why a run ended, and what it gave."""
        figures: dict[str, Any] = {}
        if state.ended:
            figures["ended"] = state.ended
        if self._model_step != self._ended_at:
            (line,) = (each for each in read_metrics(self._folder) if each["step"] == self._model_step)
            figures |= {"tokens": int(line["tokens"]), "loss": line["loss"]}
            figures |= {"steps_run": self._ended_at, "tokens_run": state.tokens}
        return figures

    def publish(self, payload: Path) -> None:
        """Put metrics and snapshots beside the model in `payload`, once `finish` was called."""
        shutil.copyfile(self._folder / METRICS_FILE, payload / METRICS_FILE)
        if self._snapshots is not None:
            self._snapshots.publish(payload, model_step=self._model_step, last_step=self._ended_at)
