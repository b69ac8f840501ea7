"""What is looked for in a model's training: of each item the question, the passage and the right answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ontogeny.data.decontaminate.items import Item, item_of, take_apart
from ontogeny.evaluate import multiple_choice, task
from ontogeny.evaluate.suites import MultipleChoiceSuite, Suite, TaskSuite
from ontogeny.records.row import Row
from ontogeny.tasks.build import Task
from ontogeny.tasks.data import Row as TaskRow
from ontogeny.tasks.fields import Fields
from ontogeny.tasks.requests import Item as TaskItem
from ontogeny.tasks.requests import Rolling

LETTER = 1  # characters of an answer that only names a choice


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
    return [_of_item(item, fields[item.task]) for item in material.items]


def sought_in_choices(material: multiple_choice.Material) -> list[Item]:
    """The items of held-out questions of the user's own."""
    return [
        _item(item.id, item.prompt or item.context, (item.choices[item.gold],)) for item in material.items
    ]


def _of_item(item: TaskItem, fields: Fields) -> Item:
    found = _of_row(item)
    return _of_prompt(item, fields) if found is None else _with_answers(found, item, fields)


def _with_answers(found: Item, item: TaskItem, fields: Fields) -> Item:
    """With the choices that the task calls right, else what the row's columns tell, else the task's references.

    A short question is anybody's without its answer, and columns of other names tell none. Letters give way to words.
    """
    right = _right(item)
    if item.choices and _name_only(right):
        right = _of_prompt(item, fields).answers
    told = (right, found.answers) if item.choices else (found.answers, right)
    answers = next((one for one in told if not _name_only(one)), told[0] or told[1])
    return replace(found, answers=answers)


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
    answers = _right(item)
    if isinstance(asked, int):  # the choices stand before what is scored
        endings = [getattr(item.requests[place], "continuation", "") for place in item.gold]
        return Item(item.task, item.id, " ".join(map(str.__add__, answers, endings)))
    return _item(item.id, asked or " ".join(answers), answers, item.gold)


def _right(item: TaskItem) -> tuple[str, ...]:
    known = tuple(item.choices[place] for place in item.gold) or item.references
    return tuple(answer for answer in known if answer.strip())


def _item(identity: str, prompt: str, answers: tuple[str, ...], gold: tuple[int, ...] = ()) -> Item:
    """A prompt without what harnesses put around a question; answers that are letters give way to what they name."""
    context, question, listed = take_apart(prompt)
    if listed and gold and max(gold) < len(listed) and _name_only(answers):
        answers = tuple(listed[place] for place in gold)
    return Item("", identity, question.strip() or prompt, context.strip(), answers)


def _name_only(answers: Sequence[str]) -> bool:
    """Whether no answer says more than a letter or a number does."""
    return all(len(answer.strip()) <= LETTER for answer in answers)


def _texts(item: TaskItem) -> Iterator[str]:
    for request in item.requests:
        if isinstance(request, Rolling):
            yield request.text
        else:
            yield task.text_of(request.context) + getattr(request, "continuation", "")


def _folded(text: str) -> str:
    return " ".join(text.split())
