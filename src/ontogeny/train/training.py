"""A training run from beginning to end: optimizer, schedule, hooks, resume, loop. Pretraining and tuning both call it.

The caller brings the model with its initial weights, the plan, batches and a folder that survives a kill; calling
`train` again with the same arguments goes on from the newest checkpoint there and ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ontogeny.core.errors import UsageError
from ontogeny.core.files import digest_json
from ontogeny.core.hardware import peak_memory_bytes
from ontogeny.core.progress import Progress
from ontogeny.model.lora import dropout_of, weight_count
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.average import AverageWeights
from ontogeny.train.batches import Batch, BatchFeed
from ontogeny.train.checkpoint import Checkpoints
from ontogeny.train.config import IMMATERIAL, TrainConfig
from ontogeny.train.hooks import HeldOutLoss
from ontogeny.train.loop import Hook, Run, TrainState, run
from ontogeny.train.metrics_log import MetricsLog
from ontogeny.train.objective import Objective, next_token, summed_loss
from ontogeny.train.optim import Optimizer
from ontogeny.train.outliers import SkipOutlierSteps
from ontogeny.train.phases import phases_of
from ontogeny.train.precision import faster_dtype, matmul_flops_per_second, resolve_dtype
from ontogeny.train.ranks import ALONE, Ranks, current_ranks
from ontogeny.train.rates import Rates, training_flops_per_token
from ontogeny.train.schedule import lr_multiplier
from ontogeny.train.sharded import hand_back, let_go
from ontogeny.train.snapshots import Form, WholeModel
from ontogeny.train.watching import Watching

CHECKPOINTS_FOLDER = "checkpoints"


@dataclass(frozen=True)
class HeldOut:
    """What is measured during training and never trained on: rows, and tokens a byte where bytes are known."""

    batches: BatchFeed
    tokens_per_byte: float | None = None


@dataclass(frozen=True)
class Trained:
    """What a run came to. The model's weights are in place; `publish(payload)` puts metrics and snapshots beside it."""

    publish: Callable[[Path], None]
    figures: dict[str, Any]
    """steps, tokens, loss, tokens_per_second, flops_utilisation, seconds and their like, for the manifest."""
    spent: dict[str, float]
    """Tokens and FLOPs."""


def train(
    model: Transformer,
    batches: BatchFeed,
    *,
    config: TrainConfig,
    folder: Path,
    progress: Progress,
    label: str,
    device: str | None = None,
    held_out: HeldOut | None = None,
    objective: Objective[Batch] | None = None,
    origin: str = "",
    tokenizer: Tokenizer | None = None,
    form: Form | None = None,
    describe: Callable[[Sequence[str]], list[str]] = list,
    hooks: Sequence[Hook] = (),
) -> Trained:
    """Train `model` in place on the plan of `batches`.

    Args:
        folder: checkpoints and metrics.jsonl lie here; must survive a kill.
        device: where it trains. None: where `model` lies. Several processes need the weights in the first alone
            (`train.ranks.whole_model_device`).
        objective: None: the next token, with the z-loss of `config`.
        origin: names what the weights were before, e.g. a digest, so that a checkpoint of another run is refused.
        tokenizer: goes into the snapshots that `config.keep` asks for.
        form: that of snapshots. None: whole models.
        describe: names documents by their ids in errors and notes, with where they come from.
        hooks: called after each step, before a checkpoint may be written.

    Raises:
        ArtifactError: `folder` holds a checkpoint of another run, or the disk is full.
        UsageError: the configuration wants a type this device lacks, or a z-loss that `objective` does not have.
        OntogenyError: the loss stopped being finite.
    """
    device = device or model.device.type
    ranks = current_ranks(processes=config.processes, tensor_parallel=config.tensor_parallel, device=device)
    objective = _with_z_loss(objective, config.z_loss)
    training = _Training(model, batches, config, ranks, device, held_out, objective, describe)
    digest = _digest(config, model, batches.plan.digest, origin)
    form = form or WholeModel(tokenizer)
    watching = training.watching(folder, digest, label=label, form=form, progress=progress)
    checkpoints = training.checkpoints(folder, digest, watching)
    if training.restore(checkpoints):
        progress.note(f"{label}: going on after step {training.state.step} of {training.setup.steps}")
    elif (faster := faster_dtype(config.dtype, device)) is not None:
        progress.note(f"{label}: {faster}")
    with watching.during(training.setup) as beside, checkpoints:
        training.run(beside, hooks, checkpoints)
    trained = training.finish(watching)
    if model.device.type != device:
        progress.note(
            f"{label}: the whole model does not fit into the memory of one {device} device: it stays in that of the "
            "machine, where what is measured next takes longer"
        )
    return trained


class _Training:
    """What a run consists of, and its way from the first step, or the newest checkpoint, to the last."""

    def __init__(
        self,
        model: Transformer,
        batches: BatchFeed,
        config: TrainConfig,
        ranks: Ranks,
        device: str,
        held_out: HeldOut | None,
        objective: Objective[Batch],
        describe: Callable[[Sequence[str]], list[str]],
    ) -> None:
        self._model, self._plan, self._config, self._ranks = model, batches.plan, config, ranks
        self._device, self._held_out = device, held_out
        steps = batches.plan.order.steps
        dtype = resolve_dtype(config.dtype, device)
        self._rate = matmul_flops_per_second(device, dtype) * ranks.processes
        trained = _made_ready(model, config, ranks, device, dtype)
        self.state = TrainState(trained, Optimizer(trained, config.optimizer))
        self._guard = SkipOutlierSteps(config.skip_outliers) if config.skip_outliers is not None else None
        self._average = AverageWeights(config.average, steps=steps) if config.average is not None else None
        self._dropout = dropout_of(trained)
        self._phases = phases_of(config, model.config, steps=steps)
        self.setup: Run[Batch] = Run(
            feed=batches.part(ranks.data_rank, ranks.data_count),
            objective=objective,
            steps=steps,
            lr=self._lr,
            clip_grad_norm=config.clip_grad_norm,
            dtype=dtype,
            guard=self._guard,
            ranks=ranks,
            describe=describe,
        )

    def _lr(self, step: int) -> float:
        multiplier = lr_multiplier(self._config.schedule, step=step, steps=self.setup.steps)
        return self._phases.lr_factor(step) * multiplier

    def watching(self, folder: Path, digest: str, *, label: str, form: Form, progress: Progress) -> Watching:
        """What stands beside this run."""
        return Watching(
            self._config,
            folder,
            label=label,
            digest=digest,
            steps=self.setup.steps,
            tokens=self._plan.tokens_after(0),
            rates=Rates(training_flops_per_token(self.state.model, round(self._plan.context)), self._rate),
            measured=self._held_out is not None,
            form=form,
            ranks=self._ranks,
            progress=progress,
        )

    def checkpoints(self, folder: Path, digest: str, watching: Watching) -> Checkpoints:
        """What `folder` keeps of this run over a kill."""
        parts = watching.parts
        if self._guard is not None:
            parts["outliers"] = self._guard
        if self._average is not None:
            parts["average"] = self._average
        if self._dropout is not None:
            parts["dropout"] = self._dropout
        return Checkpoints(
            folder / CHECKPOINTS_FOLDER,
            digest=digest,
            parts=parts,
            steps=self.setup.steps,
            every_seconds=self._config.checkpoint_seconds,
            ranks=self._ranks,
        )

    def restore(self, checkpoints: Checkpoints) -> bool:
        """Go to the newest checkpoint; False where there is none, and the run begins."""
        found = checkpoints.restore(self.state)
        self.state.note_processes(self._ranks.processes)
        self._phases.enter(self.state.model, self.state.step)
        return found

    def run(self, beside: Sequence[Hook], more_hooks: Sequence[Hook], checkpoints: Checkpoints) -> None:
        """Train to the end."""
        hooks: list[Hook] = []
        if self._held_out is not None:
            hooks.append(_measuring(self._held_out, self.setup, self._config))
        hooks += beside
        hooks += [each for each in (self._average, self._dropout) if each is not None]
        run(self.state, self.setup, [*hooks, *more_hooks, checkpoints, self._phases])

    def _rate_again(self) -> float:
        """FLOP/s of the processes; on a CPU the better of before and after, for other work may have hidden its peak."""
        if self._device != "cpu":
            return self._rate
        return max(self._rate, matmul_flops_per_second("cpu", self.setup.dtype) * self._ranks.processes)

    def finish(self, watching: Watching) -> Trained:
        """Have the weights whole in the model, as they are to be published, and tell of the run.

        Raises:
            OnlyFirstGoesOn: in every process but the first.
        """
        state = self.state
        if self._average is not None and self._ranks.mesh is not None:
            self._average.gather()
        if state.model is not self._model:
            hand_back(state.model, self._model, self._ranks, self._device)
            state.model = self._model
        steps = watching.finish(state)
        figures, spent = _figures(
            state, watching.metrics, self._rate_again(), steps=steps, context=self._plan.context
        )
        if self._guard is not None:
            figures["skipped_steps"] = state.skipped
        if self._average is not None and self._average.count:
            figures |= _put_average(self._average, self._model, self._held_out, self.setup)
        return Trained(watching.publish, figures | watching.figures(state), spent)


def _made_ready(
    model: Transformer, config: TrainConfig, ranks: Ranks, device: str, dtype: torch.dtype
) -> Transformer:
    """What is trained: `model` itself, unless it is to be cut, compiled or to recompute."""
    if ranks.mesh is None and not config.recompute and not config.compiles_on(device):
        return model
    # Only here, since its part of PyTorch takes longer to load than a small run.
    from ontogeny.train.parallel import made_ready

    return made_ready(model, config, ranks, device=device, dtype=dtype)


def _with_z_loss(objective: Objective[Batch] | None, z_loss: float) -> Objective[Batch]:
    if objective is None:
        return partial(next_token, z_loss=z_loss)
    if z_loss:
        raise UsageError("this objective has no z-loss", where="train.z_loss", hint="leave `z_loss` out")
    return objective


def _put_average(
    average: AverageWeights, model: Transformer, held_out: HeldOut | None, setup: Run[Batch]
) -> dict[str, Any]:
    """Make the average the weights of `model`; how many it is of, and the held-out loss before and after."""

    def measured() -> float | None:
        if held_out is None:
            return None
        return held_out_loss(model, held_out, objective=setup.objective, dtype=setup.dtype)

    before = measured()
    average.put_into(model)
    return {
        "averaged_steps": average.count,
        "held_out_loss_last_weights": before,
        "held_out_loss_averaged_weights": measured(),
    }


def _digest(config: TrainConfig, model: Transformer, plan_digest: str, origin: str) -> str:
    """Names a run: everything that decides its bits on one machine."""
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude=IMMATERIAL | {"tensor_parallel"})
    return digest_json([settings, model.config.model_dump(mode="json"), plan_digest, origin])


def _measuring(held_out: HeldOut, setup: Run[Batch], config: TrainConfig) -> HeldOutLoss:
    def measure(model: Transformer) -> float:
        return held_out_loss(model, held_out, objective=setup.objective, dtype=setup.dtype, ranks=setup.ranks)

    return HeldOutLoss(
        measure, every=config.eval_every, steps=setup.steps, tokens_per_byte=held_out.tokens_per_byte
    )


def held_out_loss(
    model: Transformer,
    held_out: HeldOut,
    *,
    objective: Objective[Batch] = next_token,
    dtype: torch.dtype = torch.float32,
    ranks: Ranks = ALONE,
) -> float:
    """Mean loss, nats a supervised token, over every row; `ranks` share them."""
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in held_out.batches.part(ranks.data_rank, ranks.data_count).every_row():
            loss = float(summed_loss(model, batch, objective, dtype))
            total += 0.0 if batch.spare else loss
            count += batch.supervised
    let_go(model)
    total, whole_count = ranks.total([total, count])
    return total / whole_count


def _figures(
    state: TrainState, metrics: MetricsLog, rate: float, *, steps: int, context: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """Metrics of the manifest, and what was spent."""
    model = state.model
    flops = training_flops_per_token(model, round(context)) * state.tokens
    on_gpu = model.device.type == "cuda"
    figures = {
        "steps": steps,
        **({} if state.processes == [[0, 1]] else {"processes": state.processes}),
        "tokens": state.tokens,
        "loss": metrics.last["loss"],
        "tokens_per_second": state.tokens / state.train_seconds,
        "flops_utilisation": flops / state.train_seconds / rate,
        "matmul_flops_per_second": rate,
        "seconds": state.seconds,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else peak_memory_bytes(),
        "supervised_tokens_per_second": state.supervised / state.train_seconds,
        "trainable_parameters": sum(parameter.numel() for parameter in state.optimizer.parameters),
        "parameters": weight_count(model),
        "threads": torch.get_num_threads(),
    }
    return figures, {"tokens": float(state.tokens), "flops": float(flops)}
