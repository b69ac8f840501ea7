"""Labels that are probably wrong, and a file to correct them in.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068, section 3.1): a class has a threshold, the mean
probability that a classifier gives it on the examples labelled with it. An example counts as the likeliest class among
those whose threshold it reaches. Where that is not its label, and likelier, the label is probably wrong. Probabilities
must be out of sample: of a classifier that did not learn from these examples.

    errors = find_label_errors(judged)
    write_label_errors(folder / LABEL_ERRORS_FILE, errors)     # a person corrects the column `label`

`data.corrections` reads the file back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ontogeny.core.files import write_atomic
from ontogeny.finetune.judged import Judged

LABEL_ERRORS_FILE = "label_errors.csv"
COLUMNS = ("doc_id", "text", "label", "suggested", "probability")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets compute (OWASP, "CSV injection")."""

ROUNDING = 1e-12  # a mean of equal probabilities may be above each of them by the last bit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelError:
    """An example whose label is probably wrong, and the label that is likelier, with its probability."""

    doc_id: str
    text: str
    label: str
    suggested: str
    probability: float


def find_label_errors(*parts: Judged) -> list[LabelError]:
    """The examples of `parts` that count as another, likelier class than their label's, the clearest first.

    Each part has thresholds of its own: probabilities of different classifiers are not alike. The clearest is the one
    with the widest margin, the probability of the suggestion over that of the label.
    """
    found: list[tuple[float, LabelError]] = []
    for part in parts:
        counted = confident_classes(part.probabilities, part.gold)
        every = np.arange(len(part.gold))
        margin = part.probabilities[every, counted] - part.probabilities[every, part.gold]
        for row in np.flatnonzero((counted >= 0) & (margin > 0)):
            label, suggested = part.names[part.gold[row]], part.names[counted[row]]
            chance = float(part.probabilities[row, counted[row]])
            error = LabelError(part.doc_ids[row], part.texts[row], label, suggested, chance)
            found.append((float(margin[row]), error))
    found.sort(key=lambda pair: (-pair[0], pair[1].doc_id))
    return [error for _, error in found]


def confident_classes(probabilities: Floats, gold: Ints) -> Ints:
    """The class that each example counts as, (N,), or -1 where its probabilities (N, K) reach no threshold.

    A class that no example is labelled with has no threshold, and nothing counts as it.
    """
    classes = probabilities.shape[1]
    count = np.bincount(gold, minlength=classes)
    own = np.bincount(gold, probabilities[np.arange(len(gold)), gold], classes)
    threshold = np.where(count > 0, own / np.maximum(count, 1), np.inf)
    reached = np.where(probabilities >= threshold - ROUNDING, probabilities, -1.0)
    return np.where(reached.max(1) >= 0, reached.argmax(1), -1)


def write_label_errors(path: Path, errors: Sequence[LabelError]) -> None:
    """Write `errors` as CSV with the columns `COLUMNS`, to be corrected in the column `label`.

    Spreadsheets get a byte-order mark, so that they read UTF-8, and an apostrophe before text that they would compute.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for error in errors:
        text = f"'{error.text}" if error.text.startswith(FORMULA) else error.text
        writer.writerow([error.doc_id, text, error.label, error.suggested, f"{error.probability:.4f}"])
    write_atomic(path, table.getvalue().encode("utf-8-sig"))
