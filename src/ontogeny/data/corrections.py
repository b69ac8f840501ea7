"""Labels that a person corrected: a file of `doc_id` and `label`, such as the `label_errors.csv` of a classifier.

An example keeps its id and its part when its label changes, so the new version of the examples is the old one but for
those labels. Copies of a corrected text, the same but for case and white space, are corrected with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import DataError, nearest
from ontogeny.data.document import LABEL_SEPARATOR
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Row

COLUMNS = ("doc_id", "label")


@dataclass(frozen=True)
class Corrections:
    """The labels in the file `path`, by document."""

    path: Path
    label_of: Mapping[str, str]

    def of(
        self, doc_ids: Sequence[str], said: Sequence[tuple[str, ...]], note: Callable[[str], None]
    ) -> dict[int, tuple[str, ...]]:
        """What the examples that the file names are labelled with, by their position.

        Args:
            doc_ids: of all n examples.
            said: the labels that each has so far; where one has several, so may corrections, with `|` between them.
            note: told of documents that are not among the examples.

        Raises:
            DataError: none of the documents is, or a label that no example has.
        """
        position = {doc_id: row for row, doc_id in enumerate(doc_ids)}
        missing = [doc_id for doc_id in self.label_of if doc_id not in position]
        if len(missing) == len(self.label_of):
            first = f", first {missing[0]}" if missing else ""
            raise DataError(
                f"none of the {len(self.label_of):,} documents in it is among these examples{first}",
                where=str(self.path),
                hint="correct the file that a classifier of these examples wrote; under another `name` they have other"
                " ids",
            )
        if missing:
            told = f"{len(missing):,} of {len(self.label_of):,} corrected documents"
            note(f"{told} are not among these examples, first {missing[0]}")
        names = {name for labels in said for name in labels}
        several = any(len(labels) != 1 for labels in said)
        found = {}
        for doc_id, label in self.label_of.items():
            if doc_id in position:
                labels = tuple(sorted(set(label.split(LABEL_SEPARATOR)))) if several else (label,)
                self._check(doc_id, labels, names)
                found[position[doc_id]] = labels
        return found

    def _check(self, doc_id: str, labels: tuple[str, ...], names: set[str]) -> None:
        for name in labels:
            if name not in names:
                raise DataError(
                    f"the label {name!r} of the document {doc_id} is that of no other example.{nearest(name, names)}",
                    where=str(self.path),
                    hint="write it as the examples do",
                )

    def contradict(self, doc_id: str, *labels: tuple[str, ...]) -> DataError:
        """What to raise where copies of one text get different `labels`."""
        told = " and ".join(repr(LABEL_SEPARATOR.join(each)) for each in labels)
        return DataError(
            f"the document {doc_id} and a copy of it are labelled {told}",
            where=str(self.path),
            hint="give both the same label: they are one text",
        )


def read_corrections(path: Path) -> Corrections:
    """The label of each `doc_id` in a file of examples that a person went over.

    Rows may be missing or in another order, and the separator may have become another one; other columns are not looked
    at. Labels that were left as they were are among the answer too.

    Raises:
        DataError: a row that cannot be read, a missing column or label, or two labels for a document.
    """
    found: dict[str, str] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise DataError(f"{row.reason}: {row.detail}", where=row.locator, hint="mend this row")
        doc_id, label = (_cell(path, row, column) for column in COLUMNS)
        if not label:
            raise DataError(
                f"the document {doc_id} has no label",
                where=row.locator,
                hint="write one, or delete the row to leave the example as it is",
            )
        if found.setdefault(doc_id, label) != label:
            raise DataError(
                f"the document {doc_id} is labelled both {found[doc_id]!r} and {label!r}",
                where=row.locator,
                hint="keep one of the two rows",
            )
    return Corrections(path, found)


def _cell(path: Path, row: Row, column: str) -> str:
    if column not in row.values:
        raise DataError(
            f"there is no column {column!r}, only {', '.join(map(repr, row.values))}",
            where=str(path),
            hint=f"keep the columns {' and '.join(COLUMNS)}: the one says which example, the other its label",
        )
    return str(row.values[column]).strip()
