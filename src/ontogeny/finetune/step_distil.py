"""`task: distil` of the step `finetune`: a model that learns to answer as its teacher would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ontogeny.core.errors import UsageError
from ontogeny.finetune.config_distil import DEFAULT_BETA, DistilSettings
from ontogeny.finetune.methods import base_kept
from ontogeny.finetune.shared import once
from ontogeny.finetune.step_instruct import Prepared, guards_around, prepare, publish
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.distil import Distilling
    from ontogeny.finetune.distil_kept import KeptAnswers
    from ontogeny.finetune.distil_teacher import Teacher
    from ontogeny.finetune.step import FinetuneConfig
    from ontogeny.model.divergence import Divergence
    from ontogeny.report.page import Page
    from ontogeny.train.training import Trained

TEACHER = "distil.teacher"
BEFORE_FILE = "before-distilling.json"
IN_WORDS = {
    "forward-kl": "KL(teacher, student)",
    "reverse-kl": "KL(student, teacher)",
    "jsd": "the generalised Jensen-Shannon divergence",
}


def run_distil(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode, plan, ask the teacher, measure, train, measure again, write a Hugging Face folder or a PEFT folder."""
    from ontogeny.finetune.interpolation import Line
    from ontogeny.finetune.step import model_to_tune

    settings = config.distil
    assert settings is not None  # the configuration has checked it
    teacher = _teacher(config, inputs, context)
    ready = prepare(config, inputs, context)
    base, model, data, tuning, form = ready
    distilling = _plan(settings, teacher, ready, context)
    guards = guards_around(config, inputs, tuning, model, data.tokenizer, context)
    guards.before()
    before = once(
        context.scratch / BEFORE_FILE,
        lambda: {
            "teacher_held_out_loss": tuning.held_out_loss(teacher.model),
            "held_out_divergence_before": distilling.held_out_divergence(model),
        },
    )
    if distilling.asks_nobody:
        teacher.let_go()
    trained = _train(config, inputs, ready, distilling, context)
    after = guards.after(lambda: Line(model, lambda: model_to_tune(config.method, base, context.device)))
    form.write(model, context.payload)
    figures: dict[str, Any] = {
        **{name: value for name, value in trained.figures.items() if name != "flops_utilisation"},
        **guards.figures(),
        **before,
        "held_out_loss": after.held_out_loss,
        "held_out_divergence": distilling.held_out_divergence(model),
        **({} if distilling.own is None else {"own_sample_steps": distilling.own_steps}),
        **data.figures(),
        "packing_digest": tuning.plan.digest,
    }

    def more(page: Page) -> None:
        _add_teacher(page, settings, inputs[TEACHER].name, figures)
        guards.add_to(page)

    publish(
        config,
        trained,
        tuning,
        figures,
        context,
        more=more,
        title="Distillation",
        minimised=_minimised(settings),
    )
    return Outputs(metrics=figures, verdicts=guards.verdicts(inputs), spent=trained.spent)


def _teacher(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Teacher:
    """The teacher, not yet read.

    Raises:
        UsageError: it has other tokens than the student, or a shorter context than the rows that it is to read.
    """
    import torch

    from ontogeny.finetune.distil_teacher import Teacher, check_same_tokens
    from ontogeny.model.flops import parameter_count
    from ontogeny.model.formats import huggingface, stored
    from ontogeny.report import numbers
    from ontogeny.tokenizer.codec import Tokenizer

    student, teacher = inputs["model"], inputs[TEACHER]
    ours, theirs = Tokenizer.load(student.path), Tokenizer.load(teacher.path)
    check_same_tokens(ours, theirs, name=teacher.name)
    read = huggingface.read_config(teacher.path)
    seq_len = config.train.seq_len or huggingface.read_config(student.path).seq_len
    if read.seq_len < seq_len:
        raise UsageError(
            f"the teacher {teacher.name} reads {read.seq_len:,} tokens, and rows may have {seq_len:,}",
            where="train",
            hint=f"set `train.seq_len` to at most {read.seq_len:,}",
        )
    weights = parameter_count(read)
    context.progress.note(
        f"distil: teacher     {teacher.name}, {weights:,} weights, {numbers.size(4 * weights)} of memory beside the "
        "student's"
    )
    if config.template is None and theirs.chat_template != ours.chat_template:
        context.progress.note(
            f"distil: conversations are written as the student writes them, which is not the way of {teacher.name} "
            "(see `template`)"
        )
    return Teacher(
        lambda: stored.load(teacher.path, context.device, dtype=torch.float32), vocab_size=read.vocab_size
    )


def _plan(settings: DistilSettings, teacher: Teacher, ready: Prepared, context: Context) -> Distilling:
    """What is minimised, on which rows; asks the teacher where its answers are to be kept."""
    from ontogeny.finetune.distil import Distillation, Distilling
    from ontogeny.finetune.distil_samples import OwnAnswers

    how = _divergence(settings)
    own = None
    if settings.own_samples is not None:
        own = OwnAnswers(
            settings.own_samples,
            ready.tuning,
            ready.model,
            ready.data.tokenizer.stop_ids,
            min(_common_rows(teacher, ready), ready.data.tokenizer.vocab_size),
        )
    kept = None
    if settings.top_tokens is not None:
        kept = _kept(settings.top_tokens, how, teacher, ready, context)
    return Distilling(ready.tuning, Distillation(teacher, how, settings.labels_weight), kept, own)


def _divergence(settings: DistilSettings) -> Divergence:
    from ontogeny.model.divergence import Divergence

    beta = DEFAULT_BETA if settings.beta is None else settings.beta
    return Divergence(settings.divergence, beta, settings.temperature)


def _common_rows(teacher: Teacher, ready: Prepared) -> int:
    """Rows that the tables of both models have."""
    return min(teacher.vocab_size, ready.model.config.vocab_size)


def _kept(
    count: int, how: Divergence, teacher: Teacher, ready: Prepared, context: Context
) -> tuple[KeptAnswers, KeptAnswers]:
    """What the teacher says of the rows to learn from, and of those held out."""
    from ontogeny.finetune.distil_kept import keep_top_tokens
    from ontogeny.train.precision import resolve_dtype

    model, tuning = ready.model, ready.tuning
    train, held_out = (
        keep_top_tokens(
            teacher,
            batches,
            path=context.scratch / f"teacher-{name}.bin",
            count=count,
            vocab_size=_common_rows(teacher, ready),
            temperature=how.temperature,
            dtype=resolve_dtype(tuning.config.dtype, model.device.type),
            progress=context.progress,
        )
        for name, batches in (
            ("train", tuning.batches(model)),
            ("held-out", tuning.all_held_out(model.device.type)),
        )
    )
    return train, held_out


def _train(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    ready: Prepared,
    distilling: Distilling,
    context: Context,
) -> Trained:
    from ontogeny.core.files import digest_json
    from ontogeny.finetune.distil import distil

    settings = config.model_dump(mode="json", include={"method", "distil"})
    with memory_is_a_setting(config.train), base_kept(ready.model, config.method, ready.base.path):
        return distil(
            ready.model,
            distilling,
            folder=context.scratch,
            progress=context.progress,
            origin=digest_json([ready.base.digest, inputs[TEACHER].digest, settings]),
            form=ready.form,
        )


def _minimised(settings: DistilSettings) -> str:
    """The loss in words."""
    words = f"Divergence from the teacher, {IN_WORDS[settings.divergence]},"
    if settings.labels_weight:
        return f"{words} and {settings.labels_weight:g} of cross-entropy"
    return words.rstrip(",")


def _add_teacher(page: Page, settings: DistilSettings, name: str, figures: Mapping[str, Any]) -> None:
    """How near the student came, as a section of the page."""
    lead = f"On all held-out answers; the teacher is {name}."
    section = page.section("Student and teacher", lead=lead)
    caption = f"Nats a token. Divergence: {IN_WORDS[settings.divergence]}"
    if settings.temperature != 1:
        caption += f", at the temperature {settings.temperature:g} and times its square"
    if settings.top_tokens is not None:
        caption += (
            f", of the {settings.top_tokens} tokens that the teacher finds likeliest and all others as one: the "
            "whole divergence is larger"
        )
    section.table(
        ["", "loss on labels", "divergence"],
        [
            ["student before", figures["held_out_loss_before"], figures["held_out_divergence_before"]],
            ["student after", figures["held_out_loss"], figures["held_out_divergence"]],
            ["teacher", figures["teacher_held_out_loss"], None],
        ],
        caption=f"{caption}.",
    )
