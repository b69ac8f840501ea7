"""Scores models on suites, one model in memory at a time, and compares them item by item.

Each finished (suite, model) is kept in `scratch` as soon as it is done, so that a run that was killed goes on where it
was. What is kept is read back even when nothing was killed: a resumed run has the very same numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ontogeny.core.errors import UsageError
from ontogeny.core.files import canonical_json, digest_json, write_atomic
from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.evaluate import bits_per_byte, harness, multiple_choice, samples, task
from ontogeny.evaluate.contamination import Lineage, mark
from ontogeny.evaluate.judge import Judge, judged
from ontogeny.evaluate.kept_answers import Answers, KeptAnswers
from ontogeny.evaluate.outcome import comparisons_of, counting_forms, results_of, robustness_of
from ontogeny.evaluate.remarks import lost_items, never_tuned
from ontogeny.evaluate.scores import Comparison, CurvePoint, Result, Scores
from ontogeny.evaluate.seeds import Side
from ontogeny.evaluate.sought import sought
from ontogeny.evaluate.subject import Reader, Subject
from ontogeny.evaluate.suites import (
    WITHOUT_METRICS,
    BitsPerByteSuite,
    LmEvalSuite,
    MultipleChoiceSuite,
    SamplesSuite,
    Suite,
    TaskSuite,
)
from ontogeny.evaluate.uncertainty import result

Material = (
    bits_per_byte.Material | multiple_choice.Material | samples.Material | task.Material | harness.Material
)


@dataclass(frozen=True)
class Source:
    """The data of a suite: its payload folder, and its name and digest for messages and records."""

    folder: Path
    name: str
    digest: str


@dataclass(frozen=True)
class Assignment:
    """A suite with its data; `source` is None where the suite needs none, or names it in files of its own."""

    suite: Suite
    source: Source | None
    classifier: Path | None = None
    """The folder of the classifier that the suite names."""
    judge: Judge | None = None
    """Who holds the answers of the model against those of the baseline."""

    def digest(self, limit: int | None) -> str:
        """What was asked, whatever the data is called: the suite, the content of its data, and the cap on items."""
        config = self.suite.model_dump(mode="json", exclude={"name", "data_root", "include_path"}) | {
            "data": self.source.digest if self.source else None
        }
        if self.judge is not None:
            config["judge"] = [self.judge.subject.digest, self.judge.criterion]
        return digest_json({"suite": config, "limit": limit})


@dataclass(frozen=True)
class Rival:
    """A model that a gate names, and the suites it is asked for that."""

    subject: Subject
    suites: frozenset[str]


@dataclass(frozen=True)
class Evaluation:
    """Everything measured. `scores[suite][model]`; `forms[suite][model]` is the form that counts.

    `model` and `baseline` may each be several trainings of one recipe; each training has scores of its own.
    """

    model: Side
    baseline: Side | None
    assignments: tuple[Assignment, ...]
    limit: int | None
    scores: Mapping[str, Mapping[str, Scores]]
    forms: Mapping[str, Mapping[str, str | None]]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...] = field(default=())
    curves: tuple[CurvePoint, ...] = field(default=())
    seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Of each (suite, model) that was scored now, its weights already read; none where any
    answer was known from before."""
    seed: int = 0
    subjects: tuple[Subject, ...] = ()
    """Every model that was scored."""
    robustness: tuple[Comparison, ...] = ()
    """Each model on perturbed items, less itself on the plain ones."""


def evaluate(
    model: Subject | Sequence[Subject],
    assignments: Sequence[Assignment],
    *,
    baseline: Subject | Sequence[Subject] | None = None,
    rivals: Sequence[Rival] = (),
    snapshots: Mapping[int, Subject] = MappingProxyType({}),
    device: str = "cpu",
    seed: int = 0,
    limit: int | None = None,
    scratch: Path | None = None,
    cache: Path | None = None,
    lineage: Lineage | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score `model`, and `baseline` and `rivals` on the same items.

    `snapshots` are the model after steps of its training. What is known in `cache` is not asked again.
    What the models of `lineage` have learnt from is searched for the items.

    Raises:
        UsageError: the model is its own baseline.
        DataError: data without held-out items, items that cannot be right, windows that do not fit.
    """
    side, other = Side.of(model), Side.of(baseline) if baseline is not None else None
    for doubled in [name for name in side.names if other is not None and name in other.names]:
        raise UsageError(
            "the model and the baseline are the same artifact", where=doubled,
            hint="name another baseline, or leave it out",
        )  # fmt: skip
    shown = progress or QuietProgress()
    materials = [_prepare(one, limit=limit, seed=seed, progress=shown) for one in assignments]
    contenders = _contenders(side, other, rivals, assignments)
    asked = list(zip(assignments, materials, strict=True))
    answers = None if cache is None else Answers(cache)
    scores, seconds = _score_contenders(
        contenders, asked, scratch, answers, device=device, seed=seed, progress=shown
    )
    _judge(asked, scores, side, other, answers, device=device, progress=shown)
    if lineage is not None:
        looked_for = {one.suite.name: sought(one.suite, material) for one, material in asked}
        mark(scores, looked_for, lineage, cache=cache, progress=shown)
    known = [one.suite for one in assignments]
    forms = {suite.name: counting_forms(suite, scores[suite.name], side.names) for suite in known}
    curves = _curves(
        side.members[0], snapshots, asked, scores, forms, scratch, answers, device=device, seed=seed,
        progress=shown,
    )  # fmt: skip
    sides = [side] if other is None else [side, other]
    results = [row for one in known for row in results_of(one, scores[one.name], forms[one.name], sides)]
    comparisons = [
        row
        for opponent in _opponents(side, other, rivals)
        for row in comparisons_of(known, scores, forms, side, opponent, seed)
    ]
    return Evaluation(
        side, other, tuple(assignments), limit, scores, forms, tuple(results), tuple(comparisons), tuple(curves),
        seconds, seed, tuple(one.subject for one in contenders),
        tuple(robustness_of(known, scores, forms, seed)),
    )  # fmt: skip


def _score_contenders(
    contenders: Sequence[_Contender],
    asked: Sequence[tuple[Assignment, Material]],
    scratch: Path | None,
    answers: Answers | None,
    *,
    device: str,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, dict[str, Scores]], dict[tuple[str, str], float]]:
    """The scores by suite and model, each model on its suites, and the seconds it took."""
    scores: dict[str, dict[str, Scores]] = {one.suite.name: {} for one, _ in asked}
    seconds: dict[tuple[str, str], float] = {}
    for role, subject, suites in contenders:
        own = [pair for pair in asked if pair[0].suite.name in suites]
        if chats := [one.suite.name for one, _ in own if untuned_in_chat(one.suite, [subject])]:
            progress.note(f"{never_tuned(subject.name)} (asked in chat: {', '.join(chats)})")
        assignments, materials = [one for one, _ in own], [material for _, material in own]
        kept = _Kept(scratch, role)
        found = _score_all(subject, assignments, materials, kept, answers, device, seed, progress, seconds)
        for name in found:
            scores[name][subject.name] = found[name]
    for name, by_model in scores.items():
        if said := lost_items({model: found.counts for model, found in by_model.items()}):
            progress.note(f"{name}: {'; '.join(said)}")
    return scores, seconds


def _judge(
    asked: Sequence[tuple[Assignment, Material]],
    scores: dict[str, dict[str, Scores]],
    side: Side,
    other: Side | None,
    answers: Answers | None,
    *,
    device: str,
    progress: Progress,
) -> None:
    """Put on the scores of both models what the judges of their suites say; one judge is in memory at a time."""
    at_work: Subject | None = None
    for one, material in asked:
        if one.judge is None or other is None:
            continue
        assert isinstance(material, task.Material), "only tasks have judges"
        subject, found = one.judge.subject, scores[one.suite.name]
        if subject != at_work:
            at_work = subject
            reader = KeptAnswers(partial(subject.load, device), answers, digest=subject.digest, device=device)
        (own,), (others,) = side.names, other.names
        found[own], found[others] = judged(
            one.judge, reader, material, found[own], found[others], progress=progress
        )


def untuned_in_chat(suite: Suite, subjects: Iterable[Subject]) -> tuple[str, ...]:
    """The models that the suite asks in chat though they are known never to have been tuned to converse."""
    if isinstance(suite, BitsPerByteSuite) or suite.form != "chat":
        return ()
    return tuple(subject.name for subject in subjects if subject.untuned)


def _opponents(side: Side, other: Side | None, rivals: Sequence[Rival]) -> list[Side]:
    """What the model is compared with, the baseline first."""
    found = {} if other is None else {other.name: other}
    for rival in rivals:
        if rival.subject.name not in side.names:
            found.setdefault(rival.subject.name, Side.of(rival.subject))
    return list(found.values())


class _Contender(NamedTuple):
    role: str
    subject: Subject
    suites: frozenset[str]


def _contenders(
    side: Side, other: Side | None, rivals: Sequence[Rival], assignments: Sequence[Assignment]
) -> list[_Contender]:
    """Who is scored on what, each once: a rival that is the model or the baseline itself already is."""
    everything = frozenset(one.suite.name for one in assignments)
    found = {}
    for role, members in (("model", side.members), ("baseline", other.members if other else ())):
        for number, subject in enumerate(members):
            found[subject.name] = _Contender(f"{role}-{number}", subject, everything)
    for number, rival in enumerate(rivals):
        found.setdefault(rival.subject.name, _Contender(f"rival-{number}", rival.subject, rival.suites))
    return list(found.values())


def _curves(
    model: Subject,
    snapshots: Mapping[int, Subject],
    asked: Sequence[tuple[Assignment, Material]],
    scores: Mapping[str, Mapping[str, Scores]],
    forms: Mapping[str, Mapping[str, str | None]],
    scratch: Path | None,
    answers: Answers | None,
    *,
    device: str,
    seed: int,
    progress: Progress,
) -> list[CurvePoint]:
    """The primary metric of each suite at every step of `snapshots`, in the form that counts for the model."""
    scored = [(one, material) for one, material in asked if one.suite.metrics]
    assignments, materials = [one for one, _ in scored], [material for _, material in scored]
    points = []
    for step, subject in snapshots.items():
        if subject.digest == model.digest:
            found = {one.suite.name: scores[one.suite.name][model.name] for one in assignments}
        else:
            kept = _Kept(scratch, f"step-{step}")
            found = _score_all(subject, assignments, materials, kept, answers, device, seed, progress, {})
        for one in assignments:
            if isinstance(one.suite, WITHOUT_METRICS):
                continue
            name = one.suite.name
            metric = found[name].metric(one.suite.primary, forms[name][model.name])
            row = result(name, subject.name, metric, label=metric.name)
            points.append(CurvePoint(**row.model_dump(), step=step))
    return points


class _Kept:
    """Finished scores in the scratch folder, one file for each suite and role; nowhere without a folder."""

    def __init__(self, scratch: Path | None, role: str) -> None:
        self._scratch, self._role = scratch, role

    def get(self, position: int) -> Scores | None:
        path = self._path(position)
        return Scores.model_validate(json.loads(path.read_bytes())) if path and path.exists() else None

    def put(self, position: int, scores: Scores) -> Scores:
        """Keep the scores; returns them as they will be read back."""
        data = canonical_json(scores.model_dump(mode="json"))
        if path := self._path(position):
            write_atomic(path, data)
        return Scores.model_validate(json.loads(data))

    def _path(self, position: int) -> Path | None:
        return self._scratch / f"scores-{position}-{self._role}.json" if self._scratch else None


def _prepare(one: Assignment, *, limit: int | None, seed: int, progress: Progress) -> Material:
    suite, source = one.suite, one.source
    if isinstance(suite, TaskSuite):
        return task.prepare(suite, limit=limit, progress=progress, classifier=one.classifier)
    if isinstance(suite, LmEvalSuite):
        return harness.prepare(suite, limit=limit)
    if isinstance(suite, SamplesSuite):
        folder, name = (source.folder, source.name) if source else (None, suite.name)
        return samples.prepare(suite, folder, name=name, limit=limit, seed=seed)
    assert source is not None, "only samples and tasks do without an artifact"
    if isinstance(suite, BitsPerByteSuite):
        return bits_per_byte.prepare(suite, source.folder, name=source.name, limit=limit)
    return multiple_choice.prepare(suite, source.folder, name=source.name, limit=limit)


def _score_all(
    subject: Subject,
    assignments: Sequence[Assignment],
    materials: Sequence[Material],
    kept: _Kept,
    answers: Answers | None,
    device: str,
    seed: int,
    progress: Progress,
    seconds: dict[tuple[str, str], float],
) -> dict[str, Scores]:
    """The scores of one model on every suite; its weights are read only if something is left to ask.

    `seconds` is told how long each suite took of which everything was left to ask.
    """
    reader = KeptAnswers(lambda: subject.load(device), answers, digest=subject.digest, device=device)
    scores = {}
    for position, (one, material) in enumerate(zip(assignments, materials, strict=True)):
        found = kept.get(position)
        if found is None:
            recalled, loading, began = reader.recalled, reader.loading_seconds, time.perf_counter()
            found = kept.put(position, _score(one.suite, material, reader, subject, seed, progress))
            took = time.perf_counter() - began - (reader.loading_seconds - loading)
            if reader.recalled == recalled:
                seconds[one.suite.name, subject.name] = took
        scores[one.suite.name] = found
    return scores


def _score(
    suite: Suite, material: Material, reader: Reader, subject: Subject, seed: int, progress: Progress
) -> Scores:
    name = subject.name
    if isinstance(suite, BitsPerByteSuite):
        assert isinstance(material, bits_per_byte.Material)
        return bits_per_byte.score(suite, material, reader, model=name, progress=progress)
    if isinstance(suite, MultipleChoiceSuite):
        assert isinstance(material, multiple_choice.Material)
        forms = subject.forms(suite.form)
        return multiple_choice.score(suite, material, reader, model=name, forms=forms, progress=progress)
    if isinstance(suite, TaskSuite):
        assert isinstance(material, task.Material)
        subject.forms(suite.form)  # refuses chat where there is no template
        return task.score(
            suite, material, reader, model=name, seed=seed, progress=progress, written_out=subject.written_out
        )
    if isinstance(suite, LmEvalSuite):
        assert isinstance(material, harness.Material)
        subject.forms(suite.form)
        return harness.score(suite, material, reader, subject, progress=progress)
    assert isinstance(material, samples.Material)
    form = subject.forms(suite.form)[0]
    return samples.score(suite, material, reader, model=name, form=form, seed=seed, progress=progress)
