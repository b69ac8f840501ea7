"""From a task to its items: which rows are asked, with which examples, as which requests.

`limit` takes the first rows, as lm-evaluation-harness does; `n` takes as many spread evenly over the data by their
digests, which serves better where rows are sorted. Neither changes what an item's examples are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_bytes, digest_json
from ontogeny.tasks.data import Place, Row, data_digest, read_split
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.fewshot import drawn_examples
from ontogeny.tasks.fields import Fields
from ontogeny.tasks.metrics import NEUTRAL_METRICS, TIMED_METRICS
from ontogeny.tasks.prompts import Form, Prompts
from ontogeny.tasks.requests import Context, Generate, Item, Loglikelihood, Request, Rolling
from ontogeny.tasks.source import TaskFile

ID_DIGITS = 16
Change: TypeAlias = Callable[[Row, str], Row]
"""From a row and its id to the row that its question is written from."""
CLUSTER = "cluster"  # key of `metadata`: a field or template that items of one source share


@dataclass(frozen=True)
class Task:
    """A task ready to be built: its definition, the file it came from, where its data lies."""

    definition: TaskDefinition
    file: TaskFile
    place: Place

    @property
    def name(self) -> str:
        """The task's name."""
        return self.definition.task

    @property
    def num_fewshot(self) -> int:
        """Examples before each item."""
        return self.definition.num_fewshot or 0

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are read."""
        own = self.definition.fewshot_config.samples is not None and not self.definition.fewshot_split
        needed = self.num_fewshot > 0 and not own
        return tuple(
            dict.fromkeys([self.definition.split, *([self.definition.examples_split] if needed else [])])
        )

    def digest(self) -> str:
        """Of the definition and the content of its data: equal digests, equal requests."""
        return digest_json([self.definition.digest, data_digest(self.definition, self.splits, self.place)])


@dataclass(frozen=True)
class Built:
    """The items of a task in the order of its data, and what is worth knowing about them."""

    items: tuple[Item, ...]
    doubled_choices: int = 0
    """Items with two equal choices."""

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing, averaged over the items; None where nothing is chosen."""
        shares = [len(item.gold) / len(item.choices) for item in self.items if item.choices]
        return sum(shares) / len(shares) if shares else None


def build_items(
    task: Task,
    *,
    form: Form = "plain",
    n: int | None = None,
    limit: int | None = None,
    change: Change | None = None,
) -> Built:
    """Read the data and write down what is asked; `change` alters the questions, and nothing else.

    Raises:
        RecipeError: a mistake in the task file, with its line. UsageError: the data is not there.
        DataError: an empty split, or a row that does not fit the task.
    """
    definition = task.definition
    fields = Fields(definition, task.file)
    rows = read_split(definition, definition.split, task.place)
    ids = _ids([row.values for row in rows])
    chosen = _chosen(ids, n, limit)
    prompts = Prompts(definition, fields, form)
    examples = _examples(task, rows)
    items = []
    for at in chosen:
        asked = None if change is None else change(rows[at], ids[at])
        contexts = prompts.of(rows[at], examples[at] if examples else [], asked=asked)
        item = _item(task, fields, prompts, rows[at], ids[at], contexts)
        items.append(replace(item, row=at + 1))
    doubled = sum(len(set(item.choices)) < len(item.choices) for item in items)
    return Built(tuple(items), doubled)


def _ids(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Digests of the documents; one that is repeated is numbered."""
    seen: Counter[str] = Counter()
    ids = []
    for document in documents:
        digest = document_id(document)
        seen[digest] += 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


def document_id(document: Mapping[str, Any]) -> str:
    """The beginning of the digest of a document's content."""
    text = repr(sorted(document.items(), key=lambda pair: pair[0]))  # dates and the like have no JSON
    return digest_bytes(text.encode("utf-8", "surrogatepass")).removeprefix("blake3:")[:ID_DIGITS]


def _chosen(ids: Sequence[str], n: int | None, limit: int | None) -> list[int]:
    places = range(len(ids))
    if n is not None and n < len(ids):
        places_by_digest = sorted(places, key=lambda place: ids[place])
        return sorted(places_by_digest[:n])[:limit]
    return list(places[:limit])


def _examples(task: Task, rows: Sequence[Row]) -> list[list[tuple[int, Row]]]:
    """For each row its examples, with their places in the pool; nothing without examples."""
    definition, count = task.definition, task.num_fewshot
    if count == 0:
        return []
    own = definition.fewshot_config
    if own.samples is not None and not (own.split or definition.fewshot_split):
        where = task.file.where(("fewshot_config",))
        pool = [Row(dict(sample), f"{where}, sample {number}") for number, sample in enumerate(own.samples)]
        shared = False
    else:
        shared = definition.examples_split == definition.split
        pool = list(rows) if shared else read_split(definition, definition.examples_split, task.place)
    excludes = (own.split or definition.fewshot_split) == definition.test_split  # None equals None there, too
    drawn = drawn_examples(
        [row.values for row in pool], [row.values for row in rows], count, sampler=own.sampler,
        harness_excludes=excludes, shared=shared, task=task.name, where=task.file.where(("num_fewshot",)),
        words=task.file.word,
    )  # fmt: skip
    return [[(place, pool[place]) for place in places] for places in drawn]


def _item(
    task: Task, fields: Fields, prompts: Prompts, row: Row, identity: str, contexts: list[Context]
) -> Item:
    definition = task.definition
    requests: tuple[Request, ...]
    choices: list[str] = []
    gold: tuple[int, ...] = ()
    references: tuple[str, ...] = ()
    if definition.output_type == "multiple_choice":
        choices = fields.choices(row)
        requests, gold = _choosing(definition, fields, prompts, row, contexts, choices)
    else:
        references = _references(definition, fields, row)
        if definition.output_type == "generate_until":
            requests = tuple(_generation(definition, contexts[0], seed) for seed in range(definition.repeats))
        elif not references[0]:
            raise DataError(
                f"task {task.name!r}: there is no text to score: {task.file.word('doc_to_target')} gives an empty one",
                where=row.locator, hint="mend or remove the row",
            )  # fmt: skip
        elif definition.output_type == "loglikelihood":
            requests = (Loglikelihood(contexts[0], references[0]),)
        else:
            requests = (Rolling(references[0]),)
    cluster = fields.rendered(CLUSTER, definition.metadata.get(CLUSTER), row)
    return Item(
        identity, task.name, cluster or identity, row.values, requests, tuple(choices), gold, references
    )


def _choosing(
    definition: TaskDefinition,
    fields: Fields,
    prompts: Prompts,
    row: Row,
    contexts: list[Context],
    choices: list[str],
) -> tuple[tuple[Request, ...], tuple[int, ...]]:
    """A request for each choice, and where asked for one more without context; and the places of the right ones."""
    text = fields.text(row)
    if isinstance(text, int):  # the choices stand before what is scored: winogrande
        endings = [str(fields.target(row))] * len(contexts)
        gold = fields.positions(text, choices, row)
    else:
        endings, contexts = choices, contexts * len(choices)
        gold = fields.positions(fields.target(row), choices, row)
    requests = [
        Loglikelihood(context, prompts.delimiter + ending)
        for context, ending in zip(contexts, endings, strict=True)
    ]
    pairs = zip(choices, requests, strict=True)
    if empty := [
        place for place, (choice, request) in enumerate(pairs) if not (choice and request.continuation)
    ]:
        raise DataError(
            f"task {definition.task!r}: choice {empty[0]} is empty",
            where=row.locator,
            hint="mend or remove the row",
        )
    if any(metric.metric in NEUTRAL_METRICS for metric in definition.metric_list):
        requests += [Loglikelihood("", prompts.delimiter + choice) for choice in choices]
    return tuple(requests), gold


def _references(definition: TaskDefinition, fields: Fields, row: Row) -> tuple[str, ...]:
    target = fields.target(row)
    if definition.doc_to_choice is not None:
        choices = fields.choices(row)
        return tuple(choices[place] for place in fields.positions(target, choices, row))
    return tuple(str(one) for one in target) if isinstance(target, list) else (str(target),)


def _generation(definition: TaskDefinition, context: Context, seed: int) -> Generate:
    own = definition.generation_kwargs
    until = (definition.fewshot_delimiter,) if own.until is None else own.until
    timed = any(metric.metric in TIMED_METRICS for metric in definition.metric_list)
    return Generate(context, until, own.max_gen_toks, own.heat, own.top_p, own.top_k, seed, timed)
