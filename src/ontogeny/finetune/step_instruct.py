"""`task: instruct` of the step `finetune`: a model and conversations to a model, or an adapter, that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ontogeny.finetune.methods import choose_trained, describe
from ontogeny.finetune.shared import check_batch, general_bits, once
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs
from ontogeny.train.config import IMMATERIAL
from ontogeny.train.config_model import check_model
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.instruct import Tuning
    from ontogeny.finetune.instruct_data import InstructData
    from ontogeny.finetune.step import FinetuneConfig
    from ontogeny.model.transformer import Transformer
    from ontogeny.tokenizer.codec import Tokenizer

BEFORE_FILE = "before.json"


def run_instruct(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode, plan, measure, tune, measure again, write a Hugging Face folder or a PEFT folder."""
    from ontogeny.core.files import digest_json
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.form import form_of
    from ontogeny.finetune.instruct import tune
    from ontogeny.finetune.instruct_data import read_instruct_data
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.train.packing import PACKING_FILE
    from ontogeny.train.report import write_training_report
    from ontogeny.train.snapshot_folders import snapshots_in

    base, progress = inputs["model"], context.progress
    model = model_to_tune(config.method, base, context.device)
    check_model(config.train, model.config)
    seq_len, seed = config.train.seq_len or model.config.seq_len, derive_seed(context.seed, "order")
    tokenizer = Tokenizer.load(base.path)
    data = read_instruct_data(config, inputs, tokenizer, seq_len=seq_len, seed=seed, progress=progress)
    tuning = _plan(config, data, seq_len=seq_len, seed=seed)
    check_batch(config.train.batch_rows, examples=len(data.train))
    form = form_of(config.method, base, model, data.tokenizer)
    choose_trained(model, config.method, seed=derive_seed(context.seed, "adapters"))
    for line in describe(model, config.method, config.train, seq_len=int(data.train.spans.length.max())):
        progress.note(f"finetune: {line}")
    measure = _measurements(config, inputs, tuning, model, data.tokenizer, context)
    before = once(context.scratch / BEFORE_FILE, measure)
    with memory_is_a_setting(config.train):
        trained = tune(
            model,
            tuning,
            folder=context.scratch,
            progress=progress,
            origin=digest_json([base.digest, config.model_dump(mode="json", include={"method"})]),
            form=form,
        )
    after = measure()
    form.write(model, context.payload)
    tuning.plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    figures = {
        **trained.figures,
        **{f"{name}_before": value for name, value in before.items()},
        **after,
        **data.figures(),
        "packing_digest": tuning.plan.digest,
    }
    write_training_report(
        context.payload,
        title="Tuning",
        settings=config.model_dump(mode="json", exclude={"train": IMMATERIAL}),
        figures=figures | trained.spent,
        plan=tuning.plan,
        snapshots=snapshots_in(context.payload),
    )
    return Outputs(metrics=figures, spent=trained.spent)


def _plan(config: FinetuneConfig, data: InstructData, *, seq_len: int, seed: int) -> Tuning:
    from ontogeny.finetune.instruct import plan_tuning

    return plan_tuning(
        data.train,
        data.held_out,
        config=config.train,
        seq_len=seq_len,
        seed=seed,
        packing=config.packing,
        neftune_alpha=config.neftune_alpha,
    )


def _measurements(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    tuning: Tuning,
    model: Transformer,
    tokenizer: Tokenizer,
    context: Context,
) -> Callable[[], dict[str, float | None]]:
    """What is measured before and after: answers, and text the tuning does not aim at."""
    general = general_bits(
        model, tokenizer, inputs.get("general"), max_bytes=config.general_max_bytes, progress=context.progress
    )

    def measure() -> dict[str, float | None]:
        return {"held_out_loss": tuning.held_out_loss(model), "general_bits_per_byte": general()}

    return measure
