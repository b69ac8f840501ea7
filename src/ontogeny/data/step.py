"""The steps `curate` (sources to a corpus) and `examples` (labelled rows to examples)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from ontogeny.core.files import digest_file
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.document import HELD_OUT_FRACTION, UNKNOWN
from ontogeny.data.examples import EXAMPLE_SOURCES, ExampleSource, Task, example_files
from ontogeny.data.normalise import Normalise
from ontogeny.data.rules import Rule, files_read_by
from ontogeny.data.sources import Source, files_read, units_read
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step, StepConfig
from ontogeny.records.accounting import MAX_BAD_FRACTION

if TYPE_CHECKING:
    from ontogeny.data.curate import Treatment
    from ontogeny.data.intake import Intake, Read
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

    dedup: Literal["exact"] | NearDedup | None = "exact"
    """Which copies are dropped: those equal after normalisation, near ones too (`{type: near, ...}`), or none."""

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


class ExamplesConfig(StepConfig):
    """Settings of `examples`."""

    step: Literal["examples"] = "examples"

    source: ExampleSource
    """Where the labelled rows come from."""

    task: Task
    """What is learnt from a row: to answer, or to choose."""

    held_out_fraction: float = Field(HELD_OUT_FRACTION, ge=0, le=1)
    """Part of the groups that is never trained on; that of the corpus, where both come from one place."""

    max_bad_fraction: float = Field(MAX_BAD_FRACTION, ge=0, le=1)
    """Part of the rows that may be unreadable before the step fails."""


def curate_files(config: CurateConfig) -> list[Path]:
    """The files that the sources open and that the rules decide with."""
    read = {path for source in config.sources for path in files_read(source)}
    return sorted(read | set(files_read_by(config.rules)))


def run_curate(config: CurateConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read all sources into one corpus."""
    from ontogeny.data.curate import Treatment
    from ontogeny.data.sources import read_source

    treatment = Treatment(
        normalise=config.normalise,
        rules=config.rules,
        drop_exact=config.dedup is not None,
        near=config.dedup if isinstance(config.dedup, NearDedup) else None,
        held_out_fraction=config.held_out_fraction,
    )
    inlets = [
        _Inlet(
            source.source_name, units_read(source), files_read(source), partial(read_source, source), source
        )
        for source in config.sources
    ]
    return _run(inlets, treatment, config.max_bad_fraction, context, title="Corpus")


def run_examples(config: ExamplesConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read the labelled rows of one source."""
    from ontogeny.data.curate import Treatment
    from ontogeny.data.examples import Asked, read_examples

    asked = Asked(config.task, config.held_out_fraction, context.seed)
    source = config.source
    units = EXAMPLE_SOURCES[source.type].units(source)
    read = partial(read_examples, source, asked)
    inlet = _Inlet(source.source_name, units, example_files(source), read, (source, asked))
    treatment = Treatment(shape=config.task, held_out_fraction=config.held_out_fraction)
    return _run([inlet], treatment, config.max_bad_fraction, context, title=f"Examples: {config.task}")


@dataclass(frozen=True)
class _Inlet:
    """A source as the run needs it. `settings` is whatever decides what `read` gives, beside the files."""

    name: str
    units: list[Unit]
    files: list[Path]
    read: Read
    settings: object


def _folder(inlet: _Inlet, unit: Unit, intake: Intake, context: Context) -> Path:
    """Where the portions of a unit lie: known by the unit's content and by everything that decides what they hold."""
    from ontogeny.data.intake import unit_key

    files = [unit.path] if unit.path.is_file() else inlet.files
    content = [context.external.get(str(path)) or digest_file(path) for path in files]
    return (context.cache or context.scratch) / UNITS / unit_key(unit, content, inlet.settings, intake)


def _run(
    inlets: list[_Inlet], treatment: Treatment, max_bad_fraction: float, context: Context, *, title: str
) -> Outputs:
    from ontogeny.core.workers import Workers, usable_cores
    from ontogeny.data.curate import curate, read_units
    from ontogeny.data.intake import UnitJob
    from ontogeny.data.report import report_corpus

    jobs = [
        UnitJob(
            inlet.name,
            unit,
            inlet.read,
            treatment.intake,
            _folder(inlet, unit, treatment.intake, context),
            max_bad_fraction,
        )
        for inlet in inlets
        for unit in inlet.units
    ]
    size = sum(job.unit.size_bytes for job in jobs)
    workers = Workers(context.workers or (usable_cores() if size > SMALL_BYTES else 1), context.executor)
    with context.progress.bar("reading", total=size, unit="bytes") as bar:
        portions, readings = read_units(jobs, workers, advance=bar.advance)
    records = sum(portion.counts["records"] for portion in portions)
    with context.progress.bar("writing", total=records, unit="documents") as bar:
        tally = curate(portions, treatment, payload=context.payload, workers=workers, advance=bar.advance)
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
        licenses=tuple(sorted(name for name in tally.licenses if name != UNKNOWN)),
        knowledge_cutoff=tally.latest_date,
    )


def _tell(tally: Tally, readings: dict[str, Reading], context: Context) -> None:
    """Notes about what a user would want to know before the next step."""
    from ontogeny.records.accounting import describe

    for reading in readings.values():
        count = reading.count
        if count.bad:
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in count.reasons.most_common())
            context.progress.note(
                f"{count.source}: {count.bad:,} unreadable rows ({reasons}), kept in dropped.parquet;"
                f" the first: {describe(count.first_bad[0])}"
            )
        for row in count.cut_short:
            file = row.locator.partition("#")[0]
            context.progress.note(
                f"{file} is damaged ({row.detail}): what follows row {row.number - 1:,} is lost"
            )
    if tally.repeated_ids:
        what = f"{tally.repeated_ids:,} documents share an `id` with another one"
        context.progress.note(f"{what} and were kept under an id made of it and their content")
    if tally.held_out_documents == 0:
        context.progress.note(
            "no document fell into the held-out split: nothing can be measured on unseen text"
        )


CURATE = Step(
    name="curate",
    version=2,
    config=CurateConfig,
    output="corpus",
    run=run_curate,
    external_files=curate_files,
    summary=("documents_kept",),
)

EXAMPLES = Step(
    name="examples",
    version=2,
    config=ExamplesConfig,
    output="examples",
    run=run_examples,
    external_files=lambda config: example_files(config.source),
    summary=("documents_kept",),
)
