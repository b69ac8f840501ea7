"""The step `train-classifier`: two sets of examples, "like these" and "like those", to a classifier for `curate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from ontogeny.core.errors import placed
from ontogeny.core.files import canonical_json, write_atomic
from ontogeny.core.remote import AnyPath
from ontogeny.core.seeds import derive_seed
from ontogeny.data.classifier_settings import Training
from ontogeny.data.rules.classifier import KIND
from ontogeny.data.sources import Source, files_of_sources
from ontogeny.data.step import SMALL_BYTES, inlets_of, unit_jobs
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import UNKNOWN, Context, Outputs, Ref, Settings, Step, StepConfig
from ontogeny.records.accounting import MAX_BAD_FRACTION

if TYPE_CHECKING:
    from ontogeny.data.classifier import Classifier, Examples
    from ontogeny.data.classifier_examples import Drawn
    from ontogeny.data.portions import Portion

LIKE, UNLIKE = "like", "unlike"
FIGURES_FILE, PAGE_FILE = "figures.json", "report.html"


class ExampleSet(Settings):
    """Texts of one kind: sources as in `curate`, the training documents of corpora, or both.

    A name or a list of names stands for `{corpora: [...]}`.
    """

    corpora: tuple[Annotated[str, Ref("corpus")], ...] = ()
    """Whose training documents are examples."""
    sources: tuple[Source, ...] = ()
    """What is read besides."""

    @model_validator(mode="before")
    @classmethod
    def _names_are_corpora(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"corpora": (value,)}
        return {"corpora": value} if isinstance(value, (list, tuple)) else value

    @model_validator(mode="after")
    def _there_are_examples(self) -> ExampleSet:
        if not self.corpora and not self.sources:
            raise ValueError("a set of examples names `corpora`, `sources` or both, and this one has neither")
        return self


class TrainClassifierConfig(StepConfig):
    """Settings of `train-classifier`."""

    step: Literal["train-classifier"] = "train-classifier"

    like: ExampleSet
    """Texts that shall score high."""

    unlike: ExampleSet
    """Texts that shall score low."""

    max_examples: int = Field(10_000, ge=100)
    """Most examples of each set; of more, these are drawn by content."""

    training: Training = Training()
    """How it learns. The order of examples follows from the recipe's seed, too."""

    max_bad_fraction: float = Field(MAX_BAD_FRACTION, ge=0, le=1)
    """Part of a source's rows that may be unreadable before the step fails."""


def classifier_sources(config: TrainClassifierConfig) -> list[AnyPath]:
    """The files that the sources open."""
    read: set[AnyPath] = set()
    for side in (LIKE, UNLIKE):
        with placed(side):
            read |= files_of_sources(getattr(config, side).sources)
    return sorted(read)


def run_train_classifier(
    config: TrainClassifierConfig, inputs: Mapping[str, Artifact], context: Context
) -> Outputs:
    """Draw examples, learn from most of them, scale and measure on the others."""
    from ontogeny.core.compiled import start_numba
    from ontogeny.data.classifier import Examples, train_on
    from ontogeny.data.report.classifiers import write_classifier_page

    start_numba()
    licenses: set[str] = set()
    drawn = {side: _drawn(side, config, inputs, context, licenses) for side in (LIKE, UNLIKE)}
    unlike = drawn[UNLIKE].without(drawn[LIKE])
    in_both = len(drawn[UNLIKE].texts) - len(unlike.texts)
    if in_both:
        context.progress.note(f"{in_both:,} texts are in both sets: they count as `like` only")
    examples = Examples.of(drawn[LIKE].as_texts(), unlike.as_texts())
    seed = derive_seed(context.seed, "classifier", config.training.seed)
    classifier = train_on(examples, config.training.model_copy(update={"seed": seed}))
    classifier.save(context.payload)
    figures = {
        "examples": {
            side: {"documents": drawn[side].documents, "drawn": len(drawn[side].texts)} for side in drawn
        },
        "in_both": in_both,
        **_figures(classifier, examples),
    }
    write_atomic(context.payload / FIGURES_FILE, canonical_json(figures) + b"\n")
    write_classifier_page(context.payload / PAGE_FILE, figures)
    measured = classifier.figures
    return Outputs(
        metrics={
            "examples": len(examples.texts),
            "examples_measured": measured.examples,
            "accuracy": measured.accuracy,
            "accuracy_interval": list(measured.accuracy_interval),
            "auc": measured.auc,
            "log_loss": measured.log_loss,
            "calibration_error": measured.calibration_error,
        },
        licenses=tuple(sorted(licenses)),
    )


def _drawn(
    side: str,
    config: TrainClassifierConfig,
    inputs: Mapping[str, Artifact],
    context: Context,
    licenses: set[str],
) -> Drawn:
    """The examples of one side; the licences of what its sources hold are added to `licenses`."""
    from ontogeny.data.classifier_examples import draw_examples, shelves_of

    chosen: ExampleSet = getattr(config, side)
    portions = _read(side, chosen, config.max_bad_fraction, context)
    for portion in portions:
        licenses |= {
            str(name or UNKNOWN) for name in portion.documents(["license"]).column(0).unique().to_pylist()
        }
    corpora = [inputs[f"{side}.corpora.{number}"].path for number in range(len(chosen.corpora))]
    return draw_examples(shelves_of(portions, corpora), most=config.max_examples, seed=context.seed)


def _read(side: str, chosen: ExampleSet, max_bad_fraction: float, context: Context) -> list[Portion]:
    """What the sources of one side hold, as `curate` would read it."""
    from ontogeny.core.workers import Workers, usable_cores
    from ontogeny.data.curate import read_units
    from ontogeny.data.intake import Intake

    jobs = unit_jobs(inlets_of(chosen.sources), Intake(), max_bad_fraction, context)
    size = sum(job.size_bytes for job in jobs)
    workers = Workers(context.workers or (usable_cores() if size > SMALL_BYTES else 1), context.executor)
    with context.progress.bar(f"reading {side}", total=size, unit="bytes") as bar:
        portions, readings = read_units(jobs, workers, advance=bar.advance)
    for reading in readings.values():
        if reading.count.bad:
            context.progress.note(
                f"{reading.count.source}: {reading.count.bad:,} unreadable rows were left out"
            )
    return portions


def _figures(classifier: Classifier, examples: Examples) -> dict[str, Any]:
    from ontogeny.data.classifier_telling import most_telling, worst_mistakes

    return {
        "training": classifier.training.model_dump(mode="json"),
        "figures": asdict(classifier.figures),
        "telling": [asdict(each) for each in most_telling(classifier, examples)],
        "mistakes": [asdict(each) for each in worst_mistakes(classifier, examples)],
    }


TRAIN_CLASSIFIER = Step(
    name="train-classifier",
    version=3,
    config=TrainClassifierConfig,
    output=KIND,
    run=run_train_classifier,
    external_files=classifier_sources,
    summary=("accuracy",),
)
