"""`task: classify` of the step `finetune`: a model and labelled texts to a classifier whose probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ontogeny.finetune.config_classify import ClassifySettings
from ontogeny.finetune.methods import choose_trained, describe
from ontogeny.finetune.shared import check_batch, general_bits, once
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs
from ontogeny.train.config import IMMATERIAL
from ontogeny.train.config_model import check_model
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.class_examples import ClassExamples
    from ontogeny.finetune.classifier import ClassifierFolder
    from ontogeny.finetune.classify import Classifying
    from ontogeny.finetune.classify_report import Rivals, Said
    from ontogeny.finetune.step import FinetuneConfig
    from ontogeny.model.transformer import Transformer
    from ontogeny.train.training import Trained

BEFORE_FILE, ASKED_FILE = "before.json", "asked.json"


def run_classify(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read, plan, measure, train, calibrate on what is held out, measure on the test part, write a classifier."""
    from ontogeny.core.files import digest_json
    from ontogeny.finetune.class_examples import described, tell
    from ontogeny.finetune.classify import train_classifier
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.train.packing import PACKING_FILE

    base = inputs["model"]
    model = model_to_tune(config.method, base, context.device)
    check_model(config.train, model.config)
    examples = _examples(config, model, base, inputs["data"])
    figures = described(examples)
    tell(figures, context.progress)
    classifying = _plan(config, examples, context)
    measure = general_bits(
        model,
        examples.reader.tokenizer,
        inputs.get("general"),
        max_bytes=config.general_max_bytes,
        progress=context.progress,
    )
    before = once(context.scratch / BEFORE_FILE, lambda: {"general_bits_per_byte_before": measure()})
    rivals = _rivals(model, config, examples, context)
    folder = _prepare(model, config, base, examples, context)
    with memory_is_a_setting(config.train):
        trained = train_classifier(
            model,
            classifying,
            folder=context.scratch,
            progress=context.progress,
            origin=digest_json([base.digest, config.model_dump(mode="json", include={"method", "classify"})]),
            form=folder,
        )
    figures |= {**before, "general_bits_per_byte": measure(), "packing_digest": classifying.plan.digest}
    classifying.plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    said = _calibrate(model, folder, examples, context)
    figures = {**_of_training(trained), **said.figures, **figures}
    figures |= _report(
        config, examples, rivals, said, classifying, inputs["data"], figures | trained.spent, context
    )
    return Outputs(metrics=figures, spent=trained.spent)


def _examples(config: FinetuneConfig, model: Transformer, base: Artifact, data: Artifact) -> ClassExamples:
    from ontogeny.finetune.class_examples import read_class_examples
    from ontogeny.finetune.labelled import TextReader
    from ontogeny.tokenizer.codec import Tokenizer

    settings = config.classify or ClassifySettings()
    seq_len = config.train.seq_len or model.config.seq_len
    reader = TextReader(Tokenizer.load(base.path), seq_len, settings.template, settings.long_texts)
    return read_class_examples(data.path, settings, reader)


def _plan(config: FinetuneConfig, examples: ClassExamples, context: Context) -> Classifying:
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify import plan_classifying

    check_batch(config.train.batch_rows, examples=len(examples.parts["train"]))
    return plan_classifying(
        examples.part("train"),
        examples.part("held_out"),
        kind=examples.kind,
        weights=examples.weights,
        config=config.train,
        seq_len=examples.reader.seq_len,
        seed=derive_seed(context.seed, "order"),
    )


def _rivals(model: Transformer, config: FinetuneConfig, examples: ClassExamples, context: Context) -> Rivals:
    """Where texts have one label: the linear model, and what the base says without training."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify_report import Rivals, judged_part
    from ontogeny.finetune.contestants import ask_base, fit_baseline

    if examples.kind == "multi-label":
        return Rivals()
    train, held_out, test = (judged_part(examples, part) for part in ("train", "held_out", "test"))
    asked = ask_base(
        model,
        examples.reader.tokenizer,
        train,
        test,
        limit=(config.classify or ClassifySettings()).ask_base,
        seed=derive_seed(context.seed, "base"),
        kept=context.scratch / ASKED_FILE,
        progress=context.progress,
    )
    return Rivals(fit_baseline(train, held_out, context.progress), asked)


def _prepare(
    model: Transformer, config: FinetuneConfig, base: Artifact, examples: ClassExamples, context: Context
) -> ClassifierFolder:
    """Choose what is trained and add the head; how the classifier is kept, its temperature not yet known."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classifier import ClassifierFolder, Description
    from ontogeny.finetune.form import form_of
    from ontogeny.model.heads import add_head

    reader = examples.reader
    form = form_of(config.method, base, model, reader.tokenizer)
    choose_trained(model, config.method, seed=derive_seed(context.seed, "adapters"))
    if model.lm_head is not None:
        model.lm_head.requires_grad_(requires_grad=False)  # no word is predicted
    add_head(model, classes=len(examples.names), kind=examples.kind)
    for line in describe(model, config.method, config.train, seq_len=max(map(len, examples.rows["train"]))):
        context.progress.note(f"classify: {line}")
    description = Description(
        kind=examples.kind,
        labels=examples.names,
        temperature=1.0,
        template=reader.template,
        long_texts=reader.long_texts,
        seq_len=reader.seq_len,
    )
    return ClassifierFolder(form, description)


def _of_training(trained: Trained) -> dict[str, Any]:
    """What training tells, in the words of this task."""
    figures = dict(trained.figures)
    del figures["flops_utilisation"]  # counts products over the vocabulary, and here are none
    return {**figures, "examples_per_second": figures.pop("supervised_tokens_per_second")}


def _calibrate(
    model: Transformer, folder: ClassifierFolder, examples: ClassExamples, context: Context
) -> Said:
    """Fit the temperature on the held-out part; write the classifier, and what it says of the test part."""
    from ontogeny.finetune.calibration import calibrated, fit_temperature
    from ontogeny.finetune.classify import logits_of
    from ontogeny.finetune.classify_report import Said
    from ontogeny.finetune.scores import write_predictions

    kind, gold = examples.kind, examples.gold
    rows = {name: examples.rows[name] for name in ("held_out", "test")}
    with context.progress.bar("classifying", total=sum(map(len, rows.values())), unit="texts") as bar:
        logits = {name: logits_of(model, part, advance=bar.advance) for name, part in rows.items()}
    temperature = fit_temperature(logits["held_out"], gold["held_out"], kind)
    calibration = {
        name: {
            when: asdict(calibrated(found, gold[name], kind, at))
            for when, at in (("before", 1.0), ("after", temperature))
        }
        for name, found in logits.items()
    }
    figures = {
        "held_out_loss": calibration["held_out"]["before"]["negative_log_likelihood"],
        "temperature": temperature,
        "calibration": calibration,
    }
    said = Said(logits, kind, temperature, figures)
    description = folder.description.model_copy(update={"temperature": temperature})
    replace(folder, description=description).write(model, context.payload)
    write_predictions(
        context.payload, examples.parts["test"], said.probabilities("test"), examples.names, kind=kind
    )
    return said


def _report(
    config: FinetuneConfig,
    examples: ClassExamples,
    rivals: Rivals,
    said: Said,
    classifying: Classifying,
    data: Artifact,
    figures: Mapping[str, Any],
    context: Context,
) -> dict[str, Any]:
    """Write the page of the classifier; the metrics."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify_report import report_one, report_several

    written = config.model_dump(mode="json", exclude={"train": IMMATERIAL})
    if examples.kind == "multi-label":
        return report_several(
            context.payload, examples, said, classifying.plan, figures=figures, settings=written
        )
    return report_one(
        context.payload,
        examples,
        said,
        rivals,
        data=data.path,
        settings=written,
        seed=derive_seed(context.seed, "judging"),
    )
