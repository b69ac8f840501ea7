"""The labels of examples to be sorted: their order, and whether they serve to learn from and to judge by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ontogeny.core.errors import DataError
from ontogeny.data.document import SPLITS, Split

LEAST_EXAMPLES = 10
"""Below it a part would be a single example: a tenth of the data guides training."""
MANY_LABELS = 20
"""From so many on, labels of which most have one example are rather texts or numbers of rows."""
RARE_EXAMPLES = 5
"""Of a label, to learn from: below that each of them is a fifth of all that is known of it, or more."""
SHOWN_LABELS = 5

Counts: TypeAlias = Mapping[str, Mapping[Split, int]]
"""How many examples of each label are in each part, in the order of the labels."""

REMEDY = "see that `columns: {label: ...}` names the column of classes"


def in_order(found: Iterable[str], given: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels as `given`, else those that were found: by their numbers where all are whole, else by the alphabet.

    Raises:
        DataError: all that were found are numbers, and not whole.
    """
    if given:
        return tuple(given)
    names = sorted(set(found))
    numbers = [_number(name) for name in names]
    if not names or None in numbers:
        return tuple(names)
    fraction = next(
        (name for name, number in zip(names, numbers, strict=True) if number != int(number or 0)), None
    )
    if fraction is not None:
        raise DataError(
            f"all labels are numbers, and {fraction!r} is not whole: they measure something, and are no classes",
            hint="name another column (`columns: {label: ...}`), turn the numbers into a few classes, or list them as"
            " `labels: [...]` where each is meant as one",
        )
    return tuple(sorted(names, key=lambda name: (float(name), name)))


def check_before(labels: Sequence[tuple[str, ...]], learnable: Sequence[tuple[str, ...]]) -> None:
    """Refuse examples that cannot be divided: the `labels` of all, and of those that training may have.

    Raises:
        DataError: one class only, fewer examples than parts need, or labels that are no classes.
    """
    names = {name for each in learnable for name in each}
    several = any(len(each) != 1 for each in learnable)
    if len(names) < (1 if several else 2):
        only = f"all {len(learnable):,} examples to learn from have one label, {min(names, default='')!r}"
        raise DataError(
            only if names else "no example to learn from has a label",
            hint=f"a classifier tells at least two apart: bring examples of others, or {REMEDY}",
        )
    if len(labels) < LEAST_EXAMPLES:
        counted = ", ".join(
            f"{name} {sum(name in each for each in labels)}" for name in sorted(names)[:SHOWN_LABELS]
        )
        raise DataError(
            f"{len(labels)} examples ({counted}) are too few: some are learnt from, some guide training, and some test"
            f" the result, so at least {LEAST_EXAMPLES} are needed",
            hint="bring more; a few hundred, with a few dozen of each label, are a good start",
        )
    if len(names) >= MANY_LABELS and len(names) > len(learnable) / 2:
        raise DataError(
            f"the {len(learnable):,} examples to learn from have {len(names):,} labels, such as"
            f" {', '.join(map(repr, sorted(names)[:SHOWN_LABELS]))}: most are there once",
            hint=REMEDY,
        )


def check_after(counts: Counts) -> None:
    """Refuse a label that is judged and was never learnt: no training could get it right.

    Raises:
        DataError: names them.
    """
    for part in SPLITS[1:]:
        unseen = [name for name, each in counts.items() if each[part] and not each["train"]]
        if unseen:
            told = ", ".join(f"{name!r} ({counts[name][part]:,})" for name in unseen[:SHOWN_LABELS])
            more = f" and {len(unseen) - SHOWN_LABELS:,} more" if len(unseen) > SHOWN_LABELS else ""
            raise DataError(
                f"{len(unseen):,} of {len(counts):,} labels stand in the {part} part and never in train: {told}{more}",
                hint="bring examples of them to learn from, correct their spelling, or list the labels that count as"
                " `labels: [...]`, and rows with others are left out",
            )


def notes_on(counts: Counts) -> Iterator[str]:
    """What to know of the labels before a training."""
    folded: dict[str, list[str]] = {}
    for name in counts:
        folded.setdefault(name.casefold(), []).append(name)
    for alike in folded.values():
        if len(alike) > 1:
            yield f"the labels {', '.join(map(repr, alike))} differ only in case: are they meant to be two?"
    rare = [name for name, each in counts.items() if each["train"] < RARE_EXAMPLES]
    if rare:
        told = ", ".join(f"{name} ({counts[name]['train']})" for name in rare[:SHOWN_LABELS])
        more = f" and {len(rare) - SHOWN_LABELS:,} more" if len(rare) > SHOWN_LABELS else ""
        have = "1 label has" if len(rare) == 1 else f"{len(rare):,} labels have"
        yield f"{have} fewer than {RARE_EXAMPLES} examples to learn from: {told}{more}"


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None  # neither `inf` nor `nan` is one
