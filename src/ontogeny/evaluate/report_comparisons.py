"""How pages show that a model was compared: the cells of a table, and what they mean in words."""

from __future__ import annotations

from ontogeny.evaluate.scores import Comparison
from ontogeny.evaluate.told import least_told
from ontogeny.evaluate.wording import detectable, difference, interval, tone_of
from ontogeny.report import numbers
from ontogeny.report.page import Toned

COMPARED = ("difference", "95% interval", "p", "p of all", "verdict", "detectable")
DETECTABLE = "“Detectable” is the difference that such a test would find four times of five."
HOLM = (
    "“p of all” counts that several tests were made (Holm); the verdict follows from it. "
    "Undecided does not mean equal."
)


def compared_cells(row: Comparison) -> list[str | Toned]:
    """The cells under `COMPARED`."""
    return [
        difference(row.metric, row.difference),
        interval(row.metric, row.ci95),
        numbers.p_value(row.p_value),
        numbers.p_value(row.p_adjusted),
        Toned(row.verdict or numbers.ABSENT, tone_of(row)),
        detectable(row.metric, least_told(row)),
    ]
