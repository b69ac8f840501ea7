"""Questions about the standard library, with answers from its own docstrings: conversations, and choices among four.

The split is that of the `python-docs` corpus: a function stands on the side of its module's group. On top of that, a
held-out item whose answer can be read anywhere in the training side (a docstring, a topic) is dropped as
`also_in_training`, so that nothing held out was ever trained on, in either corpus, under any name.

An item is a public function or method whose docstring has a sentence that describes it. Of several with one description
only the first, in the order of names, is asked about: the others would be right answers to it too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.core.seeds import derive_seed
from ontogeny.data.document import (
    Conversation,
    Document,
    MultipleChoice,
    Rejected,
    Shape,
    Split,
    make_doc_id,
    split_of,
)
from ontogeny.data.python_descriptions import describe, folded
from ontogeny.data.python_layout import (
    description_context,
    heading,
    module_text,
    qualified_name,
    topic_text,
)
from ontogeny.data.python_modules import Member, Module
from ontogeny.data.python_topics import Topic
from ontogeny.data.sources.files import Reading
from ontogeny.data.sources.python_docs import LANGUAGE, LICENSE, read_library
from ontogeny.records.conversations import Message
from ontogeny.records.row import byte_locator

NO_DESCRIPTION = "no_description"
REPEATED_DESCRIPTION = "repeated_description"
ALSO_IN_TRAINING = "also_in_training"
TOO_FEW_CHOICES = "too_few_choices"

Labelled: TypeAlias = Conversation | MultipleChoice

CHOICES = 4
NEIGHBOURS = 40
"""Wrong choices are drawn from this many descriptions of the most similar length, so that length tells nothing."""


class PythonDocsQuestionsSource(BaseModel):
    """`{type: python-docs-questions}`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["python-docs-questions"]

    name: str = Field("python-docs-questions", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The source's name, part of each item's id."""

    @property
    def source_name(self) -> str:
        """The name given."""
        return self.name


@dataclass(frozen=True, slots=True)
class Item:
    """A function and the sentence that describes it."""

    module: Module
    member: Member
    description: str
    split: Split

    @property
    def name(self) -> str:
        """Its full dotted name, which is also its id."""
        return qualified_name(self.module, self.member)

    @property
    def locator(self) -> str:
        """The bytes of its definition."""
        return byte_locator(self.module.path.as_posix(), self.member.start, self.member.end)


def read_python_docs_questions(
    source: PythonDocsQuestionsSource, reading: Reading, *, shape: Shape, held_out_fraction: float, seed: int
) -> Iterator[Document | Rejected]:
    """The items of one shape as documents: three conversations an item, or one question with four choices.

    Args:
        shape: `instruct` or `multiple-choice`.
        held_out_fraction: that of the corpus, so that both have one split.
        seed: decides which wrong choices stand beside the right one, and where.
    """
    topics, found, date = read_library(source.name, reading)
    modules = []
    for module in found:
        if isinstance(module, Rejected):
            yield module
        else:
            modules.append(module)
    items: list[Item] = []
    training = training_text(topics, modules, held_out_fraction)
    for outcome in _items(modules, source.name, training, held_out_fraction):
        if isinstance(outcome, Rejected):
            yield outcome
        else:
            items.append(outcome)
    contents: Iterator[tuple[Item, str, Labelled | None]] = (
        _choices(items, source.name, seed) if shape == "multiple-choice" else _conversations(items)
    )
    for item, record, content in contents:
        if content is None:
            yield _rejected(
                item, source.name, TOO_FEW_CHOICES, f"fewer than {CHOICES} descriptions to choose from"
            )
        elif item.split == "held_out" and folded(_answer(content)) in training:
            yield _rejected(
                item, source.name, ALSO_IN_TRAINING, f"a training document holds {_answer(content)!r}"
            )
        else:
            yield _document(source, item, record, content, date)


def _document(
    source: PythonDocsQuestionsSource, item: Item, record: str, content: Labelled, date: str | None
) -> Document:
    return Document(
        doc_id=make_doc_id(source.name, record),
        group=item.module.group,
        source=source.name,
        locator=item.locator,
        content=content,
        license=LICENSE,
        date=date,
        language=LANGUAGE,
    )


def _answer(content: Labelled) -> str:
    """What has to be said or chosen."""
    if isinstance(content, Conversation):
        return content.messages[-1].content
    return content.choices[content.gold]


def training_text(topics: list[Topic], modules: list[Module], held_out_fraction: float) -> str:
    """Everything that the training side of the corpus says, folded, to search for answers in."""
    documents = [(topic.group, topic_text(topic)) for topic in topics]
    documents += [(module.group, module_text(module)) for module in modules if module.documented]
    return "\n".join(
        folded(text) for group, text in documents if split_of(group, held_out_fraction) == "train"
    )


def _items(
    modules: list[Module], source: str, training: str, held_out_fraction: float
) -> Iterator[Item | Rejected]:
    """Every documented function as an item, or the reason why it is none."""
    seen: dict[str, str] = {}
    for module in sorted(modules, key=lambda module: module.name):
        split = split_of(module.group, held_out_fraction)
        for member in sorted(module.members, key=lambda member: member.name):
            if not member.is_callable or member.docstring is None:
                continue
            item = Item(module, member, describe(member.docstring) or "", split)
            key = folded(item.description)
            if not key:
                yield _rejected(
                    item, source, NO_DESCRIPTION, "no sentence in its docstring says what it does"
                )
            elif split == "held_out" and key in training:
                yield _rejected(item, source, ALSO_IN_TRAINING, "a training document says the same")
            elif key in seen:
                yield _rejected(item, source, REPEATED_DESCRIPTION, f"{seen[key]} has the same description")
            else:
                seen[key] = item.name
                yield item


def describe_question(item: Item) -> str:
    """What both shapes ask, in one wording: tuning on the one must help with the other."""
    return f"What does {heading(item.module, item.member)} do?"


def _conversations(items: list[Item]) -> Iterator[tuple[Item, str, Labelled]]:
    """Three questions an item: what it does, what it is called, how it is called."""
    for item in items:
        head = heading(item.module, item.member)
        pairs = {
            "describe": (describe_question(item), item.description),
            "name": (
                f"Which function in {item.module.name} fits this description? {item.description}",
                item.name,
            ),
            "signature": (f"What is the signature of {item.name}?", head),
        }
        for kind, (question, answer) in pairs.items():
            messages = (Message("user", question), Message("assistant", answer))
            yield item, f"{kind}:{item.name}", Conversation(messages)


def _choices(items: list[Item], source: str, seed: int) -> Iterator[tuple[Item, str, Labelled | None]]:
    """One question an item; None where its split has too few other descriptions."""
    for split in ("train", "held_out"):
        pool = sorted(
            (item for item in items if item.split == split),
            key=lambda item: (len(item.description), item.name),
        )
        for position, item in enumerate(pool):
            record = f"choice:{item.name}"
            # `random` and not NumPy's generator: its shuffle and sample are fixed by the language's version policy
            generator = random.Random(derive_seed(seed, source, record))
            yield item, record, _choice(item, _nearby(pool, position), generator)


def _nearby(pool: list[Item], position: int) -> list[Item]:
    """Items around `position` of `pool` (sorted by length) that are wrong answers to it: no namesakes."""
    start = max(0, min(position - NEIGHBOURS // 2, len(pool) - NEIGHBOURS - 1))
    own = _last_name(pool[position])
    return [item for item in pool[start : start + NEIGHBOURS + 1] if _last_name(item) != own]


def _last_name(item: Item) -> str:
    return item.member.name.rpartition(".")[2]


def _choice(item: Item, others: list[Item], generator: random.Random) -> MultipleChoice | None:
    if len(others) < CHOICES - 1:
        return None
    choices = [other.description for other in generator.sample(others, CHOICES - 1)]
    gold = generator.randrange(CHOICES)
    choices.insert(gold, item.description)
    return MultipleChoice(
        prompt=describe_question(item),
        context=description_context(item.module, item.member),
        choices=tuple(choices),
        gold=gold,
    )


def _rejected(item: Item, source: str, reason: str, detail: str) -> Rejected:
    sample = f"{heading(item.module, item.member)}\n{item.member.docstring}"
    return Rejected(source=source, locator=item.locator, reason=reason, detail=detail, sample=sample)
