"""`task: classify` of the step `finetune`: a model and labelled texts to a classifier whose probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.finetune.config_classify import ClassifySettings
from ontogeny.finetune.growth import Part, check_parts, learn_parts, nested_order
from ontogeny.finetune.guards import Guards, Measured
from ontogeny.finetune.methods import base_kept, choose_trained, describe
from ontogeny.finetune.shared import check_batch, general_text_of
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs
from ontogeny.train.config import IMMATERIAL
from ontogeny.train.config_model import check_model
from ontogeny.train.out_of_memory import memory_is_a_setting

if TYPE_CHECKING:
    from ontogeny.finetune.class_examples import ClassExamples, Ints
    from ontogeny.finetune.classifier import ClassifierFolder
    from ontogeny.finetune.classify import Classifying
    from ontogeny.finetune.classify_report import Guarded, Rivals, Said
    from ontogeny.finetune.step import FinetuneConfig
    from ontogeny.model.transformer import Transformer
    from ontogeny.statistics.learning_curve import Growth
    from ontogeny.train.training import Trained

ASKED_FILE = "asked.json"


def run_classify(config: FinetuneConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read, plan, measure, train, calibrate on what is held out, measure on the test part, write a classifier."""
    from ontogeny.finetune.class_examples import described, tell
    from ontogeny.finetune.classify_report import Guarded
    from ontogeny.finetune.interpolation import Line
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.train.packing import PACKING_FILE

    base = inputs["model"]
    model = model_to_tune(config.method, base, context.device)
    check_model(config.train, model.config)
    examples = _examples(config, model, base, inputs["data"])
    figures = described(examples)
    tell(figures, context.progress)
    classifying = _plan(config, examples, examples.part("train"), context)
    if config.learning_curve:
        check_parts(config.train, rows=len(examples.parts["train"]), progress=context.progress)
    guards = _guards(config, inputs, model, examples, context)
    rivals = _rivals(model, config, examples, context)
    folder = _prepare(model, config, base, examples, context)
    for line in describe(model, config.method, config.train, seq_len=max(map(len, examples.rows["train"]))):
        context.progress.note(f"classify: {line}")
    trained = _train(config, base, model, classifying, folder, context.scratch, context)
    growth = _growth(config, base, model, examples, folder, context) if config.learning_curve else None
    guards.after(lambda: Line(model, lambda: model_to_tune(config.method, base, context.device)))
    figures |= {**guards.figures(), "packing_digest": classifying.plan.digest}
    classifying.plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    said = _calibrate(model, folder, examples, context)
    figures = {**_of_training(trained), **said.figures, **figures}
    found = Guarded(trained.figures["steps"], guards.add_to, growth)
    figures |= _report(config, examples, rivals, said, inputs["data"], found, context)
    return Outputs(metrics=figures, verdicts=guards.verdicts(inputs), spent=trained.spent)


def _train(
    config: FinetuneConfig,
    base: Artifact,
    model: Transformer,
    classifying: Classifying,
    form: ClassifierFolder,
    folder: Path,
    context: Context,
) -> Trained:
    """Train `model`, which has a head; checkpoints lie in `folder`."""
    from ontogeny.core.files import digest_json
    from ontogeny.finetune.classify import train_classifier

    with memory_is_a_setting(config.train), base_kept(model, config.method, base.path):
        return train_classifier(
            model,
            classifying,
            folder=folder,
            progress=context.progress,
            origin=digest_json([base.digest, config.model_dump(mode="json", include={"method", "classify"})]),
            form=form,
        )


def _guards(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    model: Transformer,
    examples: ClassExamples,
    context: Context,
) -> Guards:
    """What is measured before and after: labels, which the base cannot tell, and text that tuning does not aim at."""
    from ontogeny.finetune.calibration import are_right, negative_log_likelihood
    from ontogeny.finetune.classify import logits_of

    text = general_text_of(config, inputs)
    gold = examples.gold["held_out"]

    def bits() -> list[float] | None:
        return None if text is None else text.bits(model, examples.reader.tokenizer, context.progress)

    def measure() -> Measured:
        if config.interpolation is None:
            return Measured(general_bits=bits())
        logits = logits_of(model, examples.rows["held_out"])
        return Measured(
            held_out_loss=negative_log_likelihood(logits, gold, examples.kind, 1.0),
            held_out_accuracy=float(are_right(logits, gold, examples.kind).mean()),
            general_bits=bits(),
        )

    guards = Guards(config, text, measure, context)
    guards.before(lambda: Measured(general_bits=bits()))
    return guards


def _growth(
    config: FinetuneConfig,
    base: Artifact,
    model: Transformer,
    examples: ClassExamples,
    form: ClassifierFolder,
    context: Context,
) -> Growth:
    """What more examples would make of the accuracy; `model` has learnt from all of them."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.calibration import are_right
    from ontogeny.finetune.classify import logits_of
    from ontogeny.finetune.step import model_to_tune
    from ontogeny.statistics.learning_curve import Measured as Counted
    from ontogeny.statistics.learning_curve import extrapolate

    doc_ids, rows, gold = examples.part("train")

    def right(of: Transformer) -> int:
        logits = logits_of(of, examples.rows["test"])
        return int(are_right(logits, examples.gold["test"], examples.kind).sum())

    def learn(part: Part, folder: Path) -> dict[str, Any]:
        other = model_to_tune(config.method, base, context.device)
        _prepare(other, config, base, examples, context)
        smaller = config.model_copy(update={"train": part.train})
        own = tuple(doc_ids[row] for row in part.rows), [rows[row] for row in part.rows], gold[part.rows]
        _train(smaller, base, other, _plan(smaller, examples, own, context), form, folder, context)
        return {"right": right(other)}

    seed = derive_seed(context.seed, "parts")
    order = nested_order(len(rows), seed=seed, gold=None if examples.kind == "multi-label" else gold)
    tested = len(examples.parts["test"])
    measured = [
        Counted(len(part.rows), found["right"], tested)
        for part, found in learn_parts(order, config.train, learn, context)
    ]
    measured.append(Counted(len(rows), right(model), tested))
    return extrapolate(measured, seed=derive_seed(context.seed, "growth"))


def _examples(config: FinetuneConfig, model: Transformer, base: Artifact, data: Artifact) -> ClassExamples:
    from ontogeny.finetune.class_examples import read_class_examples
    from ontogeny.finetune.labelled import TextReader
    from ontogeny.tokenizer.codec import Tokenizer

    settings = config.classify or ClassifySettings()
    seq_len = config.train.seq_len or model.config.seq_len
    reader = TextReader(Tokenizer.load(base.path), seq_len, settings.template, settings.long_texts)
    return read_class_examples(data.path, settings, reader)


def _plan(
    config: FinetuneConfig,
    examples: ClassExamples,
    learnt: tuple[Sequence[str], Sequence[Sequence[int]], Ints],
    context: Context,
) -> Classifying:
    """`learnt`: identities, token ids and classes of what is learnt from."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify import plan_classifying

    check_batch(config.train.batch_rows, examples=len(learnt[0]))
    return plan_classifying(
        learnt,
        examples.part("held_out"),
        kind=examples.kind,
        weights=examples.weights,
        config=config.train,
        seq_len=examples.reader.seq_len,
        seed=derive_seed(context.seed, "order"),
    )


def _rivals(model: Transformer, config: FinetuneConfig, examples: ClassExamples, context: Context) -> Rivals:
    """The linear model, and, where texts have one label, what the base says without training."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify_report import Rivals, judged_part
    from ontogeny.finetune.contestants import ask_base, fit_baseline

    train, held_out, test = (judged_part(examples, part) for part in ("train", "held_out", "test"))
    if examples.kind == "multi-label":
        return Rivals(fit_baseline(train, held_out, context.progress))
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
    figures["examples_per_second"] = figures.pop("supervised_tokens_per_second")
    return figures


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
    data: Artifact,
    found: Guarded,
    context: Context,
) -> dict[str, Any]:
    """Write the page of the classifier; the metrics."""
    from ontogeny.core.seeds import derive_seed
    from ontogeny.finetune.classify_report import report_classifier

    written = config.model_dump(mode="json", exclude={"train": IMMATERIAL})
    return report_classifier(
        context.payload,
        examples,
        said,
        rivals,
        found,
        data=data.path,
        settings=written,
        seed=derive_seed(context.seed, "judging"),
        note=context.progress.note,
    )
