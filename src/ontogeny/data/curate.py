"""The way of every document: read into portions by workers, decided over, written in the order of digests.

    units -> [intake] -> portions -> rules, duplicates, repeated passages -> part-*.parquet
                    every record that leaves on the way -> dropped.parquet, with its reason

Portions are kept between runs, by what they were read from and how, so a rule with another threshold reads no text
again, and a file more means reading that file. Nothing depends on the order in which records come, so neither files,
workers nor machines can change the result. Documents of corpora made before stand among the others while copies are
looked for, and are not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from ontogeny.core.compiled import start_numba
from ontogeny.core.errors import DataError, RecipeError
from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.core.workers import ALONE, Workers, run_tasks
from ontogeny.data.decide import Decisions, decide
from ontogeny.data.dedup.against import gone_for_old, old_figures
from ontogeny.data.dedup.exact import drop_exact_duplicates, rename_repeated_ids
from ontogeny.data.dedup.guards import losses, source_alarms, stop_or_say
from ontogeny.data.dedup.near import ExactDedup, NearDedup
from ontogeny.data.dedup.repeated import RepeatedSpans
from ontogeny.data.document import HELD_OUT_FRACTION, Shape
from ontogeny.data.edits.took import edit_figures
from ontogeny.data.intake import (
    Intake,
    UnitJob,
    UnitRead,
    add_signals,
    is_read,
    missing_signals,
    read_unit,
)
from ontogeny.data.normalise import Normalise
from ontogeny.data.portions import Portion, portions_in
from ontogeny.data.remedies import remedy_for
from ontogeny.data.rules import Rule
from ontogeny.data.rules.decontaminate import Decontaminate
from ontogeny.data.sources.files import Reading
from ontogeny.data.tally import Tally
from ontogeny.data.write import write_dropped, write_kept
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import Fault

if TYPE_CHECKING:
    import pyarrow as pa

    from ontogeny.data.decontaminate.corpus import Contamination
    from ontogeny.data.dedup.spans_corpus import Cutting


Divide: TypeAlias = Callable[[Decisions, Progress], dict[str, Any]]


@dataclass(frozen=True)
class Treatment:
    """What happens to documents of one shape on their way."""

    shape: Shape = "text"
    normalise: Normalise = field(default_factory=Normalise)
    rules: tuple[Rule, ...] = ()
    dedup: ExactDedup | NearDedup | None = field(default_factory=lambda: ExactDedup(max_source_loss=None))
    spans: RepeatedSpans | None = None
    held_out_fraction: float = HELD_OUT_FRACTION
    divide: Divide | None = None
    """Divides examples where the side of their group does not; tells what it found, for the figures."""

    @property
    def intake(self) -> Intake:
        """The part of it that reading needs."""
        return replace(self.old_intake, rules=self.rules)

    @property
    def old_intake(self) -> Intake:
        """The part of it that corpora made before need: their texts were edited and judged already."""
        near = self.dedup if isinstance(self.dedup, NearDedup) else None
        return Intake(self.shape, self.normalise, (), near)


def read_units(
    jobs: Sequence[UnitJob], workers: Workers, *, advance: Callable[[int], None]
) -> tuple[list[Portion], dict[str, Reading]]:
    """The portions of all units in their order, and what was learnt about each source.

    Args:
        advance: told of every so many bytes of input that are done.

    Raises:
        DataError: too many rows of a source are bad; names the first of them. Or a worker died.
        RecipeError: no row of a source has a column that is asked for.
    """
    results: dict[int, UnitRead] = {}
    watch = _Watch(jobs, advance)
    for number, result in _read_each(jobs, workers, watch):
        results[number] = result
        watch.finish(number)
        if result.reading.count.hopeless:
            result.reading.count.check(jobs[number].max_bad_fraction)
    readings: dict[str, Reading] = {}
    for number, job in enumerate(jobs):
        reading = readings.setdefault(job.source, Reading(RowCount(job.source)))
        reading.count.merge(results[number].reading.count)
        for what in results[number].reading.detected:
            reading.note_detected(what)
    for job in jobs:
        readings[job.source].count.check(job.max_bad_fraction)
    return [portion for number in range(len(jobs)) for portion in results[number].portions], readings


def _read_each(jobs: Sequence[UnitJob], workers: Workers, watch: _Watch) -> Iterator[tuple[int, UnitRead]]:
    pending = [number for number, job in enumerate(jobs) if not is_read(job)]
    here = workers.here or len(pending) <= 1
    for number, job in enumerate(jobs):
        if here or number not in pending:
            yield number, read_unit(job, watch.of(number))
    if not here:
        tasks = [jobs[number] for number in pending]
        for place, result in run_tasks(read_unit, tasks, workers, waiting=watch.look):
            yield pending[place], result


def curate(
    portions: Sequence[Portion],
    treatment: Treatment,
    *,
    payload: Path,
    against: Mapping[str, Sequence[Portion]] = MappingProxyType({}),
    scratch: Path | None = None,
    workers: Workers = ALONE,
    progress: Progress | None = None,
) -> Tally:
    """Write the documents of `portions` that stay, and everything that does not, into `payload`.

    Args:
        against: portions of corpora made before, by name, whose documents are not written again; copies of them go.
        scratch: where texts lie until they are written: those that lose repeated passages, and all of them in runs
            where there are many portions; beside `payload` by default.

    Raises:
        DataError: no document is left, or none for training; too many would go as copies; or, our own mistake, the
            sums do not close.
    """
    progress = progress or QuietProgress()
    against = against if portions else {}  # without a document there is nothing to hold against anything
    if treatment.shape == "text":
        _complete(portions, treatment.intake, workers)
        _complete([each for old in against.values() for each in old], treatment.old_intake, workers)
    found = decide(portions, treatment.rules, treatment.intake.needs, against)
    contaminations = _search_items(found, treatment.rules)
    _drop_copies(found, treatment.dedup, progress)
    scratch = scratch or payload.parent
    cutting, contaminations = _cut_spans(
        found, treatment, contaminations, scratch / "spans", workers, progress
    )
    division = treatment.divide(found, progress) if treatment.divide and found.kept.any() else {}
    rename_repeated_ids(found)
    for number, contamination in enumerate(contaminations):
        _write_contamination(payload, number, contamination, found, treatment.held_out_fraction)
    tally = Tally(
        contamination=[each.figures() for each in contaminations],
        repeated_ids=int(found.renamed[found.kept].sum()),
        edits=edit_figures(portions, [rule.type for rule in treatment.rules]),
        against=old_figures(found),
        division=division,
    )
    if cutting is not None:
        from ontogeny.data.dedup.spans_table import SPANS_FILE, write_spans

        tally.spans = write_spans(payload / SPANS_FILE, cutting, found)
    records = sum(portion.counts["records"] for portion in portions)
    with progress.bar("writing", total=records, unit="documents") as bar:

        def seen(table: pa.Table, add: Callable[[pa.Table], None]) -> None:
            add(table)
            bar.advance(len(table))

        how = (treatment.shape, treatment.held_out_fraction)
        write_kept(payload, found, *how, scratch=scratch, seen=partial(seen, add=tally.add_kept))
        write_dropped(payload, found, *how, scratch=scratch, seen=partial(seen, add=tally.add_dropped))
    _check(tally, treatment, read=records)
    return tally


def _complete(portions: Sequence[Portion], intake: Intake, workers: Workers) -> None:
    """Compute the signals that `portions` lack."""
    lacking = [portion for portion in portions if missing_signals(portion, intake)]
    for _ in run_tasks(partial(add_signals, intake=intake), lacking, workers):
        pass


def _drop_copies(found: Decisions, dedup: ExactDedup | NearDedup | None, progress: Progress) -> None:
    """Drop copies as `dedup` has it; whatever it says, of records with one id and one content one stays."""
    if dedup is None:
        drop_exact_duplicates(found, all_copies=False)
        return
    left_by_rules = found.kept
    drop_exact_duplicates(found, all_copies=True)
    exact = left_by_rules & ~found.kept
    if isinstance(dedup, NearDedup):
        start_numba()
        from ontogeny.data.dedup.corpus import drop_near_duplicates  # compiled code, a second to load

        drop_near_duplicates(found, dedup, progress.note)
    if dedup.max_source_loss is not None:
        left_by_rules &= ~gone_for_old(found)
        exact &= left_by_rules
        stop_or_say(source_alarms(dedup, losses(found, left_by_rules, exact)), dedup, progress.note)


def _search_items(found: Decisions, rules: Sequence[Rule]) -> list[Contamination]:
    """Drop what holds evaluation items, as each `decontaminate` rule has it."""
    searches = [rule for rule in rules if isinstance(rule, Decontaminate)]
    if not searches:
        return []
    start_numba()
    from ontogeny.data.decontaminate.self_check import search_items  # compiled code, as below

    return [search_items(found, rule) for rule in searches]


def _cut_spans(
    found: Decisions,
    treatment: Treatment,
    contaminations: list[Contamination],
    folder: Path,
    workers: Workers,
    progress: Progress,
) -> tuple[Cutting | None, list[Contamination]]:
    """Cut repeated passages, where that is wanted; documents that became equal by it are copies like any other."""
    if treatment.spans is None:
        return None, contaminations
    start_numba()
    from ontogeny.data.dedup.spans_corpus import cut_repeated_spans  # compiled code, as above

    cutting, moved = cut_repeated_spans(
        found,
        treatment.spans,
        treatment.intake,
        held_out_fraction=treatment.held_out_fraction,
        folder=folder,
        workers=workers,
        progress=progress,
    )
    drop_exact_duplicates(found, all_copies=treatment.dedup is not None)
    return cutting, [
        replace(each, findings=tuple(replace(one, place=int(moved[one.place])) for one in each.findings))
        for each in contaminations
    ]


def _write_contamination(
    payload: Path, number: int, contamination: Contamination, found: Decisions, held_out_fraction: float
) -> None:
    """Which items stand in which documents: `contamination.parquet`, and one more for each further rule."""
    import pyarrow.parquet as pq

    from ontogeny.data.decontaminate.corpus import CONTAMINATION_FILE, contamination_table

    path = payload / CONTAMINATION_FILE
    table = contamination_table(contamination, found, held_out_fraction=held_out_fraction)
    pq.write_table(table, path.with_stem(f"{path.stem}-{number}") if number else path)


class _Watch:
    """How far units are, from what this process reads itself and from the portions that workers leave."""

    def __init__(self, jobs: Sequence[UnitJob], advance: Callable[[int], None]) -> None:
        self._jobs, self._advance = jobs, advance
        self._done = [0] * len(jobs)

    def of(self, number: int) -> Callable[[int], None]:
        """Where job `number` tells its position."""
        return lambda position: self._move(number, position)

    def look(self) -> None:
        """Look at the folders of jobs that are at work."""
        for number, job in enumerate(self._jobs):
            if 0 <= self._done[number] < job.size_bytes and (portions := portions_in(job.folder)):
                self._move(number, portions[-1].counts["position"])

    def finish(self, number: int) -> None:
        """Job `number` is done."""
        self._move(number, self._jobs[number].size_bytes)

    def _move(self, number: int, position: int) -> None:
        position = min(position, self._jobs[number].size_bytes)
        if position > self._done[number]:
            self._advance(position - self._done[number])
            self._done[number] = position


def _check(tally: Tally, treatment: Treatment, *, read: int) -> None:
    if read != tally.kept + tally.dropped.total():
        raise DataError(
            f"{read:,} documents were read, but {tally.kept:,} kept and {tally.dropped.total():,} dropped do not"
            " add up to that",
            hint="this is a mistake of ours: please report it with the recipe",
        )
    if tally.kept == 0:
        if not read:
            raise DataError("the sources hold no document", hint="look at their paths")
        reason, count = tally.dropped.most_common(1)[0]
        first = next((sample.detail for sample in tally.samples[reason] if sample.detail), "")
        # A column that no row has is the recipe's mistake, as where few bad rows are allowed.
        kind = RecipeError if reason == Fault.MISSING_COLUMN and count == read else DataError
        raise kind(
            f"of {read:,} documents none is left; {count:,} were dropped as {reason}"
            + (f", the first since: {first}" if first else ""),
            hint=remedy_for(reason),
        )
    if tally.kept == tally.held_out_documents and treatment.held_out_fraction < 1:
        hint = "lower `held_out_fraction`, or give more groups: the split never divides a group"
        gone = ""
        if tally.dropped:
            reason, count = tally.dropped.most_common(1)[0]
            gone = f"of {read:,} documents {count:,} were dropped as {reason}, and "
            if count > tally.kept:  # it is the drops that left so few
                hint = f"{remedy_for(reason)}; or {hint}"
        stay = "the one that stays falls" if tally.kept == 1 else f"all {tally.kept:,} that stay fall"
        raise DataError(f"{gone}{stay} into the held-out split: none is left to train on", hint=hint)
