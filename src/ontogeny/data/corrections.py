"""Labels that a person corrected: a file of `doc_id` and `label`, such as the `label_errors.csv` of a classifier.

An example keeps its id when its label changes, so the new version of the examples is the old one but for those labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ontogeny.core.errors import DataError, nearest
from ontogeny.data.document import Document, LabelledText, Rejected
from ontogeny.records.parts import part_paths
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Row

COLUMNS = ("doc_id", "label")


def read_corrections(path: Path) -> dict[str, str]:
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
    return found


def _cell(path: Path, row: Row, column: str) -> str:
    if column not in row.values:
        raise DataError(
            f"there is no column {column!r}, only {', '.join(map(repr, row.values))}",
            where=str(path),
            hint=f"keep the columns {' and '.join(COLUMNS)}: the one says which example, the other its label",
        )
    return str(row.values[column]).strip()


def corrected(
    documents: Iterable[Document | Rejected], corrections: Mapping[str, str]
) -> Iterator[Document | Rejected]:
    """`documents`, in which those that `corrections` names have the label that it says."""
    for document in documents:
        if (
            isinstance(document, Document)
            and isinstance(document.content, LabelledText)
            and (label := corrections.get(document.doc_id)) is not None
        ):
            yield replace(document, content=replace(document.content, labels=(label,)))
        else:
            yield document


def check_corrected(folder: Path, corrections: Mapping[str, str], path: Path) -> list[str]:
    """What to know of the examples in `folder`, which were made with `corrections` from `path`.

    Raises:
        DataError: none of the corrections is of one of these examples, or a label that only corrected examples have.
    """
    label_of = _labels(folder)
    missing = [doc_id for doc_id in corrections if doc_id not in label_of]
    if len(missing) == len(corrections):
        raise DataError(
            f"none of the {len(corrections):,} documents in it is among these examples, first {missing[0]}",
            where=str(path),
            hint="correct the file that a classifier of these examples wrote; under another `name` they have other ids",
        )
    names = {label for doc_id, label in label_of.items() if doc_id not in corrections}
    for doc_id, label in corrections.items():
        if label not in names:
            raise DataError(
                f"the label {label!r} of the document {doc_id} is that of no other example.{nearest(label, names)}",
                where=str(path),
                hint="write it as the examples do",
            )
    if not missing:
        return []
    told = f"{len(missing):,} of {len(corrections):,} corrected documents are not among these examples"
    return [f"{told}, first {missing[0]}"]


def _labels(folder: Path) -> dict[str, str]:
    """The label of every example in `folder`, those that were dropped included."""
    import pyarrow.parquet as pq

    from ontogeny.data.write import DROPPED_FILE

    found: dict[str, str] = {}
    for path in [*part_paths(folder), folder / DROPPED_FILE]:
        columns = pq.read_table(path, columns=list(COLUMNS)).to_pydict()
        pairs = zip(columns["doc_id"], columns["label"], strict=True)
        found |= {doc_id: label for doc_id, label in pairs if doc_id is not None and label is not None}
    return found
