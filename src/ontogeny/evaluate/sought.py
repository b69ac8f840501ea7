"""What is looked for in a model's training: of each item the question, the passage and the right answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ontogeny.data.decontaminate.items import Item, item_of, take_apart
from ontogeny.evaluate import multiple_choice, task
from ontogeny.evaluate.suites import MultipleChoiceSuite, Suite, TaskSuite
from ontogeny.records.row import Row
from ontogeny.tasks.build import Task
from ontogeny.tasks.data import Row as TaskRow
from ontogeny.tasks.fields import Fields
from ontogeny.tasks.requests import Item as TaskItem
from ontogeny.tasks.requests import Rolling

LETTER = 1  # characters of a choice that only names one in the prompt


def sought(suite: Suite, material: object) -> list[Item]:
    """The items of a suite; none where nothing is asked that could have been learnt by heart."""
    if isinstance(suite, TaskSuite) and isinstance(material, task.Material):
        return sought_in_task(material, suite.tasks().tasks)
    if isinstance(suite, MultipleChoiceSuite) and isinstance(material, multiple_choice.Material):
        return sought_in_choices(material)
    return []


def sought_in_task(material: task.Material, tasks: Sequence[Task]) -> list[Item]:
    """The items of a task suite.

    A row of data is read as decontamination reads it at curation, by the names of its columns. Where that is not what
    the task asks, its own prompt without examples is taken.
    """
    fields = {one.name: Fields(one.definition, one.file) for one in tasks}
    return [_of_row(item) or _of_prompt(item, fields[item.task]) for item in material.items]


def sought_in_choices(material: multiple_choice.Material) -> list[Item]:
    """The items of held-out questions of the user's own."""
    return [
        _item(item.id, item.prompt or item.context, (item.choices[item.gold],)) for item in material.items
    ]


def _of_row(item: TaskItem) -> Item | None:
    """By the columns' names; None where their question is not what the model is asked, or the lesser part of it."""
    found = item_of(Row(dict(item.document), 0, ""), item.task, {})
    if found is None:
        return None
    question, texts = _folded(found.question), [_folded(text) for text in _texts(item)]
    if not any(question in text for text in texts):
        return None
    columns = [_folded(value) for value in item.document.values() if isinstance(value, str)]
    others = [one for one in columns if question not in one and any(one in text for text in texts)]
    if max(map(len, others), default=0) > len(question) + len(found.context):
        return None
    return Item(item.task, item.id, found.question, found.context, found.answers)


def _of_prompt(item: TaskItem, fields: Fields) -> Item:
    asked = fields.text(TaskRow(dict(item.document), item.id))
    known = tuple(item.choices[place] for place in item.gold) or item.references
    answers = tuple(answer for answer in known if answer.strip())
    if isinstance(asked, int):  # the choices stand before what is scored
        endings = [getattr(item.requests[place], "continuation", "") for place in item.gold]
        return Item(item.task, item.id, " ".join(map(str.__add__, answers, endings)))
    return _item(item.id, asked or " ".join(answers), answers, item.gold)


def _item(identity: str, prompt: str, answers: tuple[str, ...], gold: tuple[int, ...] = ()) -> Item:
    """A prompt without what harnesses put around a question; answers that are letters give way to what they name."""
    context, question, listed = take_apart(prompt)
    if (
        listed
        and gold
        and max(gold) < len(listed)
        and all(len(answer.strip()) == LETTER for answer in answers)
    ):
        answers = tuple(listed[place] for place in gold)
    return Item("", identity, question.strip() or prompt, context.strip(), answers)


def _texts(item: TaskItem) -> Iterator[str]:
    for request in item.requests:
        if isinstance(request, Rolling):
            yield request.text
        else:
            yield task.text_of(request.context) + getattr(request, "continuation", "")


def _folded(text: str) -> str:
    return " ".join(text.split())
