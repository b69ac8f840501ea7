"""Tasks from task files: their items are asked all at once, judged one by one, and their figures gathered.

A group of tasks is one suite: its value counts every item alike, or every task where its file says so, and each task is
a slice with results of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_json
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.evaluate.order import rotations_of, with_order
from ontogeny.evaluate.remarks import DOUBLED, LEFT_OUT, TRUNCATED, doubled_choices
from ontogeny.evaluate.scores import ItemRow, ItemScore, Metric, Scores
from ontogeny.evaluate.slices import slices_of
from ontogeny.evaluate.subject import Reader
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.evaluate.templates import reworded, with_phrasings
from ontogeny.report import numbers
from ontogeny.tasks.answers import Judge, judge_of
from ontogeny.tasks.build import Built, Task, build_items
from ontogeny.tasks.data import split_files
from ontogeny.tasks.metrics.kind import RATIO, MetricKind, Summands
from ontogeny.tasks.metrics.likelihood import chosen
from ontogeny.tasks.metrics.toxicity import CLASSIFIER, Classify
from ontogeny.tasks.perturb import change_of
from ontogeny.tasks.requests import (
    Answer,
    Chat,
    Context,
    Generate,
    Item,
    Loglikelihood,
    Request,
    Response,
    Rolling,
)

TRIED_ALONE = 4  # requests computed a second time, to tell how far rounding moves scores
Judged = Mapping[str, tuple[MetricKind, Summands]]
WrittenOut = Callable[[Context], str]
"""A context as the model reads it."""


@dataclass(frozen=True)
class Material:
    """The items of a suite's tasks, each with its judge; ids tell items of different tasks apart."""

    items: tuple[Item, ...]
    judges: Mapping[str, Judge]
    is_group: bool
    by_size: bool
    chance: float | None
    doubled_choices: int
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids of items, by the part that the suite asks for."""
    perturbed: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    """The same items asked otherwise, by how: flawed questions, rotated choices, another wording."""


def files_of(suite: TaskSuite) -> list[Path]:
    """Every file that decides about the suite: the task's, those it includes, its data.

    Raises:
        UsageError: data that is not there; says which file, and where to get it.
    """
    tasks = suite.tasks()
    data = [
        path
        for task in tasks.tasks
        for split in task.splits
        for path in split_files(task.definition, split, task.place)
    ]
    return sorted({*tasks.files, *data})


def digest_of(suite: TaskSuite) -> str:
    """Of the definitions and the data of its tasks, whatever they are called and wherever they lie."""
    return digest_json([task.digest() for task in suite.tasks().tasks])


def prepare(
    suite: TaskSuite, *, limit: int | None, progress: Progress, classifier: Path | None = None
) -> Material:
    """Build the items; `limit` takes the first of each task; `classifier` is the folder of the one that it names.

    Raises:
        RecipeError, UsageError, DataError: a task, or its data, that does not serve.
    """
    tasks = suite.tasks()
    for note in tasks.notes:
        progress.note(note)
    built = [build_items(task, form=suite.form, n=suite.n, limit=limit) for task in tasks.tasks]
    doubled = sum(one.doubled_choices for one in built)
    if doubled:
        progress.note(f"{suite.name}: {doubled_choices(doubled)}")
    items = tuple(_told_apart(item for one in built for item in one.items))
    given = {CLASSIFIER: _classify(classifier)} if classifier is not None else {}
    judges = {task.name: judge_of(task, given) for task in tasks.tasks}
    for item in items:
        if (why := judges[item.task].unfit(item)) is not None:
            raise DataError(f"item {item.id} of {item.task!r} cannot be judged: {why}", where=suite.name)
    return Material(
        items=items,
        judges=judges,
        is_group=tasks.is_group,
        by_size=tasks.by_size,
        chance=_chance(built, by_size=tasks.by_size),
        doubled_choices=doubled,
        slices=slices_of(items, suite.slices, suite=suite.name),
        perturbed={
            kind: _perturbed(suite, tasks.tasks, kind, items, limit=limit, progress=progress)
            for kind in suite.perturb
        }
        | (rotations_of(items, suite=suite.name) if suite.rotations else {})
        | {
            kind: _built_of(suite, reworded_tasks, limit=limit)
            for kind, reworded_tasks in reworded(tasks.tasks, suite.prompts, suite=suite.name).items()
        },
    )


def _built_of(suite: TaskSuite, tasks: Sequence[Task], *, limit: int | None) -> tuple[Item, ...]:
    built = [build_items(task, form=suite.form, n=suite.n, limit=limit) for task in tasks]
    return tuple(_told_apart(item for one in built for item in one.items))


def _perturbed(
    suite: TaskSuite,
    tasks: Sequence[Task],
    kind: str,
    plain: Sequence[Item],
    *,
    limit: int | None,
    progress: Progress,
) -> tuple[Item, ...]:
    """The items with flawed questions, under the same ids."""
    built = [
        build_items(task, form=suite.form, n=suite.n, limit=limit, change=change_of(task, kind))
        for task in tasks
    ]
    items = tuple(_told_apart(item for one in built for item in one.items))
    touched = sum(a.requests != b.requests for a, b in zip(items, plain, strict=True))
    progress.note(f"{suite.name}: flaws ({kind}) in {touched:,} of {numbers.counted(len(items), 'question')}")
    return items


def _classify(folder: Path) -> Classify:
    """The classifier in `folder`, as metrics ask it."""
    from ontogeny.core.compiled import start_numba
    from ontogeny.data.classifier import load_classifier
    from ontogeny.data.texts import Texts

    start_numba()
    classifier = load_classifier(folder)
    return lambda texts: classifier.score(Texts.of(texts)).tolist()


def text_of(context: Context) -> str:
    """A context without what a chat template puts around it."""
    if not isinstance(context, Chat):
        return context
    turns = [f"{turn.role}: {turn.content}" for turn in context.turns]
    return "\n\n".join([*turns, *([f"assistant: {context.opening}"] if context.opening else [])])


def score(
    suite: TaskSuite,
    material: Material,
    reader: Reader,
    *,
    model: str,
    seed: int,
    progress: Progress,
    written_out: WrittenOut = text_of,
) -> Scores:
    """Ask every item; rows show what was asked as `written_out` has it.

    Items with a continuation that is longer than the model's context are left out and counted; contexts that are too
    long lose their beginning, which is counted too.

    Raises:
        DataError: no item fits.
    """
    asked = [*material.items, *(item for items in material.perturbed.values() for item in items)]
    responses = iter(_asked(asked, reader, label=f"{suite.name}: {model}", seed=seed, progress=progress))
    answered = _answered(material.items, material, responses)
    if not answered:
        raise DataError(
            f"no item of {suite.name!r} fits: every one asks for a text longer than the model's context",
            where=model, hint="train with a longer seq_len, or shorten the texts",
        )  # fmt: skip
    scores = _scores(suite, material, answered, model, written_out)
    variants, rows = {}, list(scores.rows)
    for kind, items in material.perturbed.items():
        if found := _answered(items, material, responses):
            named = suite.model_copy(update={"name": f"{suite.name}/{kind}"})
            flawed = _scores(named, material, found, model, written_out)
            variants[kind] = flawed.metrics
            rows += flawed.rows
    company = _moved_by_company(answered, reader)
    scores = scores.model_copy(update={"variants": variants, "rows": tuple(rows), "company": company})
    return with_phrasings(with_order(scores), suite)


def _moved_by_company(answered: Sequence[tuple[Item, Answer]], reader: Reader) -> float | None:
    """How far scores move where requests are computed one by one: nats, the most of `TRIED_ALONE`."""
    pairs = [
        (request, one)
        for item, answer in answered
        for request, one in zip(item.requests, answer.scored, strict=False)
        if isinstance(request, Loglikelihood)
    ]
    tried = pairs[:: max(1, len(pairs) // TRIED_ALONE)][:TRIED_ALONE]
    alone = reader.alone([request for request, _ in tried])
    moved = [
        abs(one.logprob - other.logprob)
        for (_, one), other in zip(tried, alone, strict=True)
        if other is not None
    ]
    return max(moved, default=None)


def _asked(
    items: Sequence[Item], reader: Reader, *, label: str, seed: int, progress: Progress
) -> list[Response | None]:
    """The responses to all requests of the items, in their order."""
    requests = [_seeded(request, item, seed) for item in items for request in item.requests]
    with progress.bar(label, total=len(requests), unit="requests") as bar:
        plain = [request for request in requests if not isinstance(request, Generate)]
        generations = [request for request in requests if isinstance(request, Generate)]
        scored = iter(reader.logprobs(plain, advance=bar.advance) if plain else [])
        written = iter(reader.generate(generations, advance=bar.advance) if generations else [])
        return [next(written) if isinstance(request, Generate) else next(scored) for request in requests]


def _answered(
    items: Iterable[Item], material: Material, responses: Iterator[Response | None]
) -> list[tuple[Item, Answer]]:
    """Each item with its answer, but for those with a continuation that is too long."""
    answered = []
    for item in items:
        own = [next(responses) for _ in item.requests]
        whole = [response for response in own if response is not None]
        if len(whole) == len(own):
            answered.append((item, material.judges[item.task].answer(whole)))
    return answered


def _scores(
    suite: TaskSuite,
    material: Material,
    answered: Sequence[tuple[Item, Answer]],
    model: str,
    written_out: WrittenOut,
) -> Scores:
    judged = [material.judges[item.task].judge(item, answer) for item, answer in answered]
    items = [item for item, _ in answered]
    truncated = sum(any(one.truncated for one in _responses(answer)) for _, answer in answered)
    return Scores(
        suite=suite.name,
        metrics=tuple(_metric(name, suite, material, items, judged) for name in suite.measured),
        rows=tuple(
            _row(suite, item, answer, one, model, written_out)
            for (item, answer), one in zip(answered, judged, strict=True)
        ),
        counts={
            TRUNCATED: truncated,
            LEFT_OUT: len(material.items) - len(answered),
            DOUBLED: material.doubled_choices,
        },
        figures=_chances(items, material),
        slices=_slices(items, material),
    )


def _metric(
    name: str, suite: TaskSuite, material: Material, items: Sequence[Item], judged: Sequence[Judged]
) -> Metric:
    kind = judged[0][name][0]
    rows = [one[name][1] for one in judged]
    sizes = {len(item.choices) for item in items}
    if len({len(row) for row in rows}) > 1:
        raise DataError(
            f"{name} needs the same number of choices everywhere; "
            f"here there are {min(sizes)} to {max(sizes)}",
            where=suite.name, hint="leave this metric out",
        )  # fmt: skip
    ratio = kind.statistic == RATIO
    weights = weights_of(items, material)
    return Metric(
        name=name,
        form=suite.form,
        items=tuple(item.id for item in items),
        groups=tuple(item.group for item in items),
        tops=tuple(row[0] * weight for row, weight in zip(rows, weights, strict=True)) if ratio else (),
        bottoms=tuple(row[1] * weight for row, weight in zip(rows, weights, strict=True)) if ratio else (),
        statistic=kind.statistic,
        summands=() if ratio else tuple(rows),
        strata=tuple(item.task for item in items) if ratio and material.is_group else (),
    )


def weights_of(items: Sequence[Item], material: Material) -> list[float]:
    """Of each item: all alike, or so that every task counts alike."""
    if material.by_size:
        return [1.0] * len(items)
    sizes = Counter(item.task for item in items)
    return [len(items) / len(sizes) / sizes[item.task] for item in items]


def _row(
    suite: TaskSuite, item: Item, answer: Answer, judged: Judged, model: str, written_out: WrittenOut
) -> ItemRow:
    count = len(item.choices)
    logprobs = tuple(one.logprob for one in answer.scored)
    picked = chosen(item, answer) if item.choices else None
    return ItemRow(
        suite=suite.name, type=suite.type, model=model, form=suite.form, task=item.task, item=item.id,
        group=item.group, prompt=_shown(item.requests[0], written_out), choices=item.choices or None,
        gold=item.gold[0] if item.gold else None, logprobs=(logprobs[:count] if count else logprobs) or None,
        neutral_logprobs=logprobs[count:] or None if count else None, chosen=picked,
        correct=None if picked is None else picked in item.gold,
        greedy=tuple(one.is_greedy for one in answer.scored) or None,
        tokens=tuple(one.tokens for one in _responses(answer)),
        output=str(answer.outputs[0]) if answer.outputs else None,
        outputs=tuple(one.text for one in answer.written) or None,
        reference=item.references[0] if item.references else None, references=item.references or None,
        finish_reason=answer.written[0].finish_reason if answer.written else None,
        seconds=sum(one.seconds for one in answer.written) if answer.written else None, row=item.row,
        scores=tuple(
            ItemScore(metric=name, top=found[0], bottom=found[1])
            for name, (kind, found) in judged.items()
            if kind.statistic == RATIO
        ),
    )  # fmt: skip


def _responses(answer: Answer) -> list[Response]:
    return [*answer.scored, *answer.written]


def _shown(request: Request, written_out: WrittenOut) -> str:
    return "" if isinstance(request, Rolling) else written_out(request.context)


def _seeded(request: Request, item: Item, seed: int) -> Request:
    """The request with a seed of its item's own, so that what is drawn depends on no other item."""
    if not isinstance(request, Generate):
        return request
    return replace(request, seed=derive_seed(seed, "task", item.id, request.seed))


def _told_apart(items: Iterable[Item]) -> Iterator[Item]:
    """Items of a group with ids of their own, where two tasks have one document."""
    seen: Counter[str] = Counter()
    for item in items:
        seen[item.id] += 1
        yield item if seen[item.id] == 1 else replace(item, id=f"{item.id}+{seen[item.id]}")


def _slices(items: Sequence[Item], material: Material) -> dict[str, tuple[str, ...]]:
    """Of a group its tasks; then the parts that the suite asks for. Parts without an answered item are left out."""
    slices: dict[str, list[str]] = {}
    for item in items if material.is_group else ():
        slices.setdefault(item.task, []).append(item.id)
    there = {item.id for item in items}
    for part, ids in material.slices.items():
        slices.setdefault(part, []).extend(one for one in ids if one in there)
    return {part: tuple(ids) for part, ids in slices.items() if ids}


def _chances(items: Sequence[Item], material: Material) -> dict[str, float]:
    """The accuracy of guessing: of the suite, and of its parts, whose items weigh as in their value."""
    if material.chance is None:
        return {}
    weights = {item.id: weight for item, weight in zip(items, weights_of(items, material), strict=True)}
    guessed = {item.id: len(item.gold) / len(item.choices) for item in items}
    return {"chance": material.chance} | {
        f"chance/{part}": sum(weights[one] * guessed[one] for one in ids) / sum(weights[one] for one in ids)
        for part, ids in _slices(items, material).items()
    }


def _chance(built: Sequence[Built], *, by_size: bool) -> float | None:
    weighed = [(one.chance, len(one.items) if by_size else 1) for one in built if one.chance is not None]
    if len(weighed) < len(built):
        return None
    return sum(chance * weight for chance, weight in weighed) / sum(weight for _, weight in weighed)
