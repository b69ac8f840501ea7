"""`task: instruct` of the step `finetune`: a model and conversations to a model, or an adapter, that answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ontogeny.core.files import write_atomic
from ontogeny.finetune.growth import Part, check_parts, growth_figures, learn_parts, nested_order
from ontogeny.finetune.guards import Guards, Measured
from ontogeny.finetune.methods import base_kept, choose_trained, describe
from ontogeny.finetune.shared import check_batch, general_text_of
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs
from ontogeny.train.config import IMMATERIAL
from ontogeny.train.config_model import check_model
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.conversations import Conversations
    from ontogeny.finetune.instruct import Tuning
    from ontogeny.finetune.instruct_data import InstructData
    from ontogeny.finetune.step import FinetuneConfig
    from ontogeny.model.transformer import Transformer
    from ontogeny.report.page import Page
    from ontogeny.statistics.learning_curve import LossGrowth
    from ontogeny.tokenizer.chat import Messages
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.train.snapshots import Form
    from ontogeny.train.training import Trained

SELF_REPLAY_FILE = "self_replay.jsonl"


class Prepared(NamedTuple):
    """A tuning that is about to begin."""

    base: Artifact
    model: Transformer
    """With what `method` adds, the rest frozen."""
    data: InstructData
    tuning: Tuning
    form: Form


def prepare(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Prepared:
    """Read and encode the inputs, plan which conversation is read when, choose what is trained, and tell of it."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.form import form_of
    from ontogeny.finetune.instruct_data import read_instruct_data
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.tokenizer.codec import Tokenizer

    base = inputs["model"]
    model = model_to_tune(config.method, base, context.device)
    check_model(config.train, model.config)
    seq_len, seed = config.train.seq_len or model.config.seq_len, derive_seed(context.seed, "order")
    tokenizer = Tokenizer.load(base.path)
    data = read_instruct_data(
        config,
        inputs,
        tokenizer,
        seq_len=seq_len,
        seed=seed,
        progress=context.progress,
        make_up=partial(_make_up, model, context),
    )
    tuning = _plan(config, data.train, data.held_out, seq_len=seq_len, seed=seed)
    check_batch(config.train.batch_rows, examples=len(data.train))
    if config.learning_curve:
        check_parts(config.train, rows=len(data.train), progress=context.progress)
    form = form_of(config.method, base, model, data.tokenizer)
    choose_trained(model, config.method, seed=derive_seed(context.seed, "adapters"))
    for line in describe(model, config.method, config.train, seq_len=int(data.train.spans.length.max())):
        context.progress.note(f"finetune: {line}")
    return Prepared(base, model, data, tuning, form)


def _make_up(
    model: Transformer, context: Context, tokenizer: Tokenizer, wanted: int
) -> list[tuple[str, Messages]]:
    """What `model` makes up, which lies beside what becomes of it as well."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.self_replay import made_up

    rows = made_up(
        model,
        tokenizer,
        wanted,
        seed=derive_seed(context.seed, "self replay"),
        kept=context.scratch / SELF_REPLAY_FILE,
        progress=context.progress,
    )
    lines = (json.dumps({"doc_id": doc_id, "messages": messages}) + "\n" for doc_id, messages in rows)
    write_atomic(context.payload / SELF_REPLAY_FILE, "".join(lines))
    return rows


def run_instruct(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode, plan, measure, tune, measure again, write a Hugging Face folder or a PEFT folder."""
    from ontogeny.finetune.interpolation import Line
    from ontogeny.finetune.report_guards import add_growth
    from ontogeny.finetune.step import model_to_tune

    base, model, data, tuning, form = prepare(config, inputs, context)
    guards = guards_around(config, inputs, tuning, model, data.tokenizer, context)
    guards.before()
    trained = _tune(config, base, model, tuning, form, context.scratch, context)
    growth = _growth(config, base, model, tuning, data, form, context) if config.learning_curve else None
    after = guards.after(lambda: Line(model, lambda: model_to_tune(config.method, base, context.device)))
    form.write(model, context.payload)
    figures = {
        **trained.figures,
        **guards.figures(),
        "held_out_loss": after.held_out_loss,
        **data.figures(),
        **({} if growth is None else growth_figures(growth)),
        "packing_digest": tuning.plan.digest,
    }

    def more(page: Page) -> None:
        guards.add_to(page)
        if growth is not None:
            add_growth(page, growth)

    publish(config, trained, tuning, figures, context, more=more)
    return Outputs(metrics=figures, verdicts=guards.verdicts(inputs), spent=trained.spent)


def _tune(
    config: FinetuneConfig,
    base: Artifact,
    model: Transformer,
    tuning: Tuning,
    form: Form,
    folder: Path,
    context: Context,
) -> Trained:
    """Train `model`; checkpoints lie in `folder`."""
    from ontogeny.core.files import digest_json
    from ontogeny.finetune.instruct import tune

    with memory_is_a_setting(config.train), base_kept(model, config.method, base.path):
        return tune(
            model,
            tuning,
            folder=folder,
            progress=context.progress,
            origin=digest_json([base.digest, config.model_dump(mode="json", include={"method"})]),
            form=form,
        )


def publish(
    config: FinetuneConfig,
    trained: Trained,
    tuning: Tuning,
    figures: Mapping[str, Any],
    context: Context,
    *,
    more: Callable[[Page], None],
    title: str = "Tuning",
    minimised: str = "Cross-entropy",
) -> None:
    """Put beside the model what tells of it: the plan, metrics, snapshots, the page, to which `more` adds sections."""
    from ontogeny.train.packing import PACKING_FILE
    from ontogeny.train.report import write_training_report
    from ontogeny.train.snapshot_folders import snapshots_in

    tuning.plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    write_training_report(
        context.payload,
        title=title,
        settings=config.model_dump(mode="json", exclude={"train": IMMATERIAL}),
        figures={**figures, **trained.spent},
        plan=tuning.plan,
        snapshots=snapshots_in(context.payload),
        more=more,
        minimised=minimised,
    )


def _plan(
    config: FinetuneConfig, train: Conversations, held_out: Conversations, *, seq_len: int, seed: int
) -> Tuning:
    from ontogeny.finetune.instruct import plan_tuning

    return plan_tuning(
        train,
        held_out,
        config=config.train,
        seq_len=seq_len,
        seed=seed,
        packing=config.packing,
        neftune_alpha=config.neftune_alpha,
    )


def guards_around(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    tuning: Tuning,
    model: Transformer,
    tokenizer: Tokenizer,
    context: Context,
) -> Guards:
    """What is measured before and after: answers, and text the tuning does not aim at."""
    text = general_text_of(config, inputs)

    def measure() -> Measured:
        return Measured(
            held_out_loss=tuning.held_out_loss(model),
            general_bits=None if text is None else text.bits(model, tokenizer, context.progress),
        )

    return Guards(config, text, measure, context)


def _growth(
    config: FinetuneConfig,
    base: Artifact,
    model: Transformer,
    tuning: Tuning,
    data: InstructData,
    form: Form,
    context: Context,
) -> LossGrowth:
    """What more examples would make of the held-out loss; `model` has learnt from all of them."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.statistics.learning_curve import MeasuredLoss, extrapolate_loss

    def learn(part: Part, folder: Path) -> dict[str, Any]:
        other = model_to_tune(config.method, base, context.device)
        choose_trained(other, config.method, seed=derive_seed(context.seed, "adapters"))
        train = replace(data.train, spans=data.train.spans.take(part.rows))
        smaller = config.model_copy(update={"train": part.train})
        planned = _plan(smaller, train, data.held_out, seq_len=tuning.plan.seq_len, seed=tuning.seed)
        _tune(smaller, base, other, planned, form, folder, context)
        return {"losses": planned.held_out_losses(other)}

    order = nested_order(len(data.train), seed=derive_seed(context.seed, "parts"))
    examples = data.train.account.kept
    found = [
        (round(len(part.rows) / len(order) * examples), measured["losses"])
        for part, measured in learn_parts(order, config.train, learn, context)
    ]
    found.append((examples, tuning.held_out_losses(model)))
    return extrapolate_loss(
        [
            MeasuredLoss(count, tuple(loss for loss, _ in losses), tuple(tokens for _, tokens in losses))
            for count, losses in found
        ],
        seed=derive_seed(context.seed, "growth"),
    )
