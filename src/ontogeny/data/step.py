"""The steps `curate` (sources to a corpus) and `examples` (labelled rows to examples)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from ontogeny.core.errors import RecipeError, placed
from ontogeny.core.files import canonical_json, digest_file
from ontogeny.core.remote import AnyPath
from ontogeny.data.dedup.near import Dedup, ExactDedup, NearDedup
from ontogeny.data.dedup.repeated import RepeatedSpans
from ontogeny.data.dedup.score import refuse_unknown_score
from ontogeny.data.document import HELD_OUT_FRACTION
from ontogeny.data.examples import EXAMPLE_SOURCES, example_files
from ontogeny.data.examples_settings import ExamplesConfig
from ontogeny.data.normalise import Normalise
from ontogeny.data.rules import Rule, files_read_by
from ontogeny.data.rules.classifier import with_classifiers
from ontogeny.data.sources import Source, files_of_sources, files_read, units_read
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step, StepConfig
from ontogeny.records.accounting import MAX_BAD_FRACTION

if TYPE_CHECKING:
    from ontogeny.data.curate import Divide, Treatment
    from ontogeny.data.intake import Intake, Read, UnitJob
    from ontogeny.data.tally import Tally

UNITS = "units"
SMALL_BYTES = 8 << 20
"""Input up to this size is read by the process itself: starting workers would take longer."""


class CurateConfig(StepConfig):
    """Settings of `curate`."""

    step: Literal["curate"] = "curate"

    sources: tuple[Source, ...] = Field(min_length=1)
    """What is read."""

    normalise: Normalise = Normalise()
    """How text is spelled."""

    rules: tuple[Rule, ...] = ()
    """What a document must be to stay, besides not empty."""

    dedup: Dedup = ExactDedup()
    """Which copies are dropped: those equal after normalisation (`exact`), near ones too (`near`), or `none`.

    `{type: exact, ...}` and `{type: near, ...}` say more."""

    spans: RepeatedSpans | None = None
    """Repeated passages to be cut after that (`{min_words: 50, ...}`, or `{}`), or none."""

    held_out_fraction: float = Field(HELD_OUT_FRACTION, ge=0, le=1)
    """Part of the groups that is never trained on."""

    max_bad_fraction: float = Field(MAX_BAD_FRACTION, ge=0, le=1)
    """Part of a source's rows that may be unreadable before the step fails."""

    @model_validator(mode="after")
    def _sources_have_names_of_their_own(self) -> CurateConfig:
        names = [source.source_name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two sources are named {name!r}, and names are part of document ids: give one a `name`"
                )
        return self


def curate_files(config: CurateConfig) -> list[AnyPath]:
    """The files that the sources open and that the rules decide with."""
    read = files_of_sources(config.sources)
    read |= set(files_read_by(config.rules))
    if isinstance(config.dedup, NearDedup):
        with placed("dedup", "score"):
            refuse_unknown_score(config.dedup, config.rules)
    return sorted(read)


def labelled_files(config: ExamplesConfig) -> list[AnyPath]:
    """The files that the sources of `examples` open."""
    read: set[AnyPath] = set()
    for number, source in enumerate(config.source):
        with placed("source", *([number] if len(config.source) > 1 else []), "path"):
            read |= set(example_files(source))
    if config.corrections is not None:
        if not config.corrections.is_file():
            raise RecipeError(
                f"there is no file {config.corrections}", hint="correct the path in `corrections`"
            )
        read.add(config.corrections)
    return sorted(read)


def run_curate(config: CurateConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read all sources into one corpus."""
    from ontogeny.data.curate import Treatment

    treatment = Treatment(
        normalise=config.normalise,
        rules=with_classifiers(config.rules, inputs),
        dedup=config.dedup,
        spans=config.spans,
        held_out_fraction=config.held_out_fraction,
    )
    named = config.dedup.against if config.dedup is not None else ()
    against = [inputs[f"dedup.against.{number}"] for number in range(len(named))]
    inlets = inlets_of(config.sources)
    return _run(inlets, treatment, config.max_bad_fraction, context, title="Corpus", against=against)


def run_examples(config: ExamplesConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read labelled rows, and divide them."""
    from ontogeny.data.curate import Treatment
    from ontogeny.data.examples import Asked, read_examples

    asked = Asked(
        config.task,
        config.held_out_fraction,
        context.seed,
        config.labels or (),
        config.label_separator,
        config.label_until,
    )
    inlets = [
        Inlet(
            source.source_name,
            EXAMPLE_SOURCES[source.type].units(source),
            example_files(source),
            partial(read_examples, source, asked),
            (source, asked),
        )
        for source in config.source
    ]
    treatment = Treatment(shape=config.task, held_out_fraction=config.held_out_fraction)
    if config.divided:
        treatment = replace(treatment, dedup=None, divide=_division(config, context.seed))
    return _run(inlets, treatment, config.max_bad_fraction, context, title=f"Examples: {config.task}")


def _division(config: ExamplesConfig, seed: int) -> Divide:
    from ontogeny.data.corrections import read_corrections
    from ontogeny.data.examples_division import HELD_OUT, TEST, TRAIN, Division, divide

    number = {"train": TRAIN, "validation": HELD_OUT, "test": TEST}
    return partial(
        divide,
        Division(
            parts={name: number[part] for name, part in config.part_of_source.items()},
            labelled=config.task == "classify",
            held_out_fraction=config.held_out_fraction,
            test_fraction=config.test_share,
            labels=config.labels or (),
            leaks=config.leaks,
            corrections=None if config.corrections is None else read_corrections(config.corrections),
            seed=seed,
        ),
    )


@dataclass(frozen=True)
class Inlet:
    """A source as the run needs it. `settings` is whatever decides what `read` gives, beside the files."""

    name: str
    units: list[Unit]
    files: Sequence[AnyPath]
    read: Read
    settings: object


def inlets_of(sources: Iterable[Source]) -> list[Inlet]:
    """The sources of a recipe as a run needs them."""
    from ontogeny.data.sources import read_source

    return [
        Inlet(
            source.source_name, units_read(source), files_read(source), partial(read_source, source), source
        )
        for source in sources
    ]


def unit_jobs(
    inlets: Iterable[Inlet], intake: Intake, max_bad_fraction: float, context: Context
) -> list[UnitJob]:
    """What has to be read: large units each by itself, small ones a few together."""
    from ontogeny.data.intake import UnitJob, bundle_key, bundled

    kept = (context.cache or context.scratch) / UNITS
    jobs = []
    for inlet in inlets:
        keys = [_key(inlet, unit, intake, context) for unit in inlet.units]
        for group in bundled(inlet.units, keys):
            units = tuple(inlet.units[number] for number in group)
            folder = kept / bundle_key([keys[number] for number in group])
            jobs.append(UnitJob(inlet.name, units, inlet.read, intake, folder, max_bad_fraction))
    return jobs


def _key(inlet: Inlet, unit: Unit, intake: Intake, context: Context) -> str:
    """What the portions of a unit are known by: its content, and everything that decides what they hold."""
    from ontogeny.data.intake import unit_key

    files = [unit.path] if unit.path.is_file() else inlet.files
    content = [context.external.get(str(path)) or digest_file(path) for path in files]
    return unit_key(unit, content, inlet.settings, intake)


def _run(
    inlets: list[Inlet],
    treatment: Treatment,
    max_bad_fraction: float,
    context: Context,
    *,
    title: str,
    against: Sequence[Artifact] = (),
) -> Outputs:
    from ontogeny.core.memory import give_memory_back, keep_memory
    from ontogeny.core.workers import Workers, usable_cores
    from ontogeny.data.curate import curate, read_units
    from ontogeny.data.intake import is_read
    from ontogeny.data.report import report_corpus

    jobs = unit_jobs(inlets, treatment.intake, max_bad_fraction, context)
    old_jobs = {corpus.name: _old_jobs(corpus, treatment.old_intake, context) for corpus in against}
    every = [*jobs, *itertools.chain.from_iterable(old_jobs.values())]
    if all(map(is_read, every)):
        keep_memory()  # what only writes uses the same blocks again and again
    else:
        give_memory_back()  # from one batch to the next
    size = sum(job.size_bytes for job in every)
    workers = Workers(context.workers or (usable_cores() if size > SMALL_BYTES else 1), context.executor)
    with context.progress.bar("reading", total=size, unit="bytes") as bar:
        portions, readings = read_units(jobs, workers, advance=bar.advance)
        old = {name: read_units(each, workers, advance=bar.advance)[0] for name, each in old_jobs.items()}
    tally = curate(
        portions,
        treatment,
        payload=context.payload,
        against=old,
        scratch=context.scratch,
        workers=workers,
        progress=context.progress,
    )
    _say_if_spelled_otherwise(against, treatment, context)
    if treatment.shape != "text":
        for name, reading in readings.items():
            if beyond := reading.detected[1:]:  # the first is the format, which its name says
                context.progress.note(f"{name}: {'; '.join(beyond)}")
    _tell(tally, readings, context)
    counts = [reading.count for reading in readings.values()]
    detected = {name: reading.detected for name, reading in readings.items()}
    report_corpus(
        context.payload,
        tally.figures(counts, detected),
        title=title,
        name=title.lower(),
        rules=treatment.rules,
        survey=treatment.shape == "text",
    )
    return Outputs(
        metrics=tally.metrics(),
        licenses=tuple(sorted(tally.licenses)),
        knowledge_cutoff=tally.latest_date,
    )


def _old_jobs(corpus: Artifact, intake: Intake, context: Context) -> list[UnitJob]:
    """What has to be read of a corpus made before; its manifest knows the content of its files."""
    from ontogeny.data.dedup.against import read_corpus, units_of_corpus

    units = units_of_corpus(corpus.path)
    inlet = Inlet(corpus.name, units, [unit.path for unit in units], read_corpus, "a corpus")
    known = {str(corpus.path / file.path): file.digest for file in corpus.manifest.files}
    return unit_jobs([inlet], intake, 1.0, replace(context, external=known))


def _say_if_spelled_otherwise(against: Sequence[Artifact], treatment: Treatment, context: Context) -> None:
    """A note for each corpus whose texts were normalised in another way."""
    here = treatment.normalise.model_dump(mode="json")
    for corpus in against:
        there = corpus.manifest.config.get("normalise", here)
        if there != here:
            context.progress.note(
                f"{corpus.name} was made with normalise {canonical_json(there).decode()}, and this step has"
                f" {canonical_json(here).decode()}: its texts are compared as this step spells them, but an exact copy"
                " may be missed where its own spelling said less"
            )


def _tell(tally: Tally, readings: dict[str, Reading], context: Context) -> None:
    """Notes about what a user would want to know before the next step."""
    for reading in readings.values():
        for note in reading.count.notes():
            context.progress.note(note)
    if tally.repeated_ids:
        what = f"{tally.repeated_ids:,} documents share an `id` with another one"
        context.progress.note(f"{what} and were kept under an id made of it and their content")
    if tally.held_out_documents == 0:
        context.progress.note(
            "no document fell into the held-out split: nothing can be measured on unseen text"
        )


CURATE = Step(
    name="curate",
    version=4,
    config=CurateConfig,
    output="corpus",
    run=run_curate,
    external_files=curate_files,
    summary=("documents_kept",),
)

EXAMPLES = Step(
    name="examples",
    version=5,
    config=ExamplesConfig,
    output="examples",
    run=run_examples,
    external_files=labelled_files,
    summary=("documents_kept",),
)
