"""How the figures of an evaluation are written, on pages and in terminals: one spelling for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ontogeny.evaluate.scores import Comparison, Verdict, bare
from ontogeny.report import numbers
from ontogeny.report.page import Tone
from ontogeny.tasks.metrics import kind_of_result

LARGE = 1e6  # from here on values are written as powers of ten
TONES: dict[Verdict, Tone] = {"better": "good", "worse": "bad", "undecided": "plain"}


def is_share(metric: str) -> bool:
    """Whether a result lies between 0 and 1 and is written in percent; it may be labelled `name,filter[form]`."""
    kind = kind_of_result(bare(metric))
    return kind is not None and kind.share


def value(metric: str, number: float | None) -> str:
    """`61.2%`, or `2.051` of what is no share."""
    return numbers.percent(number) if is_share(metric) else _measured(number)


def _measured(number: float | None, size: float | None = None) -> str:
    """With three decimals, large numbers with fewer: perplexities of a model that knows nothing have no use for them.

    `size` is that of the largest number beside it.
    """
    if number is None or not math.isfinite(number):
        return numbers.measure(number)
    largest = abs(number) if size is None else size
    if largest < LARGE:
        return numbers.measure(number, 3 if largest < 100 else 1 if largest < 1000 else 0)
    digits, power = f"{number:.2e}".split("e")
    return f"{digits}e{int(power)}".replace("-", numbers.MINUS)


def interval(metric: str, bounds: Sequence[float] | None) -> str:
    """`[57.1, 65.3]`, in percent of what is a share."""
    if bounds is None:
        return numbers.ABSENT
    if not is_share(metric):
        return f"[{', '.join(_measured(end, max(map(abs, bounds))) for end in bounds)}]"
    return numbers.interval([100 * end for end in bounds], 1)


def difference(metric: str, number: float | None) -> str:
    """`+4.2 points`, or `−0.031` of what is no share."""
    said = change(metric, number)
    return f"{said} points" if number is not None and is_share(metric) else said


def change(metric: str, number: float | None) -> str:
    """The same without its unit, for tables: `+4.2`, as its interval has it."""
    if number is not None and is_share(metric):
        return numbers.signed(100 * number, 1)
    said = _measured(number)
    return said if said[0] in (numbers.MINUS, numbers.ABSENT) else f"+{said}"


def detectable(metric: str, number: float | None) -> str:
    """`4.2 points`, or `0.031` of what is no share."""
    return value(metric, number).replace("%", " points")


def p_equals(p_value: float) -> str:
    """`p = 0.031`, `p < 0.0001`."""
    said = numbers.p_value(p_value)
    return f"p {said}" if said.startswith("<") else f"p = {said}"


def tone_of(row: Comparison) -> Tone:
    """Whether it is good news for the model; where more is neither better nor worse, it is no news."""
    return TONES[row.verdict] if row.verdict else "plain"


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Names without their recipe, where that still tells them apart."""
    every = list(dict.fromkeys(models))
    short = [name.rsplit("/", 1)[-1] for name in every]
    plain = [name.split("@")[0] for name in short]
    told = next((names for names in (plain, short) if len(set(names)) == len(every)), every)
    return dict(zip(every, told, strict=True))


def listed(words: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first, and how many more there are."""
    shown = list(words[:most])
    if len(words) > most:
        shown = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
