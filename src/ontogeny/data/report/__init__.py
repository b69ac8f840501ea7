"""The report of a corpus: figures, the page that shows them, and the card.

figures.json      everything, for machines: counts of the tally, and what a survey found
report.html       the page, drawn from the figures
croissant.json    the card
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.core.files import canonical_json, write_atomic

if TYPE_CHECKING:
    from ontogeny.data.rules import Rule

FIGURES_FILE, PAGE_FILE = "figures.json", "report.html"


def report_corpus(
    payload: Path,
    figures: Mapping[str, Any],
    *,
    title: str,
    name: str,
    rules: Sequence[Rule] = (),
    survey: bool = True,
) -> None:
    """Write figures, page and card of a corpus that was just made into its `payload`.

    Args:
        figures: those of its tally.
        name: of the corpus, in its card.
        rules: of the recipe, in its order.
        survey: read the corpus again for curves of bounds, diversity and copies; seconds, whatever its size, but for
            the columns of signals.
    """
    from ontogeny.data.croissant import corpus_card
    from ontogeny.data.report.classifiers import classifier_figures
    from ontogeny.data.report.survey import rule_figures
    from ontogeny.data.report.survey import survey as look_again

    figures = {**figures, "rules": rule_figures(rules), "classifiers": classifier_figures(rules)}
    if survey:
        figures |= look_again(payload, figures, rules=rules)
    write_files(payload, figures, corpus_card(payload, figures, name=name), title=title)


def write_files(folder: Path, figures: Mapping[str, Any], card: Mapping[str, Any], *, title: str) -> None:
    """Write figures, page and card into `folder`."""
    from ontogeny.data.croissant import CROISSANT_FILE
    from ontogeny.data.report.page import write_page

    write_atomic(folder / FIGURES_FILE, canonical_json(figures) + b"\n")
    write_atomic(folder / CROISSANT_FILE, canonical_json(card) + b"\n")
    write_page(folder / PAGE_FILE, figures, title=title)
